/** msgget(2), msgctl(2) and the listing of message queues, after sys/kern/sysv_msg.c. */
import {
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOSYS,
  EPERM,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import {
  ACCESSPERMS,
  IPC_CREAT,
  IPC_EXCL,
  IPC_M,
  IPC_PRIVATE,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  OPENPERMS,
} from "@jailyard/abi/ipc";
import { type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import { MSG } from "@jailyard/abi/reason";
import type { Ix, Key, Msqid } from "@jailyard/abi/types";
import { privileged } from "./cred.ts";
import { setPerm } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import { timed } from "./lockwait.ts";
import { seer, shownKey } from "./model.ts";
import { type MsgPage, msgPage, msgPageBytes, P_QBYTES, T_CTIME } from "./msgpage.ts";
import { isDead } from "./msgpass.ts";
import { type MsgQueue, msgFind, msgFree, msgRemoveLocked } from "./msgq.ts";
import { copyMsqid, msgStat } from "./msgread.ts";
import { deny, lockQueue, unlockQueue } from "./site.ts";
import type { Thread } from "./thread.ts";
import { count, inUse } from "./usage.ts";

const MSG_14 = MSG(14);
const MSG_15 = MSG(15);
const MSG_16_MSGMNI = MSG(16, "kern.ipc.msgmni");
const MSG_16_RACCT = MSG(16, "rctl nmsgq");
const MSG_19 = MSG(19);
const MSG_20 = MSG(20);
const MSG_23 = MSG(23);
const MSG_25 = MSG(25);
const MSG_30 = MSG(30);

const HUGE = Number.POSITIVE_INFINITY;

/** msgget(2). The id is td_retval. @returns OK, ENOSYS, EEXIST, EACCES, ENOENT, ENOSPC */
export function msgget(k: Kernel, td: Thread, key: Key, msgflg: number): Errno {
  const root = k.model.root(k, "msg", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, MSG_14);
  if (key !== IPC_PRIVATE) {
    const queue = k.msg.table.find(k.model.keySpace(k, "msg", td.p_ucred), key);
    if (queue !== null) return msgOpen(k, td, queue, msgflg);
    if ((msgflg & IPC_CREAT) === 0) return deny(td, ENOENT, MSG_15);
  }
  return msgCreate(k, td, key, msgflg);
}

function msgOpen(k: Kernel, td: Thread, queue: MsgQueue, msgflg: number): Errno {
  const exclusive = IPC_CREAT | IPC_EXCL;
  if ((msgflg & exclusive) === exclusive) return deny(td, EEXIST, MSG_14);
  const error = ipcperm(td, queue.page, msgflg & OPENPERMS);
  if (error === OK) td.td_retval = k.msg.table.idOf(queue);
  return error;
}

function msgCreate(k: Kernel, td: Thread, key: Key, msgflg: number): Errno {
  const { msgtql, msgmnb, msgmni } = k.msginfo;
  const space = k.model.keySpace(k, "msg", td.p_ucred);
  const ix = k.msg.table.lowestFree();
  if (ix === -1 || inUse(k, "msg", space).objects >= msgmni) return deny(td, ENOSPC, MSG_16_MSGMNI);
  if (k.racct !== null && !k.racct.add(td, "nmsgq", 1)) return deny(td, ENOSPC, MSG_16_RACCT);
  const cred = td.p_ucred;
  const buffer = k.pages.take(msgPageBytes(msgtql, msgmnb));
  const page = timed(k, msgPage(buffer, msgtql, msgmnb));
  const queue: MsgQueue = { ix, page, cred, space, cpid: td.p_pid, made: k.now };
  k.msg.table.insert(queue, key, msgflg & ACCESSPERMS); // [MSG-17]
  page.hdr[P_QBYTES] = msgmnb;
  page.times[T_CTIME] = k.now;
  count(k, "msg", space, +1, 0);
  k.hold(cred);
  td.td_retval = k.msg.table.idOf(queue);
  return OK;
}

/**
 * msgctl(2). IPC_STAT fills `buf`, IPC_SET reads it; null stands for memory that is not mapped.
 * @returns OK, EFAULT, ENOSYS, EINVAL, EACCES, EPERM
 */
export function msgctl(
  k: Kernel,
  td: Thread,
  msqid: number,
  cmd: number,
  buf: MsqidDs | null,
): Errno {
  if (cmd === IPC_SET && buf === null) return deny(td, EFAULT, MSG_19);
  const root = k.model.root(k, "msg", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, MSG_20);
  const queue = msgFind(k, root, msqid);
  if (queue === null) return deny(td, EINVAL, MSG_20);
  td.td_retval = 0;
  lockQueue(k, queue.page);
  const error = msgctlLocked(k, td, queue, cmd, buf);
  unlockQueue(k, queue.page);
  if (cmd === IPC_RMID && error === OK) msgFree(k, queue);
  return error;
}

function msgctlLocked(
  k: Kernel,
  td: Thread,
  queue: MsgQueue,
  cmd: number,
  buf: MsqidDs | null,
): Errno {
  switch (cmd) {
    case IPC_RMID:
      return msgRmid(k, td, queue);
    case IPC_SET:
      return msgSet(k, td, queue.page, buf!);
    case IPC_STAT:
      return msgStat(td, queue.page, shownKey(k, td.p_ucred, queue), buf);
    default:
      return deny(td, EINVAL, MSG_30);
  }
}

function msgRmid(k: Kernel, td: Thread, queue: MsgQueue): Errno {
  const error = ipcperm(td, queue.page, IPC_M);
  if (error === OK) msgRemoveLocked(k, queue, td);
  return error;
}

/**
 * More bytes than now ask for privilege, and msgmnb is the most even so. Nobody is woken: senders
 * that fit by now notice at their next look. [MSG-23] to [MSG-26]
 */
function msgSet(k: Kernel, td: Thread, page: MsgPage, buf: MsqidDs): Errno {
  const { msgmnb } = k.msginfo;
  const error = ipcperm(td, page, IPC_M);
  if (error !== OK) return error;
  const asked = buf.msg_qbytes >= 0 ? Math.trunc(buf.msg_qbytes) : HUGE; // unsigned long
  if (asked > page.hdr[P_QBYTES] && !privileged(td.p_ucred)) return deny(td, EPERM, MSG_23);
  if (asked === 0) return deny(td, EINVAL, MSG_25);
  setPerm(page, buf.msg_perm);
  page.hdr[P_QBYTES] = Math.min(asked, msgmnb);
  page.times[T_CTIME] = k.now;
  return OK;
}

/** A row of kern.ipc.msqids that is not all zero. */
export interface MsgRow {
  readonly ix: Ix;
  readonly id: Msqid;
  readonly ds: MsqidDs;
}

/** kern.ipc.msqids for this reader: the rows that are in use and visible, by index. `all`: in every name space. [MSG-70] */
export function msgList(k: Kernel, td: Thread, all = false): MsgRow[] {
  const root = k.model.root(k, "msg", td.p_ucred);
  const sees = seer(k, "msg", root, all);
  if (sees === null) return [];
  const rows: MsgRow[] = [];
  for (const queue of k.msg.table.slots) {
    if (queue === null || isDead(queue.page) || !sees(queue)) continue;
    const ds = msqidDs();
    copyMsqid(queue.page, shownKey(k, td.p_ucred, queue), ds);
    rows.push({ ix: queue.ix, id: k.msg.table.idOf(queue) as Msqid, ds });
  }
  return rows;
}
