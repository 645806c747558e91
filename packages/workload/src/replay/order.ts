/**
 * The order in which recorded calls took effect.
 *
 * A recording tells when a call began and ended, not when it did its work. Calls that overlap are
 * put in the order of their ends, which is when they had what they wanted; a call that could not
 * have succeeded yet waits for the overlapping calls that made it possible. What ended before
 * another began always stays before it. Events without a duration, and those that others depend on
 * from their start (fork, kill), count from their start.
 */
import type { RecordedEvent } from "./recording.ts";
import { World } from "./world.ts";

export interface Effects {
  /** Indices of events, in the order of their effects. */
  readonly order: readonly number[];
  /** Start and effect of each event, by its index, in whole microseconds. */
  readonly start: Float64Array;
  readonly effect: Float64Array;
}

/** How far ahead to look for what made a call possible. */
const LOOKAHEAD = 64;

export const micros = (seconds: number): number => Math.round(seconds * 1e6);

/** Errors of a call that was cut short by a signal: libc sees EINTR, or the process is gone. */
export const isInterrupted = (errno: string | undefined): boolean =>
  errno === "EINTR" || errno === "?" || (errno?.startsWith("ERESTART") ?? false);

export function effectsOf(events: readonly RecordedEvent[], qbytes: number): Effects {
  const start = Float64Array.from(events, (e) => micros(e.t));
  const effect = effectTimes(events, start);
  const byEffect = events.map((_, ix) => ix).sort((a, b) => effect[a] - effect[b] || a - b);
  return { order: possible(events, byEffect, start, effect, qbytes), start, effect };
}

/** When each event has its effect, at the latest at the next event of its process. */
function effectTimes(events: readonly RecordedEvent[], start: Float64Array): Float64Array {
  const effect = new Float64Array(events.length);
  const next = new Map<number, number>(); // start of the process's next event
  for (let ix = events.length - 1; ix >= 0; ix--) {
    const event = events[ix];
    const limit = next.get(event.pid) ?? start[ix] + micros(event.dur ?? 0);
    const fromStart = event.call === "fork" || event.call === "kill";
    const lasts = fromStart ? 0 : event.errno === "?" ? Infinity : micros(event.dur ?? 0);
    effect[ix] = Math.min(start[ix] + lasts, limit);
    next.set(event.pid, start[ix]);
  }
  return effect;
}

/** Put what made a call possible in front of it. */
function possible(
  events: readonly RecordedEvent[],
  sorted: readonly number[],
  start: Float64Array,
  effect: Float64Array,
  qbytes: number,
): number[] {
  const world = new World(qbytes);
  const done = new Uint8Array(events.length);
  const order: number[] = [];
  const take = (ix: number): void => {
    done[ix] = 1;
    order.push(ix);
    world.apply(events[ix]);
  };
  for (let at = 0; at < sorted.length; at++) {
    const ix = sorted[at];
    if (done[ix] === 1) continue;
    for (let ahead = at + 1; !isPossible(world, events[ix]); ahead++) {
      if (ahead >= sorted.length || ahead > at + LOOKAHEAD) break;
      const other = sorted[ahead];
      const overlaps = start[other] < effect[ix] && events[other].pid !== events[ix].pid;
      if (done[other] === 0 && overlaps && helps(world, events[other], events[ix])) take(other);
    }
    take(ix);
  }
  return order;
}

/** A call that failed needs nothing. */
const isPossible = (world: World, event: RecordedEvent): boolean =>
  event.errno !== undefined || world.ready(event);

/** May `other` be what `event` waits for, and could it go on itself? */
function helps(world: World, other: RecordedEvent, event: RecordedEvent): boolean {
  if (other.errno !== undefined || other.args.id !== event.args.id) return false;
  if (event.call === "msgsnd") return other.call === "msgrcv" && world.ready(other);
  if (event.call === "msgrcv") return other.call === "msgsnd" && world.ready(other);
  const changes = other.call === "semop" || other.call === "semtimedop" || other.call === "semctl";
  return changes && world.ready(other);
}
