/**
 * msgsnd(2) and msgrcv(2) as far as the page of the queue goes: what the kernel's thread does behind
 * the gate, and a jail's thread on a page that it has mapped. After sys/kern/sysv_msg.c. The caller
 * holds the queue.
 *
 * A sender that must wait looks again at least once a second: room that other queues, IPC_SET or
 * an interrupted sender leave is announced to nobody. [MSG-26] [MSG-28] [MSG-43] The first one to
 * wait holds the queue's lock bit, and while it does every other sender must wait too. [MSG-36]
 * Missing: the lock bit during a copy, which nobody can see here: the copy does not sleep. [MSG-48]
 */
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EIDRM,
  EINVAL,
  ENOMSG,
  type Errno,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { IPC_NOWAIT } from "@jailyard/abi/ipc";
import { MSG_LOCKED, MSG_NOERROR, type UserMsgbuf } from "@jailyard/abi/msg";
import { MSG, type Reason } from "@jailyard/abi/reason";
import { GRANTED, WOKEN } from "@jailyard/memory/sleepers";
import { P_MODE, P_SLEEP_HEAD } from "./ipcpage.ts";
import { queueWaits } from "./lockwait.ts";
import {
  append,
  copyBytes,
  keptBefore,
  lastRow,
  type MsgPage,
  P_CBYTES,
  P_LRPID,
  P_LSPID,
  P_MSGLPID,
  P_QBYTES,
  P_RECEIVED,
  P_SENT,
  rowAfter,
  selectBefore,
  selects,
  T_RTIME,
  T_STIME,
  textOf,
  unlinkAfter,
} from "./msgpage.ts";
import { freeSegs, poolGive, poolTake } from "./msgpool.ts";
import { type Caller, deny, type Site } from "./site.ts";
import { SLEEPS_MSG, sleepOn, wakeOne, wakeup, wasGranted } from "./sleepq.ts";
import { interrupted } from "./thread.ts";

const MSG_38 = MSG(38);
const MSG_40_LOCK = MSG(40);
const MSG_40_QBYTES = MSG(40, "kern.ipc.msgmnb");
const MSG_40_SEGS = MSG(40, "kern.ipc.msgseg");
const MSG_40_HDRS = MSG(40, "kern.ipc.msgtql");
const MSG_46 = MSG(46);
const MSG_47 = MSG(47);
const MSG_55 = MSG(55);
const MSG_56 = MSG(56);
const MSG_57 = MSG(57);
const MSG_58 = MSG(58);
const MSG_61 = MSG(61);
const MSG_62 = MSG(62);

/** How long a sender sleeps before it looks again by itself, in milliseconds. [MSG-41] */
export const RETRY_MS = 1000;
/** A negative size is this large: above every limit, and exact in the sums of accounting. */
const HUGE = 2 ** 52;
export const sizeOf = (msgsz: number): number => (msgsz < 0 ? HUGE : Math.min(msgsz, HUGE));

/** Segments for a body of `bytes`. [MSG-4] */
export const segsOf = (k: Site, bytes: number): number => Math.ceil(bytes / k.msginfo.msgssz);

export const isDead = ({ hdr }: MsgPage): boolean => hdr[P_QBYTES] === 0;
export const isLocked = ({ hdr }: MsgPage): boolean => (hdr[P_MODE] & MSG_LOCKED) !== 0;

/** A message on its way. */
export interface MsgSend {
  readonly mtype: number;
  mtext: Uint8Array | null;
  readonly msgsz: number;
  readonly msgflg: number;
  /** Is mtext memory of its own? */
  kept: boolean;
}

/** One pass of the wait loop, and the message if there is room. [MSG-37] */
export function msgsndLocked(k: Site, td: Caller, page: MsgPage, send: MsgSend): Errno {
  if (send.msgsz > page.hdr[P_QBYTES]) return deny(td, EINVAL, MSG_38);
  const obstacle = mustWait(k, page, send.msgsz);
  if (obstacle === null) return msgPost(k, td, page, send);
  if ((send.msgflg & IPC_NOWAIT) !== 0) return deny(td, EAGAIN, obstacle);
  return msgsndSleep(k, td, page, send);
}

