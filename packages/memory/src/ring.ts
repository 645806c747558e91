/**
 * A bounded ring of ints between two threads: one puts, one takes.
 *
 *   word  0      32     64
 *         taken  put    entry 0 │ entry 1 │ …        capacity: a power of two
 *
 *  1. `put` and `taken` count entries since the beginning, modulo 2^32, and do not wrap at
 *     the capacity: `put - taken` entries are held, from 0 to capacity.
 *  2. Each has one writer, which stores it after the copy it announces.
 */
const TAKEN = 0;
const PUT = 32;
const ENTRIES = 64;

export class Ring {
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #mask: number;

  static words(capacity: number): number {
    return ENTRIES + Math.max(32, capacity);
  }

  /** Both sides give the same words and capacity. */
  constructor(words: Int32Array, capacity: number) {
    if ((capacity & (capacity - 1)) !== 0) throw new Error(`${capacity} is not a power of two`);
    this.#words = words;
    this.#capacity = capacity;
    this.#mask = capacity - 1;
  }

  /** False if the ring is full. */
  put(entry: number): boolean {
    const words = this.#words;
    const put = words[PUT];
    if (((put - Atomics.load(words, TAKEN)) | 0) === this.#capacity) return false;
    words[ENTRIES + (put & this.#mask)] = entry;
    Atomics.store(words, PUT, put + 1);
    return true;
  }

  /** The oldest entry, or -1 if the ring is empty. Entries are not negative. */
  take(): number {
    const words = this.#words;
    const taken = words[TAKEN];
    if (taken === Atomics.load(words, PUT)) return -1;
    const entry = words[ENTRIES + (taken & this.#mask)];
    Atomics.store(words, TAKEN, taken + 1);
    return entry;
  }

  /** Entries that are in it, as the taker sees it. */
  get held(): number {
    return (Atomics.load(this.#words, PUT) - this.#words[TAKEN]) | 0;
  }

  get empty(): boolean {
    return Atomics.load(this.#words, TAKEN) === Atomics.load(this.#words, PUT);
  }
}
