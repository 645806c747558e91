/**
 * The time of each single call: p50 and p99 say what a mean hides. The first calls of a round, when
 * both sides have slept for long, are told apart; those of the lead-in do not count.
 */
import { type AwaitedWork, nanos, type Work } from "./player.ts";
import { LEAD_IN } from "./timed.ts";

/** Calls that count as the first after idleness. */
const FIRST = 32;
const CALLS_MAX = 1 << 18;

class Latencies {
  readonly #first = new Float64Array(FIRST);
  readonly #nanos = new Float64Array(CALLS_MAX);
  readonly #from: number;
  readonly #until: number;
  #calls = 0;
  #counted = 0;

  constructor(ms: number) {
    const now = nanos();
    this.#from = now + ms * 1e6 * LEAD_IN;
    this.#until = this.#from + ms * 1e6;
  }

  /** A call took from `started` to `ended`, milliseconds. @returns false if it was the last */
  next(started: number, ended: number): boolean {
    const took = (ended - started) * 1e6;
    if (this.#calls < FIRST) this.#first[this.#calls++] = took;
    const now = nanos();
    if (now >= this.#from) this.#nanos[this.#counted++] = took;
    return this.#calls < FIRST || (now < this.#until && this.#counted < CALLS_MAX);
  }

  /** p50 and p99 of the calls, p50 of the first ones. */
  leave(values: Float64Array): void {
    const sorted = this.#nanos.subarray(0, this.#counted).sort();
    values[0] = sorted[sorted.length >> 1];
    values[1] = sorted[Math.floor(sorted.length * 0.99)];
    values[2] = this.#first.sort()[FIRST >> 1];
  }
}

export function latencies(call: () => unknown): Work {
  return (ms, values) => {
    const all = new Latencies(ms);
    for (let more = true; more; ) {
      const started = performance.now();
      call();
      more = all.next(started, performance.now());
    }
    all.leave(values);
  };
}

export function awaitedLatencies(call: () => Promise<unknown>): AwaitedWork {
  return async (ms, values) => {
    const all = new Latencies(ms);
    for (let more = true; more; ) {
      const started = performance.now();
      await call();
      more = all.next(started, performance.now());
    }
    all.leave(values);
  };
}