/** What a sender has to wait for; null: nothing, and header and segments are taken. [MSG-39] */
function mustWait(k: Site, page: MsgPage, msgsz: number): Reason | null {
  const { hdr } = page;
  if (isLocked(page)) return MSG_40_LOCK; // a held lock is enough [MSG-40]
  if (msgsz + hdr[P_CBYTES] > hdr[P_QBYTES]) return MSG_40_QBYTES;
  const { words } = k.commons;
  const segs = segsOf(k, msgsz);
  if (poolTake(words, segs)) return null;
  return segs > freeSegs(words) ? MSG_40_SEGS : MSG_40_HDRS;
}

/**
 * Sleep on the queue for a second at most, as the holder of its lock if nobody is [MSG-41]. The
 * holder slept first and so wakes first, but those behind it compete. [MSG-51]
 */
function msgsndSleep(k: Site, td: Caller, page: MsgPage, send: MsgSend): Errno {
  if (!send.kept) {
    send.mtext &&= new Uint8Array(send.mtext.subarray(0, send.msgsz)); // the caller's may change
    send.kept = true;
  }
  const { rows } = k.commons;
  rows.sends[td.tid] = 1;
  rows.msgsz[td.tid] = send.msgsz;
  rows.since[td.tid] = k.commons.clock[0];
  rows.holder[td.tid] = isLocked(page) ? 0 : 1;
  page.hdr[P_MODE] |= MSG_LOCKED;
  sleepOn(k, td, page, SLEEPS_MSG);
  queueWaits(k, td, page, true, page.hdr[P_LSPID]);
  return ESLEEP;
}

/** The sender looks again: if it holds the lock bit it lets go first. Wakes nobody. [MSG-43] */
export function msgUnhold(k: Site, tid: number, page: MsgPage): void {
  const { rows } = k.commons;
  if (rows.holder[tid] === 1) page.hdr[P_MODE] &= ~MSG_LOCKED;
  rows.holder[tid] = 0;
}

/**
 * There is room: type and body are looked at only now, and a failure wakes all [MSG-34]. The message
 * stands behind those of senders that came here before. [MSG-45] [MSG-50]
 */
function msgPost(k: Site, td: Caller, page: MsgPage, send: MsgSend): Errno {
  const { mtype, mtext, msgsz } = send;
  if (!k.handoff) wakeup(k, page); // [MSG-66]
  const error = sendable(td, send);
  if (error !== OK) {
    poolGive(k.commons.words, segsOf(k, msgsz));
    return error;
  }
  append(page, mtype, mtext ?? NO_BYTES, msgsz);
  page.hdr[P_LSPID] = td.p_pid;
  page.hdr[P_MSGLPID] = td.p_pid;
  page.hdr[P_SENT]++;
  page.times[T_STIME] = k.now;
  td.td_retval = 0;
  if (k.handoff) {
    offer(k, page, lastRow(page));
    serveSender(k, page);
  }
  return OK;
}

function sendable(td: Caller, { mtype, mtext, msgsz }: MsgSend): Errno {
  if (mtype < 1) return deny(td, EINVAL, MSG_46);
  return mtext === null && msgsz > 0 ? deny(td, EFAULT, MSG_47) : OK;
}

const NO_BYTES = new Uint8Array(0);

/** Wake policy `handoff`: keep the message for the first sleeper that wants it, and wake that one. */
function offer(k: Site, page: MsgPage, row: number): void {
  const { rows } = k.commons;
  const { msg } = page;
  for (let tid = page.hdr[P_SLEEP_HEAD]; tid !== 0; tid = rows.next[tid]) {
    if (rows.sends[tid] === 1 || !selects(rows.msgtyp[tid], msg.type[row])) continue;
    const fits = msg.length[row] <= rows.msgsz[tid];
    if (fits) msg.kept[row] = tid;
    wakeOne(k, page, tid, fits ? GRANTED : WOKEN); // one for which it is too long learns E2BIG
    if (fits) return;
  }
}

/** Wake policy `handoff`: there may be room for the sender that waits longest. */
function serveSender(k: Site, page: MsgPage): void {
  const { rows } = k.commons;
  const { hdr } = page;
  for (let tid = hdr[P_SLEEP_HEAD]; tid !== 0; tid = rows.next[tid]) {
    if (rows.sends[tid] === 0) continue;
    if (hdr[P_CBYTES] + rows.msgsz[tid] <= hdr[P_QBYTES]) wakeOne(k, page, tid, WOKEN);
    return;
  }
}

