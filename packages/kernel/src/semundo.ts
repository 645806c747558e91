/**
 * SEM_UNDO vectors, after semundo_adjust(), semundo_clear() and semexit() of sys/kern/sysv_sem.c.
 *
 * At most semmnu processes have a vector, of at most semume entries each. A vector that an entry
 * leaves empty goes back to the free list at once, even in the middle of a call that goes on to
 * write into it: what is written then is lost. [SEM-68] [SEM-85] FreeBSD's slips are kept, they
 * are what programs meet.
 *
 * The memory of a vector is its process's; who has one of the semmnu structures is a word each of
 * the commons, taken by compare-and-swap, so that no death leaves the count wrong. A vector is
 * changed by its process alone, under the lock of the page that it works on, or by the kernel while
 * that process can make no call.
 */
import { EINVAL, ENOSPC, ERANGE, type Errno, OK } from "@jailyard/abi/errno";
import { SEM } from "@jailyard/abi/reason";
import { bytesOf, type Carver, type Columns } from "@jailyard/memory/page";
import { C_SEMAEM, type Commons } from "./commons.ts";
import { type Caller, deny, type Site } from "./site.ts";

/** `which` of semundoClear: every semaphore of the set. */
export const ALL_SEMS = -1;

const SEM_66_SEMMNU = SEM(66, "kern.ipc.semmnu");
const SEM_66_SEMAEM = SEM(66, "kern.ipc.semaem");
const SEM_66_SEMUME = SEM(66, "kern.ipc.semume");

const ENTRIES = {
  un_ix: "i32",
  un_num: "i32",
  un_adjval: "i32",
  un_stamp: "f64", // creation counter of the set when the entry was made
} as const;

const U_STRUCTURE = 0; // which of semmnu it has, plus 1; kept as a hint when it has none
const U_CNT = 1;
const U_TID = 2; // its process while it has a structure, else 0
// The entry that is being changed, as it was.
const U_AT = 3; // its place plus 1; 0: none is being changed
const U_OLD_CNT = 4;
const U_OLD_ADJ = 5;
const U_FOR = 6; // the operation of the call for which it is changed
const WORDS = 16;

/** One process's vector: entries 0 to un_cnt - 1, in order. */
export class UndoVector {
  readonly words: Int32Array;
  readonly un_ix: Int32Array;
  readonly un_num: Int32Array;
  readonly un_adjval: Int32Array;
  /** One more than semume: the last one is the old value of an entry under change. */
  readonly un_stamp: Float64Array;
  readonly semume: number;

  constructor(carver: Carver, semume: number) {
    this.words = carver.words(WORDS);
    const entries: Columns<typeof ENTRIES> = carver.columns(ENTRIES, semume + 1);
    this.un_ix = entries.un_ix;
    this.un_num = entries.un_num;
    this.un_adjval = entries.un_adjval;
    this.un_stamp = entries.un_stamp;
    this.semume = semume;
  }

  static bytes(semume: number): number {
    return WORDS * 4 + 256 + bytesOf(ENTRIES, semume + 1);
  }

  get un_cnt(): number {
    return this.words[U_CNT];
  }

  /** Does its process have one of the semmnu structures? */
  get inUse(): boolean {
    return this.words[U_TID] !== 0;
  }

  /** The operation for which an entry is being changed, where `isChanging`. */
  get changingFor(): number {
    return this.words[U_FOR];
  }

  /** Is an entry being changed, its process having died in the middle? */
  get isChanging(): boolean {
    return this.words[U_AT] !== 0;
  }

  /** The process is dead: whether it has a structure, and which, is what the commons say. */
  settle({ semu }: Commons, tid: number): void {
    const { words } = this;
    const at = semu.indexOf(tid);
    if (at !== -1 && words[U_TID] === 0) words[U_CNT] = 0; // it died as it took one
    if (at !== -1) words[U_STRUCTURE] = at + 1;
    words[U_TID] = at === -1 ? 0 : tid;
  }

  /** For another process, from the beginning. */
  reset(): void {
    this.words.fill(0);
  }
}

/** Get one of the structures for the vector. False if semmnu are in use. */
function take({ semu }: Commons, un: UndoVector, tid: number): boolean {
  const { words } = un;
  let at = words[U_STRUCTURE] - 1;
  if (at < 0 || Atomics.compareExchange(semu, at, 0, tid) !== 0) at = takeAny(semu, tid);
  if (at === -1) return false;
  words[U_STRUCTURE] = at + 1;
  words[U_CNT] = 0;
  words[U_TID] = tid;
  return true;
}

function takeAny(semu: Int32Array, tid: number): number {
  for (let at = 0; at < semu.length; at++) {
    if (semu[at] === 0 && Atomics.compareExchange(semu, at, 0, tid) === 0) return at;
  }
  return -1;
}

/** Back to the free list; nothing happens if it is there already. */
export function release({ semu }: Commons, un: UndoVector): void {
  const { words } = un;
  if (words[U_TID] === 0) return;
  const tid = words[U_TID];
  words[U_TID] = 0;
  // Nobody else writes a word that is not 0, so this needs no exchange: 8 ns.
  const at = words[U_STRUCTURE] - 1;
  if (semu[at] === tid) semu[at] = 0;
}

/** Structures that are in use. */
export function structuresInUse({ semu }: Commons): number {
  let count = 0;
  for (let at = 0; at < semu.length; at++) if (semu[at] !== 0) count++;
  return count;
}

