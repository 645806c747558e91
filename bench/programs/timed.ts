/**
 * How long an operation takes, from a loop of them: batches for so long, after a lead-in that does
 * not count, in which threads find their cores and caches fill. bench/native/bench.h does the same.
 */
import { type AwaitedWork, nanos, type Work } from "./player.ts";

/** The lead-in's share of a round. */
export const LEAD_IN = 0.25;
/** A batch takes about as long, in nanoseconds: the clock is read twice a batch. */
const BATCH = 200_000;

/** Operations and time of the batches that count. */
class Count {
  n = 2;
  readonly #from: number;
  readonly #until: number;
  #batch = nanos();
  #started = 0;
  #operations = 0;

  constructor(ms: number) {
    this.#from = this.#batch + ms * 1e6 * LEAD_IN;
    this.#until = this.#from + ms * 1e6;
  }

  /** A batch of `n` is done; `n` is now how many the next one has. @returns false if it was the last */
  next(): boolean {
    const now = nanos();
    if (this.#started > 0) this.#operations += this.n;
    else if (now >= this.#from) this.#started = now;
    if (now - this.#batch < BATCH / 2) this.n *= 2;
    this.#batch = now;
    return now < this.#until || this.#operations === 0;
  }

  get nanosEach(): number {
    return (this.#batch - this.#started) / this.#operations;
  }
}

/** `loop` does `n` operations. */
export function timed(loop: (n: number) => void): Work {
  return (ms, values) => {
    const count = new Count(ms);
    do loop(count.n);
    while (count.next());
    values[0] = count.nanosEach;
  };
}

export function timedAwaited(loop: (n: number) => Promise<void>): AwaitedWork {
  return async (ms, values) => {
    const count = new Count(ms);
    do await loop(count.n);
    while (count.next());
    values[0] = count.nanosEach;
  };
}
