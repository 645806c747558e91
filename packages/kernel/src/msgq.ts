/**
 * The life of a message queue: its slot, the pool that all queues share, its lock and its removal,
 * after msq_remove() and msg_freehdr() of sys/kern/sysv_msg.c.
 *
 * A queue that is removed while a sleeping sender holds its lock keeps its slot until that sender
 * has run; it is dead, nobody finds it, but the slot is not given to another. [MSG-18]
 * Lock order: the page of one queue. Table and pool belong to the kernel's thread.
 */
import { MSG_LOCKED } from "@jailyard/abi/msg";
import { mtxLock, mtxUnlock } from "@jailyard/memory/mutex";
import { P_ALIVE, P_MODE } from "./ipcpage.ts";
import { type IpcObject, IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import type { Root } from "./model.ts";
import { type MsgPage, P_CBYTES, P_QBYTES, P_QNUM, rowAfter, unlinkAfter } from "./msgpage.ts";
import { wakeup } from "./sleepq.ts";
import { count, slotsFor } from "./usage.ts";

export type MsgQueue = IpcObject<MsgPage>;

export interface MsgState {
  /** Its `live` counts dead queues too, as long as their lock is held. */
  readonly table: IpcTable<MsgPage>;
  /** Segments of msgssz bytes and message headers that no queue uses. [MSG-4] */
  freeSegs: number;
  freeHdrs: number;
}

/** Module load: an empty table and a full pool. Ids start again at 65536. [MSG-74] */
export function msgInit(k: Kernel): void {
  const { msgmni, msgseg, msgtql } = k.msginfo;
  k.msg = { table: new IpcTable(slotsFor(k, msgmni)), freeSegs: msgseg, freeHdrs: msgtql };
}

/** Would an unload meet queues, live or locked? [MSG-72] */
export const msgBusy = (k: Kernel): boolean => k.msg.table.live > 0;

/** Segments for a body of `bytes`. [MSG-4] */
export const segsOf = (k: Kernel, bytes: number): number => Math.ceil(bytes / k.msginfo.msgssz);

export const isDead = ({ page }: MsgQueue): boolean => page.hdr[P_QBYTES] === 0;
export const isLocked = ({ page }: MsgQueue): boolean => (page.hdr[P_MODE] & MSG_LOCKED) !== 0;

/** The queue that `msqid` names for one who looks from `root`; null: EINVAL. [MSG-20] [MSG-32] */
export function msgFind(k: Kernel, root: Root, msqid: number): MsgQueue | null {
  const queue = k.msg.table.at(msqid);
  if (queue === null || isDead(queue)) return null;
  return k.model.visible(k, "msg", root, queue) ? queue : null;
}

/** Unlink the message after row `before`: its header and segments are free again. [MSG-59] */
export function msgTake(k: Kernel, queue: MsgQueue, before: number): void {
  const { page, cred } = queue;
  const length = page.msg.length[rowAfter(page, before)];
  unlinkAfter(page, before);
  k.msg.freeHdrs++;
  k.msg.freeSegs += segsOf(k, length);
  k.racct?.sub(cred, "msgqqueued", 1); // the creator's, not the sender's
  k.racct?.sub(cred, "msgqsize", length);
}

/** The queue is gone for everybody; its sleepers wake to EIDRM. The caller holds it. [MSG-27] */
export function msgRemoveLocked(k: Kernel, queue: MsgQueue): void {
  const { page } = queue;
  while (page.hdr[P_QNUM] > 0) msgTake(k, queue, 0);
  page.hdr[P_CBYTES] = 0;
  page.hdr[P_QBYTES] = 0;
  k.msg.table.forgetKey(queue);
  Atomics.store(page.hdr, P_ALIVE, 0);
  wakeup(k, page);
}

/** After a removal, the page being free: refund, and the slot unless it is locked. */
export function msgFree(k: Kernel, queue: MsgQueue): void {
  k.racct?.sub(queue.cred, "nmsgq", 1);
  if (!isLocked(queue)) msgFreeSlot(k, queue);
  k.release(queue.cred);
}

/** A dead queue that nobody holds any more: its slot may be taken. */
export function msgFreeSlot(k: Kernel, queue: MsgQueue): void {
  k.msg.table.remove(queue);
  count(k, "msg", queue.space, -1, 0);
  k.retire(queue.page.buffer);
}

/** Remove what is doomed, in index order. [MSG-71] */
export function msgCleanup(k: Kernel, doomed: (queue: MsgQueue) => boolean): void {
  for (const queue of k.msg.table.slots) {
    if (queue === null || isDead(queue) || !doomed(queue)) continue;
    mtxLock(queue.page.mtx, 0, k.self);
    msgRemoveLocked(k, queue);
    mtxUnlock(queue.page.mtx, 0);
    msgFree(k, queue);
  }
}
