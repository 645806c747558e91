/**
 * semop(2) as far as the page of the set goes: what the kernel's thread does behind the gate, and a
 * jail's thread on a page that it has mapped. After sys/kern/sysv_sem.c, generation K2.
 *
 * The caller holds the lock of the page. What is applied is noted in the page's journal first, so
 * that repair.ts can take it back when a thread dies in the middle; what it costs is below what could
 * be measured.
 */
import { EAGAIN, EFBIG, EIDRM, ENOSPC, ERANGE, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_NOWAIT, IPC_R, IPC_W } from "@jailyard/abi/ipc";
import { SEM } from "@jailyard/abi/reason";
import { SEM_UNDO, type Sembufs, sembufs } from "@jailyard/abi/sem";
import { GRANTED, WOKEN } from "@jailyard/memory/sleepers";
import { C_SEMVMX, SHOWN_SOPS } from "./commons.ts";
import { P_IX, P_SLEEP_HEAD, T_STAMP } from "./ipcpage.ts";
import { ipcperm, permits } from "./ipcperm.ts";
import { semGiven, semOperated, semOwned, semWaits } from "./lockwait.ts";
import { P_APPLIED, P_FOR, P_SEMLPID, P_UNDONE, type SemPage, T_OTIME } from "./sempage.ts";
import { semundoAdjust, semundoNoted, semundoVector, type UndoVector } from "./semundo.ts";
import { type Caller, deny, lockUndo, type Site, unlockUndo } from "./site.ts";
import { awake, SLEEPS_SEM, sleepOn, wakeOne, wakeup, wasGranted } from "./sleepq.ts";
import { interrupted } from "./thread.ts";

const SEM_47 = SEM(47);
const SEM_53 = SEM(53, "kern.ipc.semvmx");
const SEM_55 = SEM(55);
const SEM_57 = SEM(57);
const SEM_58 = SEM(58);

/** P_FOR while a sleeper that was served notes its adjustments. */
export const SERVED = -1;

/** `rows.zero` of a process that is counted in neither semncnt nor semzcnt. */
export const NOT_COUNTED = 2;

/** Numbers in range, then permission: R for a zero op, W for any other. [SEM-47] [SEM-48] */
export function semcheck(td: Caller, page: SemPage, sops: Sembufs): Errno {
  let wanted = 0;
  for (let i = 0; i < sops.count; i++) {
    if (sops.sem_num[i] >= page.nsems) return deny(td, EFBIG, SEM_47);
    wanted |= sops.sem_op[i] === 0 ? IPC_R : IPC_W;
  }
  return ipcperm(td, page, wanted);
}

/**
 * One try at the whole vector, by itself or after a sleep.
 * @returns OK; ERANGE, EAGAIN or ENOSPC, the set unchanged; or ESLEEP: queued and counted
 */
export function semopLocked(k: Site, td: Caller, page: SemPage, sops: Sembufs): Errno {
  const stuck = apply(k, page, sops, true);
  if (stuck === sops.count) return semopDone(k, td, page, sops);
  const op = sops.sem_op[stuck];
  if (op > 0) return deny(td, ERANGE, SEM_53);
  if (sops.sem_flg[stuck] & IPC_NOWAIT) return deny(td, EAGAIN, SEM_55);
  return semSleep(k, td, page, sops, sops.sem_num[stuck], op === 0);
}

/**
 * Apply the vector, and note it in the journal, with what is to be undone at exit if `undoes`.
 * @returns the operation that cannot be, everything being as it was, or `count` if all are applied
 */
function apply(k: Site, page: SemPage, sops: Sembufs, undoes: boolean): number {
  const { semval } = page.sem;
  const { num: jnum, old, op: jop } = page.journal;
  page.hdr[P_UNDONE] = 0;
  for (let i = 0; i < sops.count; i++) {
    const num = sops.sem_num[i];
    const op = sops.sem_op[i];
    const value = semval[num] + op;
    const blocked = op === 0 ? value !== 0 : value < 0; // [SEM-51] [SEM-52]
    const tooLarge = op > 0 && value > k.commons.words[C_SEMVMX]; // [SEM-53]

    if (blocked || tooLarge) {
      takeBack(page, sops, i); // [SEM-54]
      return i;
    }
    jnum[i] = num;
    old[i] = semval[num];
    jop[i] = undoes && (sops.sem_flg[i] & SEM_UNDO) !== 0 ? op : 0;
    page.hdr[P_APPLIED] = i + 1;
    semval[num] = value;
  }
  return sops.count;
}

