/**
 * System V message queues: msgsnd(2) and msgrcv(2), after sys/kern/sysv_msg.c.
 *
 * A sender that must wait looks again at least once a second: room that other queues, IPC_SET or
 * an interrupted sender leave is announced to nobody. [MSG-26] [MSG-28] [MSG-43] The first one to
 * wait holds the queue's lock bit, and while it does every other sender must wait too. [MSG-36]
 *
 * Lock order: the page of one queue. The pool belongs to the kernel's thread. Missing: MAC, and the
 * lock bit during a copy, which here nobody can see: the copy does not sleep, and no queue is
 * removed meanwhile. [MSG-48]
 */
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EIDRM,
  EINVAL,
  ENOMSG,
  ENOSYS,
  type Errno,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_R, IPC_W, ipcidToIx } from "@jailyard/abi/ipc";
import { MSG_LOCKED, MSG_NOERROR, type UserMsgbuf } from "@jailyard/abi/msg";
import { MSG, type Reason } from "@jailyard/abi/reason";
import type { Ix } from "@jailyard/abi/types";
import { mtxLock, mtxUnlock } from "@jailyard/memory/mutex";
import { P_MODE } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import {
  append,
  copyBytes,
  P_CBYTES,
  P_LRPID,
  P_LSPID,
  P_QBYTES,
  rowAfter,
  selectBefore,
  T_RTIME,
  T_STIME,
} from "./msgpage.ts";
import { isDead, isLocked, type MsgQueue, msgFind, msgFreeSlot, msgTake, segsOf } from "./msgq.ts";
import { sleepOn, wakeup } from "./sleepq.ts";
import { deny, interrupted, type Thread } from "./thread.ts";

/** How long a sender sleeps before it looks again by itself. [MSG-41] */
const RETRY_MS = 1000;
/** A negative size is this large: above every limit, and exact in the sums of accounting. */
const HUGE = 2 ** 52;

const MSG_31 = MSG(31);
const MSG_32 = MSG(32);
const MSG_33_QUEUED = MSG(33, "rctl msgqqueued");
const MSG_33_SIZE = MSG(33, "rctl msgqsize");
const MSG_38 = MSG(38);
const MSG_40_LOCK = MSG(40);
const MSG_40_QBYTES = MSG(40, "kern.ipc.msgmnb");
const MSG_40_SEGS = MSG(40, "kern.ipc.msgseg");
const MSG_40_HDRS = MSG(40, "kern.ipc.msgtql");
const MSG_43 = MSG(43);
const MSG_44 = MSG(44);
const MSG_46 = MSG(46);
const MSG_47 = MSG(47);
const MSG_53 = MSG(53);
const MSG_55 = MSG(55);
const MSG_56 = MSG(56);
const MSG_57 = MSG(57);
const MSG_58 = MSG(58);
const MSG_61 = MSG(61);
const MSG_62 = MSG(62);

const unsigned = (msgsz: number): number => (msgsz < 0 ? HUGE : Math.min(msgsz, HUGE));

