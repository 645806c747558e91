/**
 * SEM_UNDO vectors, after semundo_adjust(), semundo_clear() and semexit() of sys/kern/sysv_sem.c.
 *
 * At most semmnu processes have a vector, of at most semume entries each. A vector that an entry
 * leaves empty goes back to the free list at once, even in the middle of a call that goes on to
 * write into it: what is written then is lost. [SEM-68] [SEM-85] FreeBSD's slips are kept, they
 * are what programs meet.
 */
import { EINVAL, ENOSPC, ERANGE, type Errno, OK } from "@jailyard/abi/errno";
import { SEM } from "@jailyard/abi/reason";
import { deny, type Thread } from "./thread.ts";

/** `which` of semundoClear: every semaphore of the set. */
export const ALL_SEMS = -1;

const SEM_66_SEMMNU = SEM(66, "kern.ipc.semmnu");
const SEM_66_SEMAEM = SEM(66, "kern.ipc.semaem");
const SEM_66_SEMUME = SEM(66, "kern.ipc.semume");

/** One process's vector: entries 0 to un_cnt - 1, in order. */
export interface SemUndo {
  un_proc: Thread | null;
  un_cnt: number;
  readonly un_ix: Int32Array;
  readonly un_num: Int32Array;
  readonly un_adjval: Int32Array;
  /** Creation counter of the set when the entry was made. */
  readonly un_stamp: Float64Array;
}

/** The pool of vectors; `inUse` keeps the order in which they were taken. */
export class SemUndoPool {
  readonly inUse = new Set<SemUndo>();
  readonly #free: SemUndo[] = [];
  readonly #semmnu: number;
  readonly #semume: number;

  constructor(semmnu: number, semume: number) {
    this.#semmnu = semmnu;
    this.#semume = semume;
  }

  get semume(): number {
    return this.#semume;
  }

  /** A vector for `td`; null if semmnu are in use. */
  take(td: Thread): SemUndo | null {
    if (this.inUse.size >= this.#semmnu) return null;
    const un = this.#free.pop() ?? this.#make();
    un.un_proc = td;
    un.un_cnt = 0;
    td.p_semundo = un;
    this.inUse.add(un);
    return un;
  }

  /** Back to the free list; nothing happens if it is there already. */
  release(un: SemUndo): void {
    if (!this.inUse.delete(un)) return;
    un.un_proc!.p_semundo = null;
    this.#free.push(un);
  }

  #make(): SemUndo {
    return {
      un_proc: null,
      un_cnt: 0,
      un_ix: new Int32Array(this.#semume),
      un_num: new Int32Array(this.#semume),
      un_adjval: new Int32Array(this.#semume),
      un_stamp: new Float64Array(this.#semume),
    };
  }
}

/**
 * Add `adjval`, not 0, to the entry of semaphore `num` of the set in slot `ix`. The stamp of an
 * entry that exists is not looked at. [SEM-66] `un` is the vector of the call, or null before its
 * first adjustment.
 *
 * @returns OK, ERANGE or EINVAL
 */
export function semundoAdjust(
  pool: SemUndoPool,
  td: Thread,
  un: SemUndo,
  entry: { ix: number; stamp: number },
  num: number,
  adjval: number,
  semaem: number,
): Errno {
  const at = find(un, entry.ix, num);
  const value = (at === -1 ? 0 : un.un_adjval[at]) + adjval;
  if (Math.abs(value) > semaem) return deny(td, ERANGE, SEM_66_SEMAEM);
  if (at === -1) return append(pool, td, un, entry, num, value);
  un.un_adjval[at] = value;
  if (value === 0) removeAt(pool, un, at);
  return OK;
}

/** The vector that a call works with: the process's own, or a new one. [SEM-85] */
export function semundoVector(pool: SemUndoPool, td: Thread): SemUndo | null {
  const un = td.p_semundo ?? pool.take(td);
  if (un === null) deny(td, ENOSPC, SEM_66_SEMMNU);
  return un;
}

function find(un: SemUndo, ix: number, num: number): number {
  for (let i = 0; i < un.un_cnt; i++) {
    if (un.un_ix[i] === ix && un.un_num[i] === num) return i;
  }
  return -1;
}

function append(
  pool: SemUndoPool,
  td: Thread,
  un: SemUndo,
  entry: { ix: number; stamp: number },
  num: number,
  value: number,
): Errno {
  if (un.un_cnt === pool.semume) return deny(td, EINVAL, SEM_66_SEMUME);
  const at = un.un_cnt++;
  un.un_ix[at] = entry.ix;
  un.un_num[at] = num;
  un.un_adjval[at] = value;
  un.un_stamp[at] = entry.stamp;
  return OK;
}

/** Delete entry `at` by moving the last one into its place. */
function removeAt(pool: SemUndoPool, un: SemUndo, at: number): void {
  const last = --un.un_cnt;
  if (at < last) {
    un.un_ix[at] = un.un_ix[last];
    un.un_num[at] = un.un_num[last];
    un.un_adjval[at] = un.un_adjval[last];
    un.un_stamp[at] = un.un_stamp[last];
  }
  if (last === 0) pool.release(un);
}

/**
 * Forget the adjustments of one semaphore, or of ALL_SEMS, of the set in slot `ix`, as FreeBSD
 * does: an entry moved into a gap is not looked at, and a search for one semaphore stops at the
 * first entry of another semaphore of the set. [SEM-70] [SEM-71]
 */
export function semundoClear(pool: SemUndoPool, ix: number, which: number): void {
  for (const un of pool.inUse) clearVector(pool, un, ix, which);
}

function clearVector(pool: SemUndoPool, un: SemUndo, ix: number, which: number): void {
  for (let i = 0; i < un.un_cnt; i++) {
    if (un.un_ix[i] !== ix) continue;
    if (which === ALL_SEMS || un.un_num[i] === which) {
      removeAt(pool, un, i);
      if (i < un.un_cnt) continue;
    }
    if (which !== ALL_SEMS) return;
  }
}