/** May the vector that the journal has let a sleeper go on? [SEM-61] */
function wakes({ sem, journal }: SemPage, sops: Sembufs): boolean {
  for (let i = 0; i < sops.count; i++) {
    const num = sops.sem_num[i];
    const op = sops.sem_op[i];
    if (op > 0 && sem.semncnt[num] > 0) return true; // also if {+1, -1} leaves it as it was
    if (op < 0 && journal.old[i] + op === 0 && sem.semzcnt[num] > 0) return true;
  }
  return false;
}

/**
 * The call that programs make most: one operation that need not wait and wakes nobody. 60 ns, the
 * lock included, where the above takes 107.
 *
 * @returns false if it is another call, and nothing was done
 */
export function semopOne(
  k: Site,
  td: Caller,
  page: SemPage,
  num: number,
  op: number,
  undo: boolean,
): boolean {
  if (op === 0 || num >= page.nsems || !permits(td, page, IPC_W)) return false;
  const { semval, semncnt, semzcnt, sempid, taken } = page.sem;
  const value = semval[num] + op;
  if (value < 0 || (op > 0 && value > k.commons.words[C_SEMVMX])) return false;
  if (op > 0 ? semncnt[num] > 0 : value === 0 && semzcnt[num] > 0) return false;
  if (undo && !undoOne(k, td, page, num, op)) return false;
  semval[num] = value; // without undo all that it changes is this store, which needs no journal
  if (op < 0) taken[num]++;
  if (sempid[num] !== td.p_pid) semOwned(page, num, op, td.p_pid);
  page.times[T_OTIME] = k.now;
  page.hdr[P_SEMLPID] = td.p_pid;
  if (undo) page.hdr[P_APPLIED] = 0;
  td.td_retval = 0;
  return true;
}

/** Note the adjustment of semopOne, and it in the journal until it is complete. */
function undoOne(k: Site, td: Caller, page: SemPage, num: number, op: number): boolean {
  const { hdr, journal } = page;
  if (k.globalLocks) return false;
  journal.num[0] = num;
  journal.old[0] = page.sem.semval[num];
  journal.op[0] = op;
  hdr[P_UNDONE] = 0;
  hdr[P_APPLIED] = 1;
  const un = semundoVector(k, td);
  const error = un === null ? ENOSPC : semundoOne(k, td, page, un, 0);
  if (error !== OK) hdr[P_APPLIED] = 0;
  return error === OK;
}

/** Take the first `count` operations back. */
function takeBack({ sem, hdr }: SemPage, sops: Sembufs, count: number): void {
  for (let j = 0; j < count; j++) sem.semval[sops.sem_num[j]] -= sops.sem_op[j];
  hdr[P_APPLIED] = 0;
}

/** Count the process on the semaphore that stopped it and queue it. [SEM-56] [SEM-60] */
function semSleep(
  k: Site,
  td: Caller,
  page: SemPage,
  sops: Sembufs,
  num: number,
  zero: boolean,
): Errno {
  const { rows } = k.commons;
  rows.num[td.tid] = num;
  rows.zero[td.tid] = zero ? 1 : 0;
  show(k, td.tid, sops);
  sleepOn(k, td, page, SLEEPS_SEM);
  (zero ? page.sem.semzcnt : page.sem.semncnt)[num]++;
  semWaits(k, td, page, num, zero);
  return ESLEEP;
}

