/** Which recorded calls were in flight together: between them the recording tells no order. */
import type { Effects } from "./order.ts";
import type { RecordedEvent } from "./recording.ts";

/** How many events back a call is looked for that is in flight still. */
const LOOKBACK = 512;

export class Overlaps {
  readonly #events: readonly RecordedEvent[];
  readonly #effects: Effects;
  constructor(events: readonly RecordedEvent[], effects: Effects) {
    this.#events = events;
    this.#effects = effects;
  }

  /** Calls of other processes on the same object in flight while event `ix` was. */
  of(ix: number): RecordedEvent[] {
    const { start, effect } = this.#effects;
    const found: RecordedEvent[] = [];
    for (let other = Math.max(0, ix - LOOKBACK); other < this.#events.length; other++) {
      if (start[other] > effect[ix]) break;
      if (effect[other] >= start[ix] && this.#related(other, ix)) found.push(this.#events[other]);
    }
    return found;
  }

  #related(other: number, ix: number): boolean {
    const a = this.#events[other];
    const b = this.#events[ix];
    return other !== ix && a.pid !== b.pid && a.args.id === b.args.id && sameFacility(a, b);
  }
}

const sameFacility = (a: RecordedEvent, b: RecordedEvent): boolean =>
  a.call.slice(0, 3) === b.call.slice(0, 3);