/**
 * The vector that a call works with: the process's own, or a new one. [SEM-85]
 * @returns null if semmnu are in use
 */
export function semundoVector(k: Site, td: Caller): UndoVector | null {
  td.td_undo ??= k.makeUndo(td);
  const un = td.td_undo;
  if (un.inUse || take(k.commons, un, td.tid)) return un;
  deny(td, ENOSPC, SEM_66_SEMMNU);
  return null;
}

/**
 * Add `adjval`, not 0, to the entry of semaphore `num` of the set in slot `ix`. The stamp of an
 * entry that exists is not looked at. [SEM-66] `un` is the vector of the call, `op` which of its
 * operations it is for. What is being changed is noted until `semundoNoted`.
 *
 * @returns OK, ERANGE or EINVAL
 */
export function semundoAdjust(
  k: Site,
  td: Caller,
  un: UndoVector,
  ix: number,
  stamp: number,
  num: number,
  adjval: number,
  op = 0,
): Errno {
  un.words[U_FOR] = op;
  const at = find(un, ix, num);
  const value = ((at === -1 ? 0 : un.un_adjval[at]) + adjval) | 0;
  const semaem = k.commons.words[C_SEMAEM];
  if (value > semaem || value < -semaem) return deny(td, ERANGE, SEM_66_SEMAEM);
  if (at === -1) return append(td, un, ix, stamp, num, value);
  note(un, at);
  un.un_adjval[at] = value;
  if (value === 0) removeAt(k.commons, un, at);
  return OK;
}

/** Keep entry `at` as it is, so that a change that is cut off can be taken back. */
function note({ words, un_adjval, un_stamp, semume }: UndoVector, at: number): void {
  words[U_OLD_CNT] = words[U_CNT];
  words[U_OLD_ADJ] = un_adjval[at];
  un_stamp[semume] = un_stamp[at];
  words[U_AT] = at + 1;
}

/** The change of an entry, and what goes with it, is complete. */
export function semundoNoted({ words }: UndoVector): void {
  words[U_AT] = 0;
}

function find(un: UndoVector, ix: number, num: number): number {
  const { un_ix, un_num } = un;
  const count = un.words[U_CNT];
  for (let i = 0; i < count; i++) if (un_ix[i] === ix && un_num[i] === num) return i;
  return -1;
}

function append(
  td: Caller,
  un: UndoVector,
  ix: number,
  stamp: number,
  num: number,
  value: number,
): Errno {
  const at = un.words[U_CNT];
  if (at === un.semume) return deny(td, EINVAL, SEM_66_SEMUME);
  un.words[U_OLD_CNT] = at; // there is no old entry to keep
  un.words[U_AT] = at + 1;
  un.un_ix[at] = ix;
  un.un_num[at] = num;
  un.un_adjval[at] = value;
  un.un_stamp[at] = stamp;
  un.words[U_CNT] = at + 1;
  return OK;
}

/** Delete entry `at` by moving the last one into its place. */
function removeAt(commons: Commons, un: UndoVector, at: number): void {
  const { words } = un;
  const last = --words[U_CNT];
  if (at < last) copyEntry(un, last, at);
  if (last === 0) release(commons, un);
}

function copyEntry(un: UndoVector, from: number, to: number): void {
  un.un_ix[to] = un.un_ix[from];
  un.un_num[to] = un.un_num[from];
  un.un_adjval[to] = un.un_adjval[from];
  un.un_stamp[to] = un.un_stamp[from];
}

/**
 * Take back a change of an entry that its process, now dead, did not complete: entry (`ix`, `num`).
 * An entry that was deleted had another moved into its place, whose old place is untouched.
 */
export function semundoRestore(
  { semu }: Commons,
  un: UndoVector,
  tid: number,
  ix: number,
  num: number,
): void {
  const { words } = un;
  const at = words[U_AT] - 1;
  words[U_TID] = semu.includes(tid) ? tid : 0;
  if (at === -1) return;
  const count = words[U_OLD_CNT];
  if (at < count) {
    un.un_ix[at] = ix;
    un.un_num[at] = num;
    un.un_adjval[at] = words[U_OLD_ADJ];
    un.un_stamp[at] = un.un_stamp[un.semume];
  }
  words[U_CNT] = count;
  words[U_AT] = 0;
  if (count > 0 && words[U_TID] === 0) retake(semu, un, tid);
}

/** The structure was being let go, or was: get it back, or any. If there is none its exit does without. */
function retake(semu: Int32Array, { words }: UndoVector, tid: number): void {
  let at = words[U_STRUCTURE] - 1;
  if (Atomics.compareExchange(semu, at, 0, tid) !== 0) at = takeAny(semu, tid);
  if (at !== -1) words[U_STRUCTURE] = at + 1;
  words[U_TID] = tid;
}

/**
 * Forget the adjustments of one semaphore, or of ALL_SEMS, of the set in slot `ix`, as FreeBSD
 * does: an entry moved into a gap is not looked at, and a search for one semaphore stops at the
 * first entry of another semaphore of the set. [SEM-70] [SEM-71]
 */
export function semundoClear(commons: Commons, un: UndoVector, ix: number, which: number): void {
  for (let i = 0; i < un.un_cnt; i++) {
    if (un.un_ix[i] !== ix) continue;
    if (which === ALL_SEMS || un.un_num[i] === which) {
      removeAt(commons, un, i);
      if (i < un.un_cnt) continue;
    }
    if (which !== ALL_SEMS) return;
  }
}
