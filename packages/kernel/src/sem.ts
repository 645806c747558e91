/**
 * System V semaphores, after sys/kern/sysv_sem.c, generation K2.
 *
 * Lock order: the page of one set. The undo pool and the table belong to the kernel's thread.
 * Missing: semtimedop, which FreeBSD has only behind its Linux ABI, and MAC.
 */
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EFBIG,
  EIDRM,
  EINVAL,
  ENOSPC,
  ENOSYS,
  ERANGE,
  type Errno,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_R, IPC_W, ipcidToIx } from "@jailyard/abi/ipc";
import { SEM } from "@jailyard/abi/reason";
import { SEM_UNDO, type Sembufs, sembufs } from "@jailyard/abi/sem";
import type { Semid } from "@jailyard/abi/types";
import { mtxLock, mtxUnlock } from "@jailyard/memory/mutex";
import { ipcperm } from "./ipcperm.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { type SemPage, T_OTIME } from "./sempage.ts";
import { type SemUndo, semundoAdjust, semundoVector } from "./semundo.ts";
import { sleepOn, wakeup } from "./sleepq.ts";
import { deny, interrupted, type Thread } from "./thread.ts";

export type SemSet = IpcObject<SemPage>;

/** Vectors up to this size are tested against no limit. [SEM-42] */
const SMALL_SOPS = 8;

const SEM_40 = SEM(40);
const SEM_41 = SEM(41);
const SEM_43 = SEM(43, "kern.ipc.semopm");
const SEM_44 = SEM(44, "rctl nsemop");
const SEM_45 = SEM(45);
const SEM_46 = SEM(46);
const SEM_47 = SEM(47);
const SEM_53 = SEM(53, "kern.ipc.semvmx");
const SEM_55 = SEM(55);
const SEM_57 = SEM(57);
const SEM_58 = SEM(58);

/** What a sleeping semop keeps: its vector, its set, and on which counter it is counted. */
interface SemSleep {
  readonly set: SemSet;
  readonly stamp: number;
  readonly sops: Sembufs;
  num: number;
  zero: boolean;
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
  const { page } = set;
  mtxLock(page.mtx, 0, k.self);
  let error = semcheck(td, page, sops ?? NO_SOPS);
  if (error === OK) error = semopLocked(k, td, set, sops ?? NO_SOPS, null);
  mtxUnlock(page.mtx, 0);
  return error;
}

const NO_SOPS = sembufs(0);

/** Numbers in range, then permission: R for a zero op, W for any other. [SEM-47] [SEM-48] */
function semcheck(td: Thread, page: SemPage, sops: Sembufs): Errno {
  let wanted = 0;
  for (let i = 0; i < sops.count; i++) {
    if (sops.sem_num[i] >= page.nsems) return deny(td, EFBIG, SEM_47);
    wanted |= sops.sem_op[i] === 0 ? IPC_R : IPC_W;
  }
  return ipcperm(td, page, wanted);
}

/**
 * One try at the whole vector. The caller holds the page lock. `sleep` is what an earlier try left,
 * null on the first one.
 */
function semopLocked(
  k: Kernel,
  td: Thread,
  set: SemSet,
  sops: Sembufs,
  sleep: SemSleep | null,
): Errno {
  const { page } = set;
  const { semval, semncnt, semzcnt } = page.sem;
  let wake = false;
  for (let i = 0; i < sops.count; i++) {
    const num = sops.sem_num[i];
    const op = sops.sem_op[i];
    const value = semval[num] + op;
    const blocked = op === 0 ? value !== 0 : value < 0; // [SEM-51] [SEM-52]
    const tooLarge = op > 0 && value > k.seminfo.semvmx; // [SEM-53]

    if (blocked || tooLarge) {
      for (let j = 0; j < i; j++) semval[sops.sem_num[j]] -= sops.sem_op[j]; // [SEM-54]
      if (tooLarge) return deny(td, ERANGE, SEM_53);
      if (sops.sem_flg[i] & IPC_NOWAIT) return deny(td, EAGAIN, SEM_55);
      return semSleep(k, td, set, sops, num, op === 0, sleep);
    }
    if (op < 0 && value === 0 && semzcnt[num] > 0) wake = true;
    if (op > 0 && semncnt[num] > 0) wake = true; // also if {+1, -1} leaves it as it was [SEM-61]
    semval[num] = value;
  }
  return semopDone(k, td, set, sops, wake);
}

