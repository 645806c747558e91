/**
 * Orders to the processes of a case, and their replies: a box of shared memory for each process.
 *
 *   word  0       1        │ byte 8
 *         state   length   │ order or reply, serialized
 *
 *  1. A box holds one thing at a time: EMPTY → ORDER → REPLY → EMPTY. The driver stores ORDER and
 *     EMPTY, the process REPLY; storing the state publishes what is behind it.
 *  2. While a process carries an order out the state stays ORDER. One that is killed never replies.
 */
import { deserialize, serialize } from "node:v8";

const EMPTY = 0;
const ORDER = 1;
const REPLY = 2;
const STATE = 0;
const LENGTH = 1;
const HEAD_BYTES = 8;
const BOX_BYTES = 128 * 1024; // an answer with the longest text that a script can ask for
/** Processes that a case can have, all that it forks included. */
export const BOXES = 256;

export const boxMemory = (): SharedArrayBuffer => new SharedArrayBuffer(BOXES * BOX_BYTES);

export class Mailbox {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;

  /** Box `ix`, in [0, BOXES). */
  constructor(memory: SharedArrayBuffer, ix: number) {
    this.#words = new Int32Array(memory, ix * BOX_BYTES, HEAD_BYTES / 4);
    this.#bytes = new Uint8Array(memory, ix * BOX_BYTES + HEAD_BYTES, BOX_BYTES - HEAD_BYTES);
  }

  /** Driver: nothing is in the box. */
  clear(): void {
    Atomics.store(this.#words, STATE, EMPTY);
  }

  order(order: unknown): void {
    this.#put(ORDER, order);
  }

  /** Driver: is there a reply, now or within `ms`? */
  async replies(ms: number): Promise<boolean> {
    if (ms === 0) return Atomics.load(this.#words, STATE) === REPLY;
    return await this.#becomes(REPLY, ms);
  }

  /** Driver: take the reply once it is there. @throws Error if it is not within `ms` */
  async reply(ms: number): Promise<unknown> {
    if (!(await this.#becomes(REPLY, ms))) throw new Error("a process does not answer");
    const reply = this.#get();
    this.clear();
    return reply;
  }

  /** Process: the next order, for one that owns its thread. */
  nextOrder(): unknown {
    const words = this.#words;
    for (let now = Atomics.load(words, STATE); now !== ORDER; now = Atomics.load(words, STATE)) {
      Atomics.wait(words, STATE, now);
    }
    return this.#get();
  }

  /** The same for a coroutine. Whoever gives the order also rings the coroutine's thread. */
  async nextOrderAsync(): Promise<unknown> {
    await this.#becomes(ORDER, Number.POSITIVE_INFINITY);
    return this.#get();
  }

  answer(reply: unknown): void {
    this.#put(REPLY, reply);
  }

  /** False: it did not within `ms`. */
  async #becomes(state: number, ms: number): Promise<boolean> {
    const words = this.#words;
    for (let now = Atomics.load(words, STATE); now !== state; now = Atomics.load(words, STATE)) {
      const waited = Atomics.waitAsync(words, STATE, now, ms);
      if ((await waited.value) === "timed-out") return false;
    }
    return true;
  }

  #put(state: number, value: unknown): void {
    const bytes = serialize(value);
    if (bytes.length > this.#bytes.length) {
      throw new RangeError(`${bytes.length} bytes do not fit into a mailbox`);
    }
    this.#bytes.set(bytes);
    this.#words[LENGTH] = bytes.length;
    Atomics.store(this.#words, STATE, state);
    Atomics.notify(this.#words, STATE);
  }

  #get(): unknown {
    return deserialize(this.#bytes.slice(0, this.#words[LENGTH]));
  }
}
