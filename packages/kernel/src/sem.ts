/**
 * semop(2) in the kernel's thread: find the set, see whether the caller may know of it, then one
 * try on its page. After sys/kern/sysv_sem.c, generation K2.
 *
 * Lock order: the page of one set. Table and sleep belong to the kernel's thread.
 * Missing: semtimedop, which FreeBSD has only behind its Linux ABI, and MAC.
 */
import { E2BIG, EFAULT, EINVAL, ENOSYS, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { ipcidToIx } from "@jailyard/abi/ipc";
import { SEM } from "@jailyard/abi/reason";
import { type Sembufs, sembufs } from "@jailyard/abi/sem";
import type { Semid } from "@jailyard/abi/types";
import { T_STAMP } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { asleepOn } from "./runq.ts";
import { type SemPage, SMALL_SOPS } from "./sempage.ts";
import { keepSops, semcheck, semGone, semopLocked, semopWoken } from "./semvec.ts";
import { deny, lockPage, unlockPage } from "./site.ts";
import { awaken } from "./sleepq.ts";
import type { Thread } from "./thread.ts";

export type SemSet = IpcObject<SemPage>;

const SEM_40 = SEM(40);
const SEM_41 = SEM(41);
const SEM_43 = SEM(43, "kern.ipc.semopm");
const SEM_44 = SEM(44, "rctl nsemop");
const SEM_45 = SEM(45);
const SEM_46 = SEM(46);

/** What a sleeping semop keeps: its set, and its vector. */
interface SemSleep {
  readonly set: SemSet;
  readonly stamp: number;
  readonly sops: Sembufs;
}

/**
 * semop(2): perform all operations of `sops` on a set, or none. `sops` is null for memory that is
 * not mapped; `nsops` is what the caller says the count is, a size_t: one below 0 is huge. [SEM-43]
 *
 * @returns OK; ENOSYS, EINVAL, E2BIG, EFAULT, EFBIG, EACCES, ERANGE, EAGAIN or ENOSPC, the set
 * unchanged; or ESLEEP, the set unchanged, `td` counted in semncnt or semzcnt; EIDRM or EINTR
 * only after a sleep.
 */
export function semop(
  k: Kernel,
  td: Thread,
  semid: Semid,
  sops: Sembufs | null,
  nsops: number,
): Errno {
  const root = k.model.root(k, "sem", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SEM_40);
  if (ipcidToIx(semid) >= k.sem.slots.length) return deny(td, EINVAL, SEM_41);
  if (nsops > SMALL_SOPS || nsops < 0) {
    if (nsops > k.seminfo.semopm || nsops < 0) return deny(td, E2BIG, SEM_43);
    if (k.racct !== null && k.racct.available(td, "nsemop") < nsops) return deny(td, E2BIG, SEM_44);
  }
  if (sops === null && nsops > 0) return deny(td, EFAULT, SEM_45);
  const set = k.sem.at(semid);
  if (set === null || !k.model.visible(k, "sem", root, set)) return deny(td, EINVAL, SEM_46);
  return semopHere(k, td, set, sops ?? NO_SOPS);
}

const NO_SOPS = sembufs(0);

function semopHere(k: Kernel, td: Thread, set: SemSet, sops: Sembufs): Errno {
  const { page } = set;
  lockPage(k, page);
  let error = semcheck(td, page, sops);
  if (error === OK) error = semopLocked(k, td, page, sops);
  unlockPage(page);
  if (error !== ESLEEP) return error;
  const sleep: SemSleep = { set, stamp: page.times[T_STAMP], sops: keepSops(sops) };
  td.td_sleep = sleep;
  asleepOn(k, td, page, semopResume);
  return ESLEEP;
}

/** Does this process sleep in semop? */
export const semSleeps = (td: Thread): boolean => td.td_resume === semopResume;

/** After a wakeup: is the set gone, was it a signal, else try again from the start. [SEM-57] */
function semopResume(k: Kernel, td: Thread): Errno {
  const { set, stamp, sops } = td.td_sleep as SemSleep;
  const how = awaken(k, td.tid);
  if (k.sem.slots[set.ix] !== set || k.sem.stamp[set.ix] !== stamp) return semGone(td);
  const { page } = set;
  lockPage(k, page);
  const error = semopWoken(k, td, page, sops, how);
  unlockPage(page);
  if (error !== ESLEEP) return error;
  asleepOn(k, td, page, semopResume);
  return ESLEEP;
}