/** Count the thread on the semaphore that stopped it and queue it. [SEM-56] [SEM-60] */
function semSleep(
  k: Kernel,
  td: Thread,
  set: SemSet,
  sops: Sembufs,
  num: number,
  zero: boolean,
  earlier: SemSleep | null,
): Errno {
  const sleep = earlier ?? { set, stamp: k.sem.stamp[set.ix], sops: keep(sops), num, zero };
  sleep.num = num;
  sleep.zero = zero;
  td.td_sleep = sleep;
  count(set.page, sleep, +1);
  sleepOn(k, td, set.page, semopResume);
  return ESLEEP;
}

/** The vector in the kernel's own memory: the caller's may change while it sleeps. */
function keep(sops: Sembufs): Sembufs {
  const { count } = sops;
  return {
    sem_num: sops.sem_num.slice(0, count),
    sem_op: sops.sem_op.slice(0, count),
    sem_flg: sops.sem_flg.slice(0, count),
    count,
  };
}

function count(page: SemPage, { num, zero }: SemSleep, by: number): void {
  const counter = zero ? page.sem.semzcnt : page.sem.semncnt;
  counter[num] += by;
}

/** Does this process sleep in semop? */
export const semSleeps = (td: Thread): boolean => td.td_resume === semopResume;

/** After a wakeup: is the set gone, was it a signal, else try again from the start. [SEM-57] */
function semopResume(k: Kernel, td: Thread): Errno {
  const sleep = td.td_sleep as SemSleep;
  const { set, stamp } = sleep;
  if (k.sem.slots[set.ix] !== set || k.sem.stamp[set.ix] !== stamp) {
    td.td_interrupted = false;
    return deny(td, EIDRM, SEM_58); // before EINTR
  }
  const { page } = set;
  mtxLock(page.mtx, 0, k.self);
  count(page, sleep, -1);
  const error = td.td_interrupted
    ? interrupted(td, SEM_57)
    : semopLocked(k, td, set, sleep.sops, sleep);
  mtxUnlock(page.mtx, 0);
  return error;
}

/** The vector applied: undo, pids, time, wakeup. [SEM-63] */
function semopDone(k: Kernel, td: Thread, set: SemSet, sops: Sembufs, wake: boolean): Errno {
  const { page } = set;
  const error = semundo(k, td, set, sops);
  if (error !== OK) {
    for (let i = 0; i < sops.count; i++) page.sem.semval[sops.sem_num[i]] -= sops.sem_op[i];
    return error;
  }
  for (let i = 0; i < sops.count; i++) page.sem.sempid[sops.sem_num[i]] = td.p_pid;
  page.times[T_OTIME] = k.now;
  if (wake) wakeup(k, page); // [SEM-76]
  td.td_retval = 0;
  return OK;
}

const undoes = (sops: Sembufs, i: number): boolean =>
  (sops.sem_flg[i] & SEM_UNDO) !== 0 && sops.sem_op[i] !== 0;

/** Note the adjustments of the call, or none of them. [SEM-65] [SEM-67] */
function semundo(k: Kernel, td: Thread, set: SemSet, sops: Sembufs): Errno {
  const entry = { ix: set.ix, stamp: k.sem.stamp[set.ix] };
  const { semaem } = k.seminfo;
  let un: SemUndo | null = null;
  for (let i = 0; i < sops.count; i++) {
    if (!undoes(sops, i)) continue;
    un ??= semundoVector(k.semundo, td);
    if (un === null) return ENOSPC;
    const error = semundoAdjust(k.semundo, td, un, entry, sops.sem_num[i], -sops.sem_op[i], semaem);
    if (error === OK) continue;
    const { td_reason } = td;
    for (let j = i - 1; j >= 0; j--) {
      if (undoes(sops, j)) {
        semundoAdjust(k.semundo, td, un, entry, sops.sem_num[j], sops.sem_op[j], semaem);
      }
    }
    return deny(td, error, td_reason);
  }
  return OK;
}