/** A msgsnd under way, and what it keeps while it sleeps: the slot, not the queue. [MSG-44] */
interface MsgSend {
  readonly ix: Ix;
  readonly mtype: number;
  mtext: Uint8Array | null;
  /** Is mtext in the kernel's own memory? */
  kept: boolean;
  readonly msgsz: number;
  readonly segs: number;
  readonly msgflg: number;
  /** Did this sleep set the lock bit? [MSG-41] */
  holder: boolean;
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
  const size = unsigned(msgsz);
  const { mtype, mtext } = msg;
  const ix = ipcidToIx(msqid);
  const segs = segsOf(k, size);
  const send: MsgSend = { ix, mtype, mtext, kept: false, msgsz: size, segs, msgflg, holder: false };
  mtxLock(queue.page.mtx, 0, k.self);
  let error = ipcperm(td, queue.page, IPC_W);
  if (error === OK) error = msgCharge(k, td, size);
  if (error === OK) {
    error = msgsndLocked(k, td, queue, send);
    if (error !== OK && error !== ESLEEP) msgRefund(k, td, size);
  }
  mtxUnlock(queue.page.mtx, 0);
  return error;
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

/** One pass of the wait loop, and the message if there is room. Holds the page. [MSG-37] */
function msgsndLocked(k: Kernel, td: Thread, queue: MsgQueue, send: MsgSend): Errno {
  if (send.msgsz > queue.page.hdr[P_QBYTES]) return deny(td, EINVAL, MSG_38);
  const obstacle = mustWait(k, queue, send);
  if (obstacle === null) return msgPost(k, td, queue, send);
  if ((send.msgflg & IPC_NOWAIT) !== 0) return deny(td, EAGAIN, obstacle);
  return msgsndSleep(k, td, queue, send);
}

/** What a sender has to wait for; null: nothing. A held lock is enough. [MSG-39] [MSG-40] */
function mustWait(k: Kernel, queue: MsgQueue, { msgsz, segs }: MsgSend): Reason | null {
  const { hdr } = queue.page;
  if (isLocked(queue)) return MSG_40_LOCK;
  if (msgsz + hdr[P_CBYTES] > hdr[P_QBYTES]) return MSG_40_QBYTES;
  if (segs > k.msg.freeSegs) return MSG_40_SEGS;
  return k.msg.freeHdrs === 0 ? MSG_40_HDRS : null;
}

/**
 * Sleep on the queue for a second at most, as the holder of its lock if nobody is [MSG-41]. The
 * holder slept first and so wakes first, but those behind it compete. [MSG-51]
 */
function msgsndSleep(k: Kernel, td: Thread, queue: MsgQueue, send: MsgSend): Errno {
  const { page } = queue;
  if (!send.kept) {
    send.mtext &&= new Uint8Array(send.mtext.subarray(0, send.msgsz)); // the caller's may change
    send.kept = true;
  }
  send.holder = !isLocked(queue);
  page.hdr[P_MODE] |= MSG_LOCKED;
  td.td_sleep = send;
  td.td_deadline = k.nowMs + RETRY_MS;
  k.timeouts.add(td);
  sleepOn(k, td, page, msgsndResume);
  return ESLEEP;
}

/** After a sleep; whatever it ends with other than success, the charge is taken back. */
function msgsndResume(k: Kernel, td: Thread): Errno {
  const send = td.td_sleep as MsgSend;
  const error = msgsndWoken(k, td, send);
  if (error !== OK && error !== ESLEEP) msgRefund(k, td, send.msgsz);
  return error;
}

/**
 * The lock bit goes first; then signal, removal, next pass, in this order. The slot may have
 * another queue by now: the sender goes on with that one, unchecked. [MSG-42] to [MSG-44]
 */
function msgsndWoken(k: Kernel, td: Thread, send: MsgSend): Errno {
  const queue = k.msg.table.slots[send.ix];
  const gone = queue === null || isDead(queue);
  if (send.holder) msgUnlock(k, queue!);
  if (td.td_interrupted) return interrupted(td, MSG_43);
  if (gone) {
    // A timeout does not test for removal: then msg_qbytes, which is 0, refuses the size.
    if (td.td_timedout && send.msgsz > 0) return deny(td, EINVAL, MSG_38);
    return deny(td, EIDRM, MSG_44);
  }
  mtxLock(queue.page.mtx, 0, k.self);
  const error = msgsndLocked(k, td, queue, send);
  mtxUnlock(queue.page.mtx, 0);
  return error;
}

/** The holder lets go of the lock bit, and of the slot of a dead queue. Wakes nobody. [MSG-43] */
function msgUnlock(k: Kernel, queue: MsgQueue): void {
  const { page } = queue;
  mtxLock(page.mtx, 0, k.self);
  page.hdr[P_MODE] &= ~MSG_LOCKED;
  mtxUnlock(page.mtx, 0);
  if (isDead(queue)) msgFreeSlot(k, queue);
}

/**
 * There is room: type and body are looked at only now, and a failure wakes all [MSG-34]. Header and
 * segments are taken, and the message stands behind those of senders that came here before.
 * [MSG-45] [MSG-50]
 */
function msgPost(k: Kernel, td: Thread, queue: MsgQueue, send: MsgSend): Errno {
  const { page } = queue;
  const { mtype, mtext, msgsz } = send;
  wakeup(k, page); // [MSG-66]
  if (mtype < 1) return deny(td, EINVAL, MSG_46);
  if (mtext === null && msgsz > 0) return deny(td, EFAULT, MSG_47);
  k.msg.freeHdrs--;
  k.msg.freeSegs -= send.segs;
  append(page, mtype, mtext ?? NO_BYTES, msgsz);
  page.hdr[P_LSPID] = td.p_pid;
  page.times[T_STIME] = k.now;
  td.td_retval = 0;
  return OK;
}

const NO_BYTES = new Uint8Array(0);

/** A msgrcv under way. */
interface MsgWant {
  readonly queue: MsgQueue;
  readonly msg: UserMsgbuf | null;
  readonly msgsz: number;
  readonly msgtyp: number;
  readonly msgflg: number;
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
  const want: MsgWant = { queue, msg, msgsz: unsigned(msgsz), msgtyp, msgflg };
  mtxLock(queue.page.mtx, 0, k.self);
  let error = ipcperm(td, queue.page, IPC_R);
  if (error === OK) error = msgrcvLocked(k, td, want);
  mtxUnlock(queue.page.mtx, 0);
  return error;
}

/** Look for a message once, from the head of the queue. The caller holds the page. */
function msgrcvLocked(k: Kernel, td: Thread, want: MsgWant): Errno {
  const { page } = want.queue;
  const before = selectBefore(page, want.msgtyp);
  if (before === -1) {
    if ((want.msgflg & IPC_NOWAIT) !== 0) return deny(td, ENOMSG, MSG_56);
    td.td_sleep = want;
    sleepOn(k, td, page, msgrcvResume);
    return ESLEEP;
  }
  const length = page.msg.length[rowAfter(page, before)];
  const tooLong = length > want.msgsz && (want.msgflg & MSG_NOERROR) === 0;
  return tooLong ? deny(td, E2BIG, MSG_55) : msgDeliver(k, td, want, before);
}

/** Does this process sleep in msgsnd or msgrcv? [MSG-72] */
export const msgSleeps = ({ td_resume }: Thread): boolean =>
  td_resume === msgsndResume || td_resume === msgrcvResume;

/** After a wakeup: a signal counts before removal, unlike in semop. [MSG-57] [MSG-58] */
function msgrcvResume(k: Kernel, td: Thread): Errno {
  const want = td.td_sleep as MsgWant;
  const { queue } = want;
  if (td.td_interrupted) return interrupted(td, MSG_57);
  if (k.msg.table.slots[queue.ix] !== queue || isDead(queue)) return deny(td, EIDRM, MSG_58);
  mtxLock(queue.page.mtx, 0, k.self);
  const error = msgrcvLocked(k, td, want);
  mtxUnlock(queue.page.mtx, 0);
  return error;
}

/** Take the message after row `before`, copy it out, type last, and wake all. [MSG-59] [MSG-62] */
function msgDeliver(k: Kernel, td: Thread, want: MsgWant, before: number): Errno {
  const { queue, msg, msgsz } = want;
  const { page } = queue;
  const row = rowAfter(page, before);
  const bytes = Math.min(msgsz, page.msg.length[row]);
  msgTake(k, queue, before);
  page.hdr[P_LRPID] = td.p_pid;
  page.times[T_RTIME] = k.now;
  wakeup(k, page);
  const mtext = msg === null ? null : msg.mtext;
  if (bytes > (mtext?.length ?? 0)) return deny(td, EFAULT, MSG_61); // memory ends before the text
  if (msg === null) return deny(td, EFAULT, MSG_62);
  if (mtext !== null) copyBytes(page.arena, page.msg.spot[row], mtext, 0, bytes);
  msg.mtype = page.msg.type[row];
  td.td_retval = bytes;
  return OK;
}
