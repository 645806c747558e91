/** One of several who want a semaphore: take it, hold it, give it back, do something else. */
import { blocking } from "jailyard";
import { BUCKETS, bucketOf } from "./histogram.ts";
import { type PlayerArg, playBlocking } from "./player.ts";

export interface ContenderArg {
  readonly id: number;
  readonly holdNanos: number;
  readonly thinkNanos: number;
}

/** Where the histogram of waits begins in what a contender leaves; before it are these. */
export const TAKEN = 0;
export const MILLIS = 1;
export const WAITS = 8;

function busy(nanos: number): void {
  const until = performance.now() + nanos / 1e6;
  while (performance.now() < until);
}

export default blocking("contender", (p, arg) => {
  const told = arg as ContenderArg & PlayerArg;
  const { id, holdNanos, thinkNanos } = told;
  const down = [[0, -1]] as const;
  const up = [[0, 1]] as const;
  playBlocking(told, (ms, values) => {
    const waits = values.subarray(WAITS, WAITS + BUCKETS).fill(0);
    const until = performance.now() + ms;
    let taken = 0;
    do {
      const asked = performance.now();
      p.semop(id, down);
      waits[bucketOf((performance.now() - asked) * 1e6)]++;
      busy(holdNanos);
      p.semop(id, up);
      taken++;
      busy(thinkNanos);
    } while (performance.now() < until);
    values[TAKEN] = taken;
    values[MILLIS] = ms;
  });
});
