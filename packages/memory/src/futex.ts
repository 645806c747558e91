/** Waiting for a word of shared memory to leave a value: spin first, then sleep. */
import { pause } from "./mutex.ts";

/**
 * Spin until `words[at]` is not `value`, at most `spins` times.
 * @returns true once it has another value
 */
export function spinWhile(words: Int32Array, at: number, value: number, spins: number): boolean {
  for (let i = 0; i < spins; i++) {
    if (Atomics.load(words, at) !== value) return true;
    pause();
  }
  return Atomics.load(words, at) !== value;
}

const SPINS_MIN = 100;
/** A spin as long as it takes to wake a thread: with less, both sides of a call sleep each time. */
const SPINS_MAX = 4000;
/** With more threads than cores: replaying 8 jails on 2 takes 6 s; 13 s with 100 or with 4000. */
const SPINS_CROWDED = 700;
/** One sleep in this many is preceded by a long spin, to see whether that pays again. */
const PROBE = 32;

/**
 * How long to spin before a sleep: long while spins pay, half as long after each that did not. A spin
 * that fails may have kept the very thread that is waited for from its core, so a sleep that was
 * short says nothing for longer spins: where it did, one run had calls of 334 us. Starts long;
 * whoever knows says whether threads want for cores.
 */
export class Spin {
  spins = SPINS_MAX;
  crowded = false;
  #sleeps = 0;

  get #most(): number {
    return this.crowded ? SPINS_CROWDED : SPINS_MAX;
  }

  /** What was waited for came during the spin. */
  paid(): void {
    this.spins = this.#most;
  }

  /** It did not, and the thread slept. */
  slept(): void {
    const probe = ++this.#sleeps % PROBE === 0;
    this.spins = probe ? this.#most : Math.max(SPINS_MIN, this.spins >> 1);
  }
}

/** Sleep until word `at` is not `value` any more; `nag` is called first and then every `ms`. */
export function waitWhile(
  words: Int32Array,
  at: number,
  value: number,
  ms: number,
  nag: () => void,
): void {
  while (Atomics.load(words, at) === value) {
    nag();
    Atomics.wait(words, at, value, ms);
  }
}
