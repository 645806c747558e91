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
const SPINS_MAX = 700; // replaying 8 jails on 2 cores: 6 s; 13 s with 100 or 4000
/** A sleep shorter than this, in milliseconds, would have been better spun. */
const WORTH = 0.5;

/**
 * How long to spin before a sleep: longer after a spin that paid or a sleep that was short, shorter
 * after a long sleep. Starts long.
 */
export class Spin {
  spins = SPINS_MAX;
  #asleepSince = 0;

  paid(): void {
    this.spins = Math.min(SPINS_MAX, this.spins * 2);
  }

  fallAsleep(): void {
    this.#asleepSince = performance.now();
  }

  awake(): void {
    const short = performance.now() - this.#asleepSince < WORTH;
    this.spins = short ? Math.min(SPINS_MAX, this.spins * 2) : Math.max(SPINS_MIN, this.spins >> 1);
  }
}