/** A receiver for which a message was kept will not take it: the next one may. */
export function msgUnkeep(k: Site, tid: number, page: MsgPage): void {
  const before = keptBefore(page, tid);
  if (before === -1) return;
  const row = rowAfter(page, before);
  page.msg.kept[row] = 0;
  offer(k, page, row);
}

/** A receiver's wish. `msg` has room for the lesser of `msgsz` and the message; null: not mapped. */
export interface MsgWant {
  readonly msg: UserMsgbuf | null;
  readonly msgsz: number;
  readonly msgtyp: number;
  readonly msgflg: number;
  /** The text comes in memory of its own, of its length; what `msg` has is not written to. */
  readonly fresh?: boolean;
}

/**
 * Look for a message once, from the head of the queue. A message kept for this process is the one.
 * @returns OK, E2BIG, ENOMSG, EFAULT, or ESLEEP: queued
 */
export function msgrcvLocked(
  k: Site,
  td: Caller,
  page: MsgPage,
  want: MsgWant,
  how: number,
): Errno {
  const before = wasGranted(how)
    ? keptBefore(page, td.tid)
    : selectBefore(page, want.msgtyp, td.tid);
  if (before === -1) {
    if ((want.msgflg & IPC_NOWAIT) !== 0) return deny(td, ENOMSG, MSG_56);
    return msgrcvSleep(k, td, page, want);
  }
  const length = page.msg.length[rowAfter(page, before)];
  const tooLong = length > want.msgsz && (want.msgflg & MSG_NOERROR) === 0;
  return tooLong ? deny(td, E2BIG, MSG_55) : msgDeliver(k, td, page, want, before);
}

function msgrcvSleep(k: Site, td: Caller, page: MsgPage, want: MsgWant): Errno {
  const { rows } = k.commons;
  rows.sends[td.tid] = 0;
  rows.holder[td.tid] = 0;
  rows.msgtyp[td.tid] = want.msgtyp;
  rows.msgsz[td.tid] = (want.msgflg & MSG_NOERROR) !== 0 ? HUGE : want.msgsz;
  sleepOn(k, td, page, SLEEPS_MSG);
  queueWaits(k, td, page, false, 0);
  return ESLEEP;
}

/** Take the message after row `before`, copy it out, type last, and wake all. [MSG-59] [MSG-62] */
function msgDeliver(k: Site, td: Caller, page: MsgPage, want: MsgWant, before: number): Errno {
  const { msg, msgsz } = want;
  const row = rowAfter(page, before);
  const bytes = Math.min(msgsz, page.msg.length[row]);
  msgTake(k, page, before);
  page.hdr[P_LRPID] = td.p_pid;
  page.hdr[P_MSGLPID] = td.p_pid;
  page.hdr[P_RECEIVED]++;
  page.times[T_RTIME] = k.now;
  if (k.handoff) serveSender(k, page);
  else wakeup(k, page);
  if (want.fresh === true) {
    td.td_retval = bytes;
    msg!.mtext = textOf(page, row, bytes);
    msg!.mtype = page.msg.type[row];
    return OK;
  }
  const mtext = msg === null ? null : msg.mtext;
  if (bytes > (mtext?.length ?? 0)) return deny(td, EFAULT, MSG_61); // memory ends before the text
  if (msg === null) return deny(td, EFAULT, MSG_62);
  if (mtext !== null) copyBytes(page.arena, page.msg.spot[row], mtext, 0, bytes);
  msg.mtype = page.msg.type[row];
  td.td_retval = bytes;
  return OK;
}

/** Unlink the message after row `before`: its header and segments are free again. [MSG-59] */
export function msgTake(k: Site, page: MsgPage, before: number): void {
  const length = page.msg.length[rowAfter(page, before)];
  unlinkAfter(page, before);
  poolGive(k.commons.words, segsOf(k, length));
  k.taken(page, length); // charged to the creator, not the sender
}

/** A receiver ends without a look: by a signal, or because the queue is gone. */
export function msgrcvOver(td: Caller): Errno {
  return td.td_interrupted ? interrupted(td, MSG_57) : deny(td, EIDRM, MSG_58);
}
