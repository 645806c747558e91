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
/** A sleep shorter than this, in milliseconds, would have been better spun. */
const WORTH = 0.5;

/**
 * How long to spin before a sleep: longer after a spin that paid or a sleep that was short, shorter
 * after a long sleep. Starts long. Whoever knows says whether threads want for cores.
 */
export class Spin {
  spins = SPINS_MAX;
  crowded = false;
  #asleepSince = 0;

  paid(): void {
    this.spins = Math.min(this.crowded ? SPINS_CROWDED : SPINS_MAX, this.spins * 2);
  }

  fallAsleep(): void {
    this.#asleepSince = performance.now();
  }

  awake(): void {
    const short = performance.now() - this.#asleepSince < WORTH;
    if (short) this.paid();
    else this.spins = Math.max(SPINS_MIN, this.spins >> 1);
  }
}
