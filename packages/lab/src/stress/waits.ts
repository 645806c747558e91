/** Who waited for whom at moments of a run: the fullest of them, and every deadlock. */
import { deadlockText } from "@jailyard/abi/contention";
import type { Yard } from "@jailyard/host/yard";
import { waitForOf } from "./locks.ts";
import type { Log } from "./log.ts";
import type { WaitFor } from "./runfile.ts";

/** Moments that are kept, deadlocks apart. */
const KEPT = 3;

export class Waits {
  readonly #yard: Yard;
  readonly #log: Log;
  #moments: WaitFor[] = [];
  readonly #deadlocks: WaitFor[] = [];
  #looking = false;

  constructor(yard: Yard, log: Log) {
    this.#yard = yard;
    this.#log = log;
    yard.deadlockListeners.add((deadlock, jails) => {
      this.#deadlocks.push(waitForOf(log.now, deadlock.ring, jails, true));
      log.event("deadlock", null, deadlockText(deadlock, jails));
    });
  }

  /** Look now. A yard that goes down is not looked at. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { now } = this.#log;
    const seen = await this.#yard.control.waiting().catch(() => null);
    this.#looking = false;
    if (seen === null) return;
    const moment = waitForOf(now, seen.waiting, seen.jails, false);
    if (moment.edges.length === 0) return;
    const fullest = [...this.#moments, moment].sort((a, b) => b.edges.length - a.edges.length);
    this.#moments = fullest.slice(0, KEPT);
  }

  /** In the order of time. */
  all(): WaitFor[] {
    return [...this.#moments, ...this.#deadlocks].sort((a, b) => a.at - b.at);
  }
}
