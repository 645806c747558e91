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
