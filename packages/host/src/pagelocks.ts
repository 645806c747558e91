/**
 * Locks that the kernel takes over from threads which died with them, or broke in the middle of a
 * call; and all of them at once, for a look at what lies under them.
 */
import { MSQ_MTX, SEM_UNDO_MTX } from "@jailyard/kernel/commons";
import type { Kernel } from "@jailyard/kernel/kernel";
import { KERNEL_OWNER } from "@jailyard/kernel/lockwait";
import type { MsgPage } from "@jailyard/kernel/msgpage";
import { msgRepair, semRepair } from "@jailyard/kernel/repair";
import type { SemPage } from "@jailyard/kernel/sempage";
import { lockPage, lockQueues, unlockPage, unlockQueues } from "@jailyard/kernel/site";
import type { Thread } from "@jailyard/kernel/thread";
import { mtxInherit, mtxOwner, mtxUnlock } from "@jailyard/memory/mutex";
import type { ThreadMaps } from "./mappings.ts";

/**
 * Let go of every lock that a dead thread holds, once what it left half done is repaired. `dead` is
 * its process that called last; a call of one that has ended had changed nothing.
 */
export function letGo(k: Kernel, maps: ThreadMaps, dead: Thread | null): void {
  const { thread } = maps;
  for (const page of maps.all()) {
    if (mtxOwner(page.mtx, 0) !== thread.home) continue;
    mtxInherit(page.mtx, 0, KERNEL_OWNER); // a repair may wait for other locks
    if (dead !== null && "sem" in page) semRepair(k, page as SemPage, dead);
    else if (dead !== null) msgRepair(k, page as MsgPage, dead);
    mtxUnlock(page.mtx, 0);
  }
  const { locks } = k.commons;
  for (const at of [SEM_UNDO_MTX, MSQ_MTX]) {
    if (mtxOwner(locks, at) === thread.home) mtxUnlock(locks, at);
  }
}

/** Lock the pages of all sets and queues. @returns what unlocks them */
export function holdAll(k: Kernel): () => void {
  const sets = k.modules.sem.loaded ? k.sem.slots : [];
  const queues = k.modules.msg.loaded ? k.msg.table.slots : [];
  const pages = [...sets, ...queues].flatMap((object) => (object ? [object.page] : []));
  lockQueues(k);
  for (const page of pages) lockPage(k, page);
  return () => {
    for (const page of pages) unlockPage(page);
    unlockQueues(k);
  };
}
