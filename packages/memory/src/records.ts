/**
 * A bounded ring of records between two threads: one puts, one takes. A record is RECORD_WORDS words,
 * of which the first ones may be looked at as numbers of 64 bits.
 *
 *   word  0      32     64       128
 *         taken  put    dropped  record 0 │ record 1 │ …        capacity: a power of two
 *
 *  1. `put` and `taken` count records since the beginning, modulo 2^32, and do not wrap at the
 *     capacity: `put - taken` records are held, from 0 to capacity.
 *  2. Each has one writer, which stores it after the copy it announces. Who puts counts in `dropped`
 *     what found no room; it waits for nobody.
 *  3. A writer that dies in the middle of a record has announced nothing: the next one overwrites it.
 */
const TAKEN = 0;
const PUT = 32;
const DROPPED = 64;
const RECORDS = 128;
export const RECORD_WORDS = 16;

export class RecordRing {
  readonly buffer: SharedArrayBuffer;
  /** The same memory in words and in numbers of 64 bits. */
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly #capacity: number;

  static bytes(capacity: number): number {
    return (RECORDS + capacity * RECORD_WORDS) * 4;
  }

  /** Both sides give the same buffer. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.words = new Int32Array(buffer);
    this.numbers = new Float64Array(buffer);
    this.#capacity = (this.words.length - RECORDS) / RECORD_WORDS;
    if ((this.#capacity & (this.#capacity - 1)) !== 0)
      throw new Error(`${this.#capacity} is not a power of two`);
  }

  /** Word at which to write the next record, then `commit`; -1: there is no room, which is counted. */
  claim(): number {
    const { words } = this;
    const put = words[PUT];
    if (((put - Atomics.load(words, TAKEN)) | 0) === this.#capacity) {
      words[DROPPED]++;
      return -1;
    }
    return this.#at(put);
  }

  commit(): void {
    Atomics.store(this.words, PUT, this.words[PUT] + 1);
  }

  /** Give `take` the words of each record that is there; they are its own until it returns. */
  drain(take: (record: Int32Array) => void): void {
    const { words } = this;
    const put = Atomics.load(words, PUT);
    for (let taken = words[TAKEN]; taken !== put; taken = (taken + 1) | 0) {
      const at = this.#at(taken);
      take(words.subarray(at, at + RECORD_WORDS));
      Atomics.store(words, TAKEN, taken + 1);
    }
  }

  /** Records that found no room. */
  get dropped(): number {
    return this.words[DROPPED] >>> 0;
  }

  #at(count: number): number {
    return RECORDS + (count & (this.#capacity - 1)) * RECORD_WORDS;
  }
}
