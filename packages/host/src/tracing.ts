/** The rings of a trace: one for the kernel's thread and one for each thread of a jail, while it is. */
import { RecordRing } from "@jailyard/memory/records";

/** The kernel's thread tells of all waits in placement `central`, and of waits at the gate. */
const KERNEL_TIMES = 8;
const KERNEL = -1;

export class Tracing {
  readonly #records: number;
  /** By index at the gate. A thread that gets the index of one that is gone goes on with its ring. */
  readonly #rings = new Map<number, RecordRing>();

  /** `records` fit into the ring of a thread: a power of two. */
  constructor(records: number) {
    this.#records = records;
  }

  get kernel(): SharedArrayBuffer {
    return this.#ring(KERNEL, this.#records * KERNEL_TIMES);
  }

  thread(ix: number): SharedArrayBuffer {
    return this.#ring(ix, this.#records);
  }

  #ring(ix: number, records: number): SharedArrayBuffer {
    const ring =
      this.#rings.get(ix) ?? new RecordRing(new SharedArrayBuffer(RecordRing.bytes(records)));
    this.#rings.set(ix, ring);
    return ring.buffer;
  }

  /** Every record that came since the last time, each thread's in its order. */
  drain(take: (record: Int32Array) => void): void {
    for (const ring of this.#rings.values()) ring.drain(take);
  }

  /** Records for which there was no room because nobody drained them in time. */
  get dropped(): number {
    return this.#rings.values().reduce((sum, ring) => sum + ring.dropped, 0);
  }
}
