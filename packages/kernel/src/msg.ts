/**
 * msgsnd(2) and msgrcv(2) in the kernel's thread: find the queue, see whether the caller may know of
 * it, accounting, sleep. After sys/kern/sysv_msg.c.
 *
 * Lock order: the page of one queue. Missing: MAC.
 */
import { EAGAIN, EFAULT, EIDRM, EINVAL, ENOSYS, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_R, IPC_W } from "@jailyard/abi/ipc";
import type { UserMsgbuf } from "@jailyard/abi/msg";
import { MSG } from "@jailyard/abi/reason";
import type { Ix } from "@jailyard/abi/types";
import { WOKEN } from "@jailyard/memory/sleepers";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import {
  isDead,
  type MsgSend,
  type MsgWant,
  msgrcvLocked,
  msgrcvOver,
  msgsndLocked,
  msgUnhold,
  msgUnkeep,
  RETRY_MS,
  sizeOf,
} from "./msgpass.ts";
import { type MsgQueue, msgFind, msgFreeSlot } from "./msgq.ts";
import { asleepOn } from "./runq.ts";
import { type Caller, deny, lockQueue, unlockQueue } from "./site.ts";
import { awaken, wasGranted } from "./sleepq.ts";
import { interrupted, type Thread } from "./thread.ts";

const MSG_31 = MSG(31);
const MSG_32 = MSG(32);
const MSG_33_QUEUED = MSG(33, "rctl msgqqueued");
const MSG_33_SIZE = MSG(33, "rctl msgqsize");
const MSG_38 = MSG(38);
const MSG_43 = MSG(43);
const MSG_44 = MSG(44);
const MSG_53 = MSG(53);

/** What a msgsnd keeps while it sleeps: the slot, not the queue. [MSG-44] */
interface Sending {
  readonly ix: Ix;
  readonly send: MsgSend;
}

/**
 * msgsnd(2). `msg` null: not mapped at all. Of `mtext` the first `msgsz` bytes are sent, a negative
 * size being huge. [MSG-35]
 *
 * @returns OK; EFAULT, ENOSYS, EINVAL, EACCES or EAGAIN, the queue unchanged; or ESLEEP, the queue
 * perhaps locked; EIDRM or EINTR only after a sleep.
 */
export function msgsnd(
  k: Kernel,
  td: Thread,
  msqid: number,
  msg: UserMsgbuf | null,
  msgsz: number,
  msgflg: number,
): Errno {
  if (msg === null) return deny(td, EFAULT, MSG_31);
  const root = k.model.root(k, "msg", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, MSG_32);
  const queue = msgFind(k, root, msqid);
  if (queue === null) return deny(td, EINVAL, MSG_32);
  const { mtype, mtext } = msg;
  const send: MsgSend = { mtype, mtext, msgsz: sizeOf(msgsz), msgflg, kept: false };
  lockQueue(k, queue.page);
  let error = ipcperm(td, queue.page, IPC_W);
  if (error === OK) error = msgCharge(k, td, send.msgsz);
  if (error === OK) {
    error = msgsndLocked(k, td, queue.page, send);
    if (error !== OK && error !== ESLEEP) msgRefund(k, td, send.msgsz);
  }
  unlockQueue(k, queue.page);
  return error === ESLEEP ? msgsndAsleep(k, td, queue, send) : error;
}

/** Accounting comes before the wait loop, so its EAGAIN does without IPC_NOWAIT. [MSG-33] */
function msgCharge(k: Kernel, td: Thread, msgsz: number): Errno {
  const { racct } = k;
  if (racct === null) return OK;
  if (!racct.add(td, "msgqqueued", 1)) return deny(td, EAGAIN, MSG_33_QUEUED);
  if (racct.add(td, "msgqsize", msgsz)) return OK;
  racct.giveBack(td, "msgqqueued", 1);
  return deny(td, EAGAIN, MSG_33_SIZE);
}

function msgRefund(k: Kernel, td: Thread, msgsz: number): void {
  k.racct?.giveBack(td, "msgqqueued", 1);
  k.racct?.giveBack(td, "msgqsize", msgsz);
}

function msgsndAsleep(k: Kernel, td: Thread, queue: MsgQueue, send: MsgSend): Errno {
  const sending: Sending = { ix: queue.ix, send };
  td.td_sleep = sending;
  td.td_deadline = k.nowMs + RETRY_MS;
  k.timeouts.add(td);
  asleepOn(k, td, queue.page, msgsndResume);
  return ESLEEP;
}

