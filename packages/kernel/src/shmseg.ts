/**
 * The life of a shared memory segment: its slot, its attaches, its removal and its end, after
 * shmget_allocate_segment(), shm_remove() and shm_deallocate_segment() of sys/kern/sysv_shm.c.
 *
 * A slot is free, in use, or in use and marked removed: then it lives until its last detach.
 * [SHM-2] Lock order: the page of one segment. The table and the counts belong to the kernel's
 * thread.
 */

import { PAGE_SIZE, SHMSEG_REMOVED } from "@jailyard/abi/shm";
import type { Ix } from "@jailyard/abi/types";
import { type RemovedBy, remember } from "./ipchistory.ts";
import { P_KEY, P_MODE } from "./ipcpage.ts";
import { type IpcObject, IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { P_LPID, P_NATTCH, type ShmPage, T_CTIME, T_DTIME, T_SEGSZ } from "./shmpage.ts";
import { lockPage, unlockPage } from "./site.ts";
import { count, slotsFor } from "./usage.ts";

export type ShmSegment = IpcObject<ShmPage>;

export interface ShmState {
  /** Its `live` counts removed segments too, as long as they are attached. [SHM-4] */
  readonly table: IpcTable<ShmPage>;
  /** Pages of all segments. [SHM-4] */
  committed: number;
  /** The slot that the next segment takes; -1: the lowest free one. [SHM-9] */
  lastFreed: Ix | -1;
}

/** Module load: empty tables. Ids start again at 65536. [SHM-60] */
export function shmInit(k: Kernel): void {
  k.shm = { table: new IpcTable(slotsFor(k, k.shminfo.shmmni)), committed: 0, lastFreed: 0 as Ix };
}

/** Would an unload meet segments? One that is removed but attached counts. [SHM-58] */
export const shmBusy = (k: Kernel): boolean => k.shm.table.live > 0;

/**
 * The slot of a new segment, -1 if there is none. The remembered one is forgotten here, whatever
 * becomes of the segment. [SHM-9] [SHM-10]
 */
export function shmTakeSlot(shm: ShmState): Ix | -1 {
  const ix = shm.lastFreed;
  if (ix === -1) return shm.table.lowestFree();
  shm.lastFreed = -1;
  return ix;
}

export const segBytes = (seg: ShmSegment): number => seg.page.times[T_SEGSZ];
export const isRemoved = (seg: ShmSegment): boolean =>
  (seg.page.hdr[P_MODE] & SHMSEG_REMOVED) !== 0;

/** One more address space shows the segment: fork. [SHM-33] */
export function shmInherit(k: Kernel, { page }: ShmSegment): void {
  lockPage(k, page);
  page.hdr[P_NATTCH]++;
  unlockPage(page);
}

/** One attach less; with the last one a removed segment is gone. [SHM-30] */
export function shmDetach(k: Kernel, seg: ShmSegment): void {
  const { page } = seg;
  lockPage(k, page);
  page.times[T_DTIME] = k.now;
  page.hdr[P_NATTCH]--;
  unlockPage(page);
  if (isRemoved(seg)) shmFreeUnattached(k, seg);
}

/** Mark the segment removed: its key is free at once. The caller holds the lock. [SHM-45] */
export function shmRemoveLocked(k: Kernel, seg: ShmSegment, by: RemovedBy): void {
  const { hdr, times } = seg.page;
  const last = { lpid: hdr[P_LPID], changed: times[T_CTIME] };
  if (!isRemoved(seg)) remember(k, "shm", seg, k.shm.table.idOf(seg), last, by);
  k.shm.table.forgetKey(seg);
  hdr[P_KEY] = 0;
  hdr[P_MODE] |= SHMSEG_REMOVED;
}

/** Destroy a removed segment unless somebody is attached. Its lock is free. [SHM-46] */
export function shmFreeUnattached(k: Kernel, seg: ShmSegment): void {
  const { page, cred } = seg;
  if (page.hdr[P_NATTCH] > 0) return;
  const bytes = segBytes(seg);
  k.shm.table.remove(seg);
  k.shm.committed -= bytes / PAGE_SIZE;
  count(k, "shm", seg.space, -1, bytes / PAGE_SIZE);
  k.shm.lastFreed = seg.ix;
  k.racct?.sub(cred, "nshm", 1);
  k.racct?.sub(cred, "shmsize", bytes);
  if (page.hdr[P_LPID] === 0) k.pages.give(page.data);
  else k.pages.drop(page.data); // a program that was attached may hold it still
  k.retire(page);
  k.release(cred);
}

/** Remove what is doomed, in index order; attached ones live on, removed. [SHM-55] [SHM-56] */
export function shmCleanup(k: Kernel, doomed: (seg: ShmSegment) => boolean, why: string): void {
  for (const seg of k.shm.table.slots) if (seg !== null && doomed(seg)) shmRemove(k, seg, why);
}

function shmRemove(k: Kernel, seg: ShmSegment, why: string): void {
  lockPage(k, seg.page);
  shmRemoveLocked(k, seg, why);
  unlockPage(seg.page);
  shmFreeUnattached(k, seg);
}
