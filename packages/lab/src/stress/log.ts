/** The events of a run, in the order of their times. */
import type { RunEvent } from "./runfile.ts";

/** More are counted and not kept: with a thousand jails each tells of its own. */
const KEPT = 2000;

export class Log {
  readonly #events: (Omit<RunEvent, "at"> & { readonly ms: number })[] = [];
  #left = 0;
  /** When work began, in milliseconds since the epoch. */
  began = Date.now();

  /** Seconds since work began. */
  get now(): number {
    return (Date.now() - this.began) / 1000;
  }

  event(
    what: RunEvent["what"],
    who: { readonly jail: string; readonly workload: string | null } | null,
    text: string,
    ms = Date.now(),
  ): void {
    if (this.#events.length === KEPT) this.#left++;
    else {
      this.#events.push({
        ms,
        what,
        jail: who?.jail ?? null,
        workload: who?.workload ?? null,
        text,
      });
    }
  }

  count(what: RunEvent["what"]): number {
    return this.#events.filter((event) => event.what === what).length;
  }

  all(): RunEvent[] {
    const events = this.#events.map(({ ms, ...event }) => ({
      at: (ms - this.began) / 1000,
      ...event,
    }));
    events.sort((a, b) => a.at - b.at);
    if (this.#left === 0) return events;
    const text = `${this.#left} more events are left out`;
    return [...events, { at: events.at(-1)!.at, what: "end", jail: null, workload: null, text }];
  }
}