/** The vector where a waker sees it, if it is short. */
function show({ commons, handoff }: Site, tid: number, sops: Sembufs): void {
  const { rows, shown } = commons;
  rows.nsops[tid] = handoff && sops.count <= SHOWN_SOPS ? sops.count : 0;
  for (let i = 0; i < rows.nsops[tid]; i++) {
    shown.sem_num[tid * SHOWN_SOPS + i] = sops.sem_num[i];
    shown.sem_op[tid * SHOWN_SOPS + i] = sops.sem_op[i];
    shown.sem_flg[tid * SHOWN_SOPS + i] = sops.sem_flg[i];
  }
}

/** The vector in memory of its own: the caller's may change while it sleeps. */
export function keepSops(sops: Sembufs): Sembufs {
  const { count } = sops;
  return {
    sem_num: sops.sem_num.slice(0, count),
    sem_op: sops.sem_op.slice(0, count),
    sem_flg: sops.sem_flg.slice(0, count),
    count,
  };
}

/** The process is counted as a sleeper no more. Once, whoever comes first. */
export function semUncount(k: Site, tid: number, page: SemPage): void {
  const { rows } = k.commons;
  const zero = rows.zero[tid];
  if (zero === NOT_COUNTED) return;
  rows.zero[tid] = NOT_COUNTED;
  (zero === 1 ? page.sem.semzcnt : page.sem.semncnt)[rows.num[tid]]--;
}

/** The vector is applied: undo, pids, time, wakeup. [SEM-63] */
function semopDone(k: Site, td: Caller, page: SemPage, sops: Sembufs): Errno {
  const error = semundo(k, td, page, sops);
  if (error !== OK) {
    takeBack(page, sops, sops.count);
    return error;
  }
  for (let i = 0; i < sops.count; i++) semOperated(k, td, page, sops.sem_num[i], sops.sem_op[i]);
  page.times[T_OTIME] = k.now;
  page.hdr[P_SEMLPID] = td.p_pid;
  page.hdr[P_APPLIED] = 0;
  if (wakes(page, sops)) semWakeup(k, page); // [SEM-76]
  td.td_retval = 0;
  return OK;
}

/** Note the adjustments of the call, or none of them. [SEM-65] [SEM-67] */
function semundo(k: Site, td: Caller, page: SemPage, sops: Sembufs): Errno {
  const { journal } = page;
  let un: UndoVector | null = null;
  let error: Errno = OK;
  for (let i = 0; i < sops.count && error === OK; i++) {
    if (journal.op[i] === 0) continue;
    if (un === null) {
      lockUndo(k);
      un = semundoVector(k, td);
      if (un === null) error = ENOSPC;
    }
    if (un !== null) error = semundoOne(k, td, page, un, i);
  }
  if (un !== null || error !== OK) unlockUndo(k);
  return error;
}

function semundoOne(k: Site, td: Caller, page: SemPage, un: UndoVector, i: number): Errno {
  const { hdr, times, journal } = page;
  const ix = hdr[P_IX];
  const stamp = times[T_STAMP];
  const error = semundoAdjust(k, td, un, ix, stamp, journal.num[i], -journal.op[i], i);
  if (error === OK) {
    hdr[P_UNDONE] = i + 1;
    semundoNoted(un);
    return OK;
  }
  const { td_reason } = td;
  semundoBack(k, td, page, un, i);
  return deny(td, error, td_reason);
}

/** Take back the adjustments of the first `count` operations of the journal. */
export function semundoBack(
  k: Site,
  td: Caller,
  page: SemPage,
  un: UndoVector,
  count: number,
): void {
  const { hdr, times, journal } = page;
  for (let j = count - 1; j >= 0; j--) {
    if (journal.op[j] === 0) continue;
    semundoAdjust(k, td, un, hdr[P_IX], times[T_STAMP], journal.num[j], journal.op[j]);
    semundoNoted(un);
  }
}

/** Some value changed so that sleepers may go on. */
export function semWakeup(k: Site, page: SemPage): void {
  if (k.handoff) serve(k, page);
  else wakeup(k, page);
}

const taken: Sembufs = sembufs(SHOWN_SOPS);

