/**
 * semget(2), semctl(2), removal, exit and listing of semaphore sets, after sys/kern/sysv_sem.c,
 * generation K2.
 */
import {
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOSYS,
  ERANGE,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import {
  ACCESSPERMS,
  IPC_CREAT,
  IPC_EXCL,
  IPC_M,
  IPC_PRIVATE,
  IPC_R,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  IPC_W,
  ipcidToIx,
  OPENPERMS,
} from "@jailyard/abi/ipc";
import { SEM } from "@jailyard/abi/reason";
import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  SEM_ALLOC,
  SEM_STAT,
  SETALL,
  SETVAL,
  type SemidDs,
  type Semun,
  semidDs,
} from "@jailyard/abi/sem";
import type { Ix, Key, Semid } from "@jailyard/abi/types";
import { type RemovedBy, remember } from "./ipchistory.ts";
import { P_CUID, P_MODE, P_UID, setPerm } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import { IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { timed } from "./lockwait.ts";
import { seer, shownKey } from "./model.ts";
import type { SemSet } from "./sem.ts";
import { P_NSEMS, P_SEMLPID, type SemPage, semPage, semPageBytes, T_CTIME } from "./sempage.ts";
import { copySemid, semGet, semStat } from "./semread.ts";
import { ALL_SEMS, release, semundoClear, structuresInUse } from "./semundo.ts";
import { semAdd, semWakeup } from "./semvec.ts";
import { deny, lockPage, unlockPage } from "./site.ts";
import { wakeup } from "./sleepq.ts";
import type { Thread } from "./thread.ts";
import { count, inUse, slotsFor } from "./usage.ts";

const SEM_16 = SEM(16);
const SEM_17 = SEM(17);
const SEM_19 = SEM(19);
const SEM_20_NSEMS = SEM(20);
const SEM_20_SEMMSL = SEM(20, "kern.ipc.semmsl");
const SEM_20_SEMMNS = SEM(20, "kern.ipc.semmns");
const SEM_20_SEMMNI = SEM(20, "kern.ipc.semmni");
const SEM_20_RACCT = SEM(20, "rctl nsem");
const SEM_22 = SEM(22);
const SEM_23 = SEM(23);
const SEM_24 = SEM(24);
const SEM_29 = SEM(29);
const SEM_30 = SEM(30);
const SEM_30_SEMVMX = SEM(30, "kern.ipc.semvmx");
const SEM_34 = SEM(34);
const SEM_35 = SEM(35, "kern.ipc.semvmx");
const SEM_37 = SEM(37);
const SEM_38 = SEM(38);

/** semget(2). The id is td_retval. @returns OK, ENOSYS, EEXIST, EACCES, EINVAL, ENOENT, ENOSPC */
export function semget(k: Kernel, td: Thread, key: Key, nsems: number, semflg: number): Errno {
  const root = k.model.root(k, "sem", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SEM_16);
  if (key !== IPC_PRIVATE) {
    const set = k.sem.find(k.model.keySpace(k, "sem", td.p_ucred), key);
    if (set !== null) return semOpen(k, td, set, nsems, semflg);
    if ((semflg & IPC_CREAT) === 0) return deny(td, ENOENT, SEM_19);
  }
  return semCreate(k, td, key, nsems, semflg);
}

function semOpen(k: Kernel, td: Thread, set: SemSet, nsems: number, semflg: number): Errno {
  const exclusive = IPC_CREAT | IPC_EXCL;
  if ((semflg & exclusive) === exclusive) return deny(td, EEXIST, SEM_17);
  const error = ipcperm(td, set.page, semflg & OPENPERMS);
  if (error !== OK) return error;
  if (nsems > 0 && set.page.nsems < nsems) return deny(td, EINVAL, SEM_17);
  td.td_retval = k.sem.idOf(set);
  return OK;
}

function semCreate(k: Kernel, td: Thread, key: Key, nsems: number, semflg: number): Errno {
  const { semmsl, semmns, semmni, semopm } = k.seminfo;
  if (nsems <= 0) return deny(td, EINVAL, SEM_20_NSEMS);
  if (nsems > semmsl) return deny(td, EINVAL, SEM_20_SEMMSL);
  const space = k.model.keySpace(k, "sem", td.p_ucred);
  const used = inUse(k, "sem", space);
  if (nsems > semmns - used.amount) return deny(td, ENOSPC, SEM_20_SEMMNS);
  const ix = k.sem.lowestFree();
  if (ix === -1 || used.objects >= semmni) return deny(td, ENOSPC, SEM_20_SEMMNI);
  if (k.racct !== null && !k.racct.add(td, "nsem", nsems)) return deny(td, ENOSPC, SEM_20_RACCT);
  const cred = td.p_ucred;
  const buffer = k.pages.take(semPageBytes(nsems, semopm));
  const page = timed(k, semPage(buffer, nsems, semopm));
  const set: SemSet = { ix, page, cred, space, cpid: td.p_pid, made: k.now };
  k.sem.insert(set, key, (semflg & ACCESSPERMS) | SEM_ALLOC);
  page.hdr[P_NSEMS] = nsems;
  page.times[T_CTIME] = k.now;
  k.semtot += nsems;
  count(k, "sem", space, +1, nsems);
  k.hold(cred);
  td.td_retval = k.sem.idOf(set);
  return OK;
}

/**
 * semctl(2). What a command gives back is td_retval, `arg.buf` or `arg.array`.
 * @returns OK, EFAULT, ENOSYS, EINVAL, EACCES, ERANGE
 */
export function semctl(
  k: Kernel,
  td: Thread,
  semid: number,
  semnum: number,
  cmd: number,
  arg: Semun,
): Errno {
  if (cmd === IPC_SET && arg.buf === null) return deny(td, EFAULT, SEM_22);
  const root = k.model.root(k, "sem", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SEM_23);
  td.td_retval = 0;
  if (cmd === SEM_STAT) return semStatIx(k, td, root, semid, arg);
  if (ipcidToIx(semid) >= k.sem.slots.length) return deny(td, EINVAL, SEM_23);
  if (!COMMANDS.has(cmd)) return deny(td, EINVAL, SEM_38);
  const set = k.sem.at(semid);
  if (set === null || !k.model.visible(k, "sem", root, set)) return deny(td, EINVAL, SEM_24);
  lockPage(k, set.page);
  const error = semctlLocked(k, td, set, semnum, cmd, arg);
  unlockPage(set.page);
  if (cmd === IPC_RMID && error === OK) semFree(k, set);
  return error;
}

const COMMANDS: ReadonlySet<number> = new Set([
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  GETALL,
  SETVAL,
  SETALL,
]);

function semctlLocked(
  k: Kernel,
  td: Thread,
  set: SemSet,
  semnum: number,
  cmd: number,
  arg: Semun,
): Errno {
  switch (cmd) {
    case IPC_RMID:
      return semRmid(k, td, set);
    case IPC_SET:
      return semSet(k, td, set.page, arg.buf!);
    case IPC_STAT:
      return semStat(td, set.page, shownKey(k, td.p_ucred, set), arg.buf);
    case GETALL:
      return semGetall(td, set.page, arg.array);
    case SETVAL:
      return semSetval(k, td, set, semnum, arg.val);
    case SETALL: // [SEM-31]
      return semSetall(k, td, set, arg.array);
    default:
      return semGet(td, set.page, semnum, cmd);
  }
}

function semRmid(k: Kernel, td: Thread, set: SemSet): Errno {
  const error = ipcperm(td, set.page, IPC_M);
  if (error === OK) semRemoveLocked(k, set, td);
  return error;
}

function semSet(k: Kernel, td: Thread, page: SemPage, buf: SemidDs): Errno {
  const error = ipcperm(td, page, IPC_M);
  if (error !== OK) return error;
  setPerm(page, buf.sem_perm);
  page.times[T_CTIME] = k.now;
  return OK;
}

/** SEM_STAT takes an index, whose high bits are not masked, and returns the id. [SEM-37] */
function semStatIx(k: Kernel, td: Thread, root: object, ix: number, arg: Semun): Errno {
  if (ix < 0 || ix >= k.sem.slots.length) return deny(td, EINVAL, SEM_37);
  const set = k.sem.slots[ix];
  if (set === null || !k.model.visible(k, "sem", root, set)) return deny(td, EINVAL, SEM_37);
  const error = semStat(td, set.page, shownKey(k, td.p_ucred, set), arg.buf);
  if (error === OK) td.td_retval = k.sem.idOf(set);
  return error;
}

function semGetall(td: Thread, page: SemPage, array: Uint16Array | null): Errno {
  const error = ipcperm(td, page, IPC_R);
  if (error !== OK) return error;
  if (array === null) return deny(td, EFAULT, SEM_29);
  array.set(page.sem.semval.subarray(0, Math.min(page.nsems, array.length)));
  td.td_retval = 0;
  return OK;
}

function semSetval(k: Kernel, td: Thread, set: SemSet, semnum: number, val: number): Errno {
  const { page } = set;
  const error = ipcperm(td, page, IPC_W);
  if (error !== OK) return error;
  if (semnum < 0 || semnum >= page.nsems) return deny(td, EINVAL, SEM_30);
  if (val < 0 || val > k.seminfo.semvmx) return deny(td, ERANGE, SEM_30_SEMVMX);
  page.sem.semval[semnum] = val;
  forgetUndo(k, set.ix, semnum);
  semWakeup(k, page); // whatever the value [SEM-77]
  return OK;
}

/** Values before one that is too large stay; the sleepers wake even so. [SEM-35] [SEM-77] */
function semSetall(k: Kernel, td: Thread, set: SemSet, array: Uint16Array | null): Errno {
  if (array === null) return deny(td, EFAULT, SEM_34); // K2: after EINVAL, before EACCES
  const { page } = set;
  if (array.length < page.nsems) return deny(td, EFAULT, SEM_34); // memory ends before the values
  const denied = ipcperm(td, page, IPC_W);
  if (denied !== OK) return denied;
  let error: Errno = OK;
  for (let i = 0; i < page.nsems && error === OK; i++) {
    if (array[i] > k.seminfo.semvmx) error = deny(td, ERANGE, SEM_35);
    else page.sem.semval[i] = array[i];
  }
  forgetUndo(k, set.ix, ALL_SEMS);
  semWakeup(k, page);
  return error;
}

/**
 * The set is gone for everybody; its sleepers wake to EIDRM, and the counts that they are in are
 * gone with it [SEM-81]. The caller holds the lock. [SEM-32]
 */
function semRemoveLocked(k: Kernel, set: SemSet, by: RemovedBy): void {
  const { page } = set;
  const last = { lpid: page.hdr[P_SEMLPID], changed: page.times[T_CTIME] };
  remember(k, "sem", set, k.sem.idOf(set), last, by);
  const euid = typeof by === "string" ? 0 : by.p_ucred.cr_uid;
  page.hdr[P_CUID] = euid;
  page.hdr[P_UID] = euid;
  page.hdr[P_MODE] = 0;
  k.semtot -= page.nsems;
  count(k, "sem", set.space, -1, page.nsems);
  forgetUndo(k, set.ix, ALL_SEMS);
  k.book.retire("sem", set, k.sem.idOf(set));
  k.sem.remove(set);
  wakeup(k, page);
}

/** After the lock of a removed set is free: refund, and its memory. */
function semFree(k: Kernel, set: SemSet): void {
  k.racct?.sub(set.cred, "nsem", set.page.nsems);
  k.retire(set.page);
  k.release(set.cred);
}

/** Remove a set by force of the kernel: jail teardown. */
export function semRemove(k: Kernel, set: SemSet, why: string): void {
  lockPage(k, set.page);
  semRemoveLocked(k, set, why);
  unlockPage(set.page);
  semFree(k, set);
}

/** Remove what is doomed, in index order. [JAIL-18] */
export function semCleanup(k: Kernel, doomed: (set: SemSet) => boolean, why: string): void {
  for (const set of k.sem.slots) if (set !== null && doomed(set)) semRemove(k, set, why);
}

/** A process ends: apply its adjustments, never waiting. [SEM-73] to [SEM-75] */
export function semexit(k: Kernel, td: Thread): void {
  const un = td.td_undo;
  if (un === null || !un.inUse) return;
  for (let i = 0; i < un.un_cnt; i++) {
    const set = k.sem.slots[un.un_ix[i]];
    if (set === null || k.sem.stamp[set.ix] !== un.un_stamp[i]) continue;
    if (un.un_num[i] < set.page.nsems) semAdjust(k, set.page, un.un_num[i], un.un_adjval[i]);
  }
  release(k.commons, un);
}

/** Every sleeper of the set looks again. [SEM-78] */
function semAdjust(k: Kernel, page: SemPage, num: number, adjval: number): void {
  lockPage(k, page);
  semAdd(page, num, adjval);
  semWakeup(k, page);
  unlockPage(page);
}

/** The adjustments of all processes for `which` of a set go, while none of them can make a call. */
function forgetUndo(k: Kernel, ix: Ix, which: number): void {
  if (structuresInUse(k.commons) === 0) return;
  for (const td of k.procs.values()) {
    const un = td.td_undo;
    if (un === null || !un.inUse) continue;
    const thaw = k.hooks.still(td);
    semundoClear(k.commons, un, ix, which);
    thaw();
  }
}

/** A row of kern.ipc.sema that is not all zero. */
export interface SemRow {
  readonly ix: Ix;
  readonly id: Semid;
  readonly ds: SemidDs;
}

/** kern.ipc.sema for this reader: the rows that are in use and visible, by index. `all`: in every name space. [SEM-82] */
export function semList(k: Kernel, td: Thread, all = false): SemRow[] {
  const root = k.model.root(k, "sem", td.p_ucred);
  const sees = seer(k, "sem", root, all);
  if (sees === null) return [];
  const rows: SemRow[] = [];
  for (const set of k.sem.slots) {
    if (set === null || !sees(set)) continue;
    const ds = semidDs();
    copySemid(set.page, shownKey(k, td.p_ucred, set), ds);
    rows.push({ ix: set.ix, id: k.sem.idOf(set) as Semid, ds });
  }
  return rows;
}

/** Module load: empty tables. Ids start again at 65536. */
export function semInit(k: Kernel): void {
  k.sem = new IpcTable(slotsFor(k, k.seminfo.semmni));
  k.semtot = 0;
}

/** Module unload: EBUSY is the caller's `semtot !== 0`. [SEM-83] */
export const semBusy = (k: Kernel): boolean => k.semtot !== 0;