/** After a sleep; whatever it ends with other than success, the charge is taken back. */
function msgsndResume(k: Kernel, td: Thread): Errno {
  const { ix, send } = td.td_sleep as Sending;
  awaken(k, td.tid);
  const error = msgsndWoken(k, td, ix, send);
  if (error !== OK && error !== ESLEEP) msgRefund(k, td, send.msgsz);
  return error;
}

/**
 * The lock bit goes first; then signal, removal, next pass, in this order. The slot may have
 * another queue by now: the sender goes on with that one, unchecked. [MSG-42] to [MSG-44]
 */
export function msgsndWoken(k: Kernel, td: Thread, ix: Ix, send: MsgSend): Errno {
  const queue = k.msg.table.slots[ix] ?? null;
  const gone = queue === null || isDead(queue.page);
  if (queue !== null) msgLetGo(k, td.tid, queue);
  if (td.td_interrupted) return interrupted(td, MSG_43);
  if (gone) return msgsndGone(td, send);
  lockQueue(k, queue.page);
  const error = msgsndLocked(k, td, queue.page, send);
  unlockQueue(k, queue.page);
  return error === ESLEEP ? msgsndAsleep(k, td, queue, send) : error;
}

/** A timeout does not test for removal: then msg_qbytes, which is 0, refuses the size. */
function msgsndGone(td: Caller, { msgsz }: MsgSend): Errno {
  if (td.td_timedout && msgsz > 0) return deny(td, EINVAL, MSG_38);
  return deny(td, EIDRM, MSG_44);
}

/** A sender that holds the queue's lock bit lets go of it, and of the slot of a dead queue. */
export function msgLetGo(k: Kernel, tid: number, queue: MsgQueue): void {
  if (k.commons.rows.holder[tid] === 0) return;
  lockQueue(k, queue.page);
  msgUnhold(k, tid, queue.page);
  unlockQueue(k, queue.page);
  if (isDead(queue.page)) msgFreeSlot(k, queue);
}

/** A msgrcv under way. */
interface Receiving {
  readonly queue: MsgQueue;
  readonly want: MsgWant;
}

/**
 * msgrcv(2). Fills `msg`, whose mtext has room for the lesser of `msgsz` and the message; td_retval
 * is the bytes of the body. null in or for `msg`: not mapped, and then the message is lost.
 *
 * @returns OK; ENOSYS, EINVAL, EACCES, E2BIG or ENOMSG, the queue unchanged; EFAULT, the message
 * gone; or ESLEEP; EIDRM or EINTR only after a sleep.
 */
export function msgrcv(
  k: Kernel,
  td: Thread,
  msqid: number,
  msg: UserMsgbuf | null,
  msgsz: number,
  msgtyp: number,
  msgflg: number,
): Errno {
  const root = k.model.root(k, "msg", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, MSG_53);
  const queue = msgFind(k, root, msqid);
  if (queue === null) return deny(td, EINVAL, MSG_53);
  const want: MsgWant = { msg, msgsz: sizeOf(msgsz), msgtyp, msgflg };
  lockQueue(k, queue.page);
  let error = ipcperm(td, queue.page, IPC_R);
  if (error === OK) error = msgrcvLocked(k, td, queue.page, want, WOKEN);
  unlockQueue(k, queue.page);
  return error === ESLEEP ? msgrcvAsleep(k, td, { queue, want }) : error;
}

function msgrcvAsleep(k: Kernel, td: Thread, receiving: Receiving): Errno {
  td.td_sleep = receiving;
  asleepOn(k, td, receiving.queue.page, msgrcvResume);
  return ESLEEP;
}

/** Does this process sleep in msgsnd or msgrcv? [MSG-72] */
export const msgSleeps = ({ td_resume }: Thread): boolean =>
  td_resume === msgsndResume || td_resume === msgrcvResume;

/** After a wakeup: a signal counts before removal, unlike in semop. [MSG-57] [MSG-58] */
function msgrcvResume(k: Kernel, td: Thread): Errno {
  const receiving = td.td_sleep as Receiving;
  const { queue, want } = receiving;
  const how = awaken(k, td.tid);
  const gone = k.msg.table.slots[queue.ix] !== queue || isDead(queue.page);
  if (gone || (td.td_interrupted && !wasGranted(how))) return msgrcvOver(td);
  td.td_interrupted = false;
  lockQueue(k, queue.page);
  const error = msgrcvLocked(k, td, queue.page, want, how);
  if (error !== OK) msgUnkeep(k, td.tid, queue.page);
  unlockQueue(k, queue.page);
  return error === ESLEEP ? msgrcvAsleep(k, td, receiving) : error;
}
