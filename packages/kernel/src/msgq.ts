/**
 * The life of a message queue: its slot, the pool that all queues share, its lock and its removal,
 * after msq_remove() and msg_freehdr() of sys/kern/sysv_msg.c.
 *
 * A queue that is removed while a sleeping sender holds its lock keeps its slot until that sender
 * has run; it is dead, nobody finds it, but the slot is not given to another. [MSG-18]
 * Lock order: the page of one queue. Table and pool belong to the kernel's thread.
 */
import { type RemovedBy, remember } from "./ipchistory.ts";
import { type IpcPage, P_ALIVE, P_IX } from "./ipcpage.ts";
import { type IpcObject, IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import type { Root } from "./model.ts";
import { type MsgPage, P_CBYTES, P_MSGLPID, P_QBYTES, P_QNUM, T_CTIME } from "./msgpage.ts";
import { isDead, isLocked, msgTake } from "./msgpass.ts";
import { freeHdrs, freeSegs, poolInit } from "./msgpool.ts";
import { lockQueue, unlockQueue } from "./site.ts";
import { wakeup } from "./sleepq.ts";
import { count, slotsFor } from "./usage.ts";

export type MsgQueue = IpcObject<MsgPage>;

export interface MsgState {
  /** Its `live` counts dead queues too, as long as their lock is held. */
  readonly table: IpcTable<MsgPage>;
  /** Segments of msgssz bytes and message headers that no queue uses. [MSG-4] */
  readonly freeSegs: number;
  readonly freeHdrs: number;
}

/** Module load: an empty table and a full pool. Ids start again at 65536. [MSG-74] */
export function msgInit(k: Kernel): void {
  const { msgmni, msgseg, msgtql } = k.msginfo;
  const { words } = k.commons;
  poolInit(words, msgseg, msgtql);
  k.msg = {
    table: new IpcTable(slotsFor(k, msgmni)),
    get freeSegs() {
      return freeSegs(words);
    },
    get freeHdrs() {
      return freeHdrs(words);
    },
  };
}

/** Would an unload meet queues, live or locked? [MSG-72] */
export const msgBusy = (k: Kernel): boolean => k.msg.table.live > 0;

/** The queue that `msqid` names for one who looks from `root`; null: EINVAL. [MSG-20] [MSG-32] */
export function msgFind(k: Kernel, root: Root, msqid: number): MsgQueue | null {
  const queue = k.msg.table.at(msqid);
  if (queue === null || isDead(queue.page)) return null;
  return k.model.visible(k, "msg", root, queue) ? queue : null;
}

/** A message of `length` bytes left a queue: the creator of the queue is refunded. [COM-34] */
export function msgRefunded(k: Kernel, page: IpcPage, length: number): void {
  const queue = k.msg.table.slots[page.hdr[P_IX]];
  if (k.racct === null || queue === null) return;
  k.racct.sub(queue.cred, "msgqqueued", 1);
  k.racct.sub(queue.cred, "msgqsize", length);
}

/** The queue is gone for everybody; its sleepers wake to EIDRM. The caller holds it. [MSG-27] */
export function msgRemoveLocked(k: Kernel, queue: MsgQueue, by: RemovedBy): void {
  const { page } = queue;
  const last = { lpid: page.hdr[P_MSGLPID], changed: page.times[T_CTIME] };
  remember(k, "msg", queue, k.msg.table.idOf(queue), last, by);
  while (page.hdr[P_QNUM] > 0) msgTake(k, page, 0);
  page.hdr[P_CBYTES] = 0;
  page.hdr[P_QBYTES] = 0;
  k.msg.table.forgetKey(queue);
  Atomics.store(page.hdr, P_ALIVE, 0);
  wakeup(k, page);
}

/** After a removal, the page being free: refund, and the slot unless it is locked. */
export function msgFree(k: Kernel, queue: MsgQueue): void {
  k.racct?.sub(queue.cred, "nmsgq", 1);
  if (!isLocked(queue.page)) msgFreeSlot(k, queue);
  k.release(queue.cred);
}

/** A dead queue that nobody holds any more: its slot may be taken. */
export function msgFreeSlot(k: Kernel, queue: MsgQueue): void {
  k.book.retire("msg", queue, k.msg.table.idOf(queue));
  k.msg.table.remove(queue);
  count(k, "msg", queue.space, -1, 0);
  k.retire(queue.page);
}

/** Remove what is doomed, in index order. [MSG-71] */
export function msgCleanup(k: Kernel, doomed: (queue: MsgQueue) => boolean, why: string): void {
  for (const queue of k.msg.table.slots) {
    if (queue === null || isDead(queue.page) || !doomed(queue)) continue;
    lockQueue(k, queue.page);
    msgRemoveLocked(k, queue, why);
    unlockQueue(k, queue.page);
    msgFree(k, queue);
  }
}