/**
 * Wake policy `handoff`: apply the vectors of sleepers in the order in which they fell asleep, each
 * that can be, from the first one again after each that was. One that asks for SEM_UNDO notes its
 * adjustments itself once it runs; one whose vector is too long to be seen looks for itself.
 */
function serve(k: Site, page: SemPage): void {
  const { next, nsops } = k.commons.rows;
  let tid = page.hdr[P_SLEEP_HEAD];
  while (tid !== 0) {
    const after = next[tid];
    if (nsops[tid] === 0) wakeOne(k, page, tid, WOKEN);
    else if (grant(k, page, tid)) {
      tid = page.hdr[P_SLEEP_HEAD];
      continue;
    }
    tid = after;
  }
}

function grant(k: Site, page: SemPage, tid: number): boolean {
  const sops = shownSops(k, tid, taken);
  page.hdr[P_FOR] = tid;
  const granted = apply(k, page, sops, false) === sops.count;
  if (granted) {
    semUncount(k, tid, page);
    wakeOne(k, page, tid, GRANTED);
    semGiven(k, page, tid, sops);
  }
  page.hdr[P_APPLIED] = 0;
  page.hdr[P_FOR] = 0;
  return granted;
}

export function shownSops({ commons }: Site, tid: number, out: Sembufs): Sembufs {
  const { rows, shown } = commons;
  out.count = rows.nsops[tid];
  for (let i = 0; i < out.count; i++) {
    out.sem_num[i] = shown.sem_num[tid * SHOWN_SOPS + i];
    out.sem_op[i] = shown.sem_op[tid * SHOWN_SOPS + i];
    out.sem_flg[i] = shown.sem_flg[tid * SHOWN_SOPS + i];
  }
  return out;
}

/**
 * A sleeper that was served: what is its own affair. If its adjustments cannot be noted the vector
 * is taken back, as far as the values allow.
 */
function semGranted(k: Site, td: Caller, page: SemPage, sops: Sembufs): Errno {
  for (let i = 0; i < sops.count; i++) {
    page.journal.num[i] = sops.sem_num[i];
    page.journal.op[i] = (sops.sem_flg[i] & SEM_UNDO) !== 0 ? sops.sem_op[i] : 0;
    semOperated(k, td, page, sops.sem_num[i], sops.sem_op[i]);
  }
  page.times[T_OTIME] = k.now;
  page.hdr[P_SEMLPID] = td.p_pid;
  page.hdr[P_UNDONE] = 0;
  page.hdr[P_FOR] = SERVED;
  page.hdr[P_APPLIED] = sops.count;
  awake(k, td.tid); // up to here its end owes what it was served, from here on the journal says what
  const error = semundo(k, td, page, sops);
  page.hdr[P_APPLIED] = 0;
  page.hdr[P_FOR] = 0;
  if (error !== OK) revert(k, page, sops);
  td.td_retval = 0;
  return error;
}

/** Take a served vector back long after: values stay at 0 or above, and sleepers look again. */
function revert(k: Site, page: SemPage, sops: Sembufs): void {
  for (let i = 0; i < sops.count; i++) semAdd(page, sops.sem_num[i], -sops.sem_op[i]);
  wakeup(k, page);
}

/** Change a value where none can be refused: clamped at 0, not at semvmx. [SEM-73] [SEM-75] */
export function semAdd({ sem: { semval } }: SemPage, num: number, adjval: number): void {
  semval[num] = Math.max(0, semval[num] + adjval);
}

/** The set was removed while the process slept. Before EINTR. [SEM-58] */
export function semGone(td: Caller): Errno {
  td.td_interrupted = false;
  return deny(td, EIDRM, SEM_58);
}

/** The rest of a semop that slept, `how` being what ended the sleep. The caller holds the page. */
export function semopWoken(k: Site, td: Caller, page: SemPage, sops: Sembufs, how: number): Errno {
  semUncount(k, td.tid, page);
  if (wasGranted(how)) {
    td.td_interrupted = false;
    return semGranted(k, td, page, sops);
  }
  if (td.td_interrupted) return interrupted(td, SEM_57);
  return semopLocked(k, td, page, sops);
}
