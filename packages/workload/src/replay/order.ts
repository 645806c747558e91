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
/** Puts an effect behind another of the same microsecond. */
const JUST_AFTER = 0.5;
/** How many calls may have to go before one another. */
const DEPTH = 16;
/** Microseconds by which the tracer may show two calls in a false order; 1165 have been seen. */
const SKEW = 2000;

export const micros = (seconds: number): number => Math.round(seconds * 1e6);

/** Errors of a call that was cut short by a signal: libc sees EINTR, or the process is gone. */
export const isInterrupted = (errno: string | undefined): boolean =>
  errno === "EINTR" || errno === "?" || (errno?.startsWith("ERESTART") ?? false);

export function effectsOf(events: readonly RecordedEvent[], qbytes: number): Effects {
  const start = Float64Array.from(events, (e) => micros(e.t));
  const effect = effectTimes(events, start);
  const byEffect = events.map((_, ix) => ix).sort((a, b) => effect[a] - effect[b] || a - b);
  const { order } = new Ordering(events, byEffect, { start, effect }, qbytes);
  return { order, start, effect };
}

/**
 * When each event has its effect, at the latest at the next event of its process. A signal that
 * kills has it when the process is gone, as far as the sender's next event allows. A call that was
 * interrupted has it right after the signal, or, if nobody in the recording sent it, at once.
 */
function effectTimes(events: readonly RecordedEvent[], start: Float64Array): Float64Array {
  const effect = new Float64Array(events.length);
  const next = nextOf(events);
  const deaths = deathsOf(events);
  const kills = new Map<string, number[]>(); // effects of signals, by pid and signal
  for (const [ix, { call, args, errno, dur }] of events.entries()) {
    const limit = next[ix] < 0 ? Number.POSITIVE_INFINITY : start[next[ix]];
    effect[ix] = Math.min(start[ix] + micros(dur ?? 0), limit);
    if (call === "fork") effect[ix] = start[ix];
    if (call !== "kill") continue;
    const key = `${Math.abs(args.pid!)} ${args.sig}`;
    const death = deaths.get(key) ?? -1;
    const late = death < ix ? start[ix] : Math.min(limit, start[death] - 1);
    effect[ix] = Math.max(start[ix], late);
    if (errno === undefined) kills.set(key, [...(kills.get(key) ?? []), effect[ix]]);
  }
  for (const [ix, { pid, errno }] of events.entries()) {
    if (!isInterrupted(errno)) continue;
    const limit = next[ix] < 0 ? Number.POSITIVE_INFINITY : start[next[ix]];
    const sent = kills.get(`${pid} ${signalAfter(events, next[ix])}`) ?? [];
    const at = sent.findLast((time) => time >= start[ix] && time <= limit);
    effect[ix] = at === undefined ? start[ix] : at + JUST_AFTER;
  }
  return effect;
}

/** The event of the same process after each event; -1 if it is the last. */
function nextOf(events: readonly RecordedEvent[]): Int32Array {
  const next = new Int32Array(events.length).fill(-1);
  for (const [ix, before] of previousOf(events).entries()) if (before >= 0) next[before] = ix;
  return next;
}

/** The event in which each process was killed, by pid and signal. */
const deathsOf = (events: readonly RecordedEvent[]): Map<string, number> =>
  new Map(
    events.flatMap(({ call, pid, args }, ix) =>
      call === "killed" ? [[`${pid} ${args.sig}`, ix] as const] : [],
    ),
  );

/** Signal that stands for the end of a timeout, which semop of FreeBSD does not have. */
export const TIMEOUT_SIGNAL = "SIGALRM";

/** The signal that ended a call: what its process met next, event `ix`. */
export const signalAfter = (events: readonly RecordedEvent[], ix: number): string =>
  events[ix]?.args.sig ?? TIMEOUT_SIGNAL;

/** Puts what made a call possible in front of it. */
class Ordering {
  readonly #events: readonly RecordedEvent[];
  readonly #sorted: readonly number[];
  readonly #start: Float64Array;
  readonly #effect: Float64Array;
  readonly #world: World;
  readonly #before: Int32Array;
  readonly #done: Uint8Array;
  readonly #making: Uint8Array;
  #at = 0;
  readonly order: number[] = [];

  constructor(
    events: readonly RecordedEvent[],
    sorted: readonly number[],
    times: { readonly start: Float64Array; readonly effect: Float64Array },
    qbytes: number,
  ) {
    this.#events = events;
    this.#sorted = sorted;
    this.#start = times.start;
    this.#effect = times.effect;
    this.#world = new World(qbytes);
    this.#before = previousOf(events);
    this.#done = new Uint8Array(events.length);
    this.#making = new Uint8Array(events.length);
    for (; this.#at < sorted.length; this.#at++) {
      const ix = sorted[this.#at];
      if (!this.#make(ix, 0)) this.#take(ix); // nothing makes it possible: the replay will tell
    }
  }

  /** Take event `ix`, and before it what it needs. @returns false if that cannot be had */
  #make(ix: number, depth: number): boolean {
    if (this.#done[ix] === 1) return true;
    if (depth > DEPTH || this.#making[ix] === 1) return false;
    this.#making[ix] = 1;
    const before = this.#before[ix];
    const free = before < 0 || this.#make(before, depth + 1);
    if (free && !this.#isPossible(ix)) this.#help(ix, depth);
    this.#making[ix] = 0;
    if (!free || !this.#isPossible(ix)) return false;
    this.#take(ix);
    return true;
  }

  /** Take calls that overlap with `ix` until it is possible. */
  #help(ix: number, depth: number): void {
    const last = Math.min(this.#sorted.length, this.#at + LOOKAHEAD);
    for (let ahead = this.#at; ahead < last && !this.#isPossible(ix); ahead++) {
      const other = this.#sorted[ahead];
      const overlaps = this.#start[other] < this.#effect[ix] + SKEW;
      if (overlaps && this.#done[other] === 0 && this.#helps(other, ix)) {
        this.#make(other, depth + 1);
      }
    }
  }

  #take(ix: number): void {
    this.#done[ix] = 1;
    this.order.push(ix);
    this.#world.apply(this.#events[ix]);
  }

  /** A call that failed needs nothing. */
  #isPossible(ix: number): boolean {
    const event = this.#events[ix];
    return event.errno !== undefined || this.#world.ready(event);
  }

  /** May `other` be what `ix` waits for? */
  #helps(other: number, ix: number): boolean {
    const helper = this.#events[other];
    const event = this.#events[ix];
    if (helper.errno !== undefined || helper.args.id !== event.args.id) return false;
    if (event.call === "msgsnd") return helper.call === "msgrcv";
    if (event.call === "msgrcv") return helper.call === "msgsnd";
    return helper.call.startsWith("sem") && helper.call !== "semget";
  }
}

/** The event of the same process before each event; -1 if it is the first. */
export function previousOf(events: readonly RecordedEvent[]): Int32Array {
  const last = new Map<number, number>();
  return Int32Array.from(events, ({ pid }, ix) => {
    const before = last.get(pid) ?? -1;
    last.set(pid, ix);
    return before;
  });
}
