/**
 * Who sleeps, and how to wake it from any thread without the kernel's help.
 *
 * A row for each process and a few words for each home, the place where its sleep is waited out:
 * the kernel's thread (home KERNEL), a thread of coroutines, or the process's own thread (home OWN).
 *
 *   state   AWAKE → ASLEEP → (DEEP →) WOKEN … → AWAKE
 *           the sleeper stores ASLEEP, and AWAKE once it has seen that it was woken; a process with
 *           a thread of its own stores DEEP before it sleeps in Atomics.wait
 *   home    DOORBELL │ WAITING │ LOOK │ GONE
 *
 *  1. Whoever wakes a row holds the lock of what it sleeps on, and does it once for each sleep.
 *  2. A wake-up stores the state, then LOOK of the home, then rings. A home that finds LOOK clears
 *     it and looks at the states of all its sleepers, in the order in which they fell asleep. So
 *     every step may be repeated: what a dead waker left half done another thread makes good by
 *     doing all of it again.
 *
 * A look costs a load for each sleeper of the home; a stack of woken rows would be cheaper with very
 * many, but cannot be repaired when a thread dies in the middle of a push.
 */
import type { Carver } from "./page.ts";

export const AWAKE = 0;
export const ASLEEP = 1;
export const DEEP = 2;
export const WOKEN = 3; // look again
export const INTERRUPTED = 4; // by a signal
export const GRANTED = 5; // the waker has done what the sleeper wanted
export const KILLED = 6; // the process has ended
export const TIMEDOUT = 7;

export const KERNEL = 0;
export const OWN = -1;
/** The home of the thread with index `ix` at the gate. */
export const homeOf = (ix: number): number => ix + 1;

const DOORBELL = 0;
const WAITING = 1; // 1 from before the thread sleeps on DOORBELL until somebody wakes it
const LOOK = 2; // 1 if some row of the home was woken
const GONE = 3; // 1 once its thread has ended
const HOME_WORDS = 32; // no two homes share a cache line

export class Sleepers {
  readonly state: Int32Array;
  readonly home: Int32Array;
  readonly #homes: Int32Array;
  readonly #count: number;

  /** Rows 1 to `rows`; homes 0 to `homes` - 1. The same calls give the same memory. */
  constructor(carver: Carver, rows: number, homes: number) {
    this.state = carver.words(rows + 1);
    this.home = carver.words(rows + 1);
    this.#homes = carver.words(homes * HOME_WORDS);
    this.#count = homes;
  }

  static bytes(rows: number, homes: number): number {
    return (2 * (rows + 33) + homes * HOME_WORDS) * 4 + 1024;
  }

  /** The row sleeps from now on; what it sleeps on is locked. */
  fallAsleep(row: number, home: number): void {
    this.home[row] = home;
    Atomics.store(this.state, row, ASLEEP);
  }

  isAsleep(row: number): boolean {
    const state = Atomics.load(this.state, row);
    return state === ASLEEP || state === DEEP;
  }

  /** End the sleep of a row, as `how` says. */
  wake(row: number, how: number): void {
    const home = this.home[row];
    if (Atomics.exchange(this.state, row, how) === DEEP) Atomics.notify(this.state, row, 1);
    if (home !== OWN) this.#look(home);
  }

  #look(home: number): void {
    const at = home * HOME_WORDS + LOOK;
    if (Atomics.exchange(this.#homes, at, 1) === 0) this.ring(home);
  }

  /** The home is to look at its sleepers once more. */
  lookAgain(home: number): void {
    Atomics.store(this.#homes, home * HOME_WORDS + LOOK, 1);
  }

  /** Was any row of this home woken since it was last asked? */
  takeLook(home: number): boolean {
    const at = home * HOME_WORDS + LOOK;
    return this.#homes[at] !== 0 && Atomics.exchange(this.#homes, at, 0) !== 0;
  }

  hasLook(home: number): boolean {
    return Atomics.load(this.#homes, home * HOME_WORDS + LOOK) !== 0;
  }

  /**
   * Tell a home to look around: an answer, a signal, or mail. Of many who ring at a sleeping home one
   * wakes it: that is a system call.
   */
  ring(home: number): void {
    const at = home * HOME_WORDS;
    Atomics.add(this.#homes, at + DOORBELL, 1);
    if (Atomics.load(this.#homes, at + WAITING) === 0) return;
    if (Atomics.exchange(this.#homes, at + WAITING, 0) === 1) this.#notify(at);
  }

  #notify(at: number): void {
    Atomics.notify(this.#homes, at + DOORBELL);
  }

  /** What the doorbell shows, for `wait`; announces that this home will sleep. */
  listen(home: number): number {
    const at = home * HOME_WORDS;
    const seen = Atomics.load(this.#homes, at + DOORBELL);
    Atomics.store(this.#homes, at + WAITING, 1);
    return seen;
  }

  /** Block until the home is rung, at most `ms`. False if the time ran out. */
  wait(home: number, seen: number, ms: number): boolean {
    return Atomics.wait(this.#homes, home * HOME_WORDS + DOORBELL, seen, ms) !== "timed-out";
  }

  /** The same without blocking; null: it was rung already. */
  waitAsync(home: number, seen: number, ms: number): Promise<unknown> | null {
    const waited = Atomics.waitAsync(this.#homes, home * HOME_WORDS + DOORBELL, seen, ms);
    return waited.async ? waited.value : null;
  }

  unlisten(home: number): void {
    Atomics.store(this.#homes, home * HOME_WORDS + WAITING, 0);
  }

  /** Whoever starts and ends threads says so, since a dead one cannot. */
  setGone(home: number, gone: boolean): void {
    Atomics.store(this.#homes, home * HOME_WORDS + GONE, Number(gone));
  }

  isGone(home: number): boolean {
    return Atomics.load(this.#homes, home * HOME_WORDS + GONE) === 1;
  }

  /** Make good what a dead thread left: whoever was woken is told, and every home looks. */
  again(): void {
    const rows = this.state.length;
    for (let row = 1; row < rows; row++) {
      if (this.state[row] > DEEP) Atomics.notify(this.state, row, 1);
    }
    for (let home = 0; home < this.#count; home++) {
      const at = home * HOME_WORDS;
      if (this.#homes[at + DOORBELL] === 0 && this.#homes[at + WAITING] === 0) continue; // unused
      Atomics.store(this.#homes, at + LOOK, 1);
      Atomics.add(this.#homes, at + DOORBELL, 1);
      this.#notify(at); // whatever WAITING is: the dead thread may have cleared it
    }
  }
}
