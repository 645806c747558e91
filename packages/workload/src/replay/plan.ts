/**
 * The plan of a replay: what is issued after what, which calls have to sleep, and who wakes them.
 *
 * Steps are carried out one after the other. A call that slept in the recording is issued as soon
 * as it began there and nothing lets it through, and finishes where its effect stands in the order:
 * after its waker. Where several processes wait for one semaphore they fall asleep in the order in
 * which they got it. So what the recording left open is settled here, once, and a replay has the
 * same results each time; the work is nearly linear in the number of events.
 */
import {
  type Effects,
  effectsOf,
  isInterrupted,
  previousOf,
  signalAfter,
  TIMEOUT_SIGNAL,
} from "./order.ts";
import type { RecordedEvent, Recording } from "./recording.ts";
import { type Peak, qbytesOf, World } from "./world.ts";

export type Step =
  /** Issue the event; it returns at once, or sleeps until its `finish`. */
  | { readonly kind: "issue"; readonly ix: number; readonly sleeps: boolean }
  /** The sleeping call has to return; it may not have before step `cause`. */
  | { readonly kind: "finish"; readonly ix: number; readonly cause: number }
  /** Send `signal` to the process that sleeps in event `ix`: nobody in the recording does. */
  | { readonly kind: "interrupt"; readonly ix: number; readonly signal: string }
  /** Not issued: it was cut short before it did anything, and would not sleep here. */
  | { readonly kind: "skip"; readonly ix: number }
  /** The parent of `pid` waits for it, so that its pid is gone. */
  | { readonly kind: "reap"; readonly pid: number };

export interface PlannedProcess {
  readonly pid: number;
  /** null: it appears without a fork. */
  readonly parent: number | null;
  /** Signals it lives on after. */
  readonly caught: ReadonlySet<string>;
  /** Signal that ends it, or null. */
  readonly killedBy: string | null;
  readonly thread: boolean;
}

export interface Plan {
  readonly events: readonly RecordedEvent[];
  readonly steps: readonly Step[];
  readonly effects: Effects;
  readonly processes: ReadonlyMap<number, PlannedProcess>;
  /** The event with which each process ends, by pid. */
  readonly endOf: ReadonlyMap<number, number>;
  /** Steps that expect a sleep. */
  readonly sleeps: number;
  /** The most the recording has of each resource at a time. */
  readonly peak: Peak;
  /** Bytes that a queue holds. */
  readonly qbytes: number;
}

export function planOf(recording: Recording): Plan {
  const { events } = recording;
  const qbytes = qbytesOf(events);
  const effects = effectsOf(events, qbytes);
  const processes = processesOf(events);
  const planner = new Planner(events, effects, processes, qbytes);
  planner.walk();
  const { steps, sleeps, peak } = planner;
  return { events, steps, effects, processes, endOf: endsOf(events), sleeps, peak, qbytes };
}

function endsOf(events: readonly RecordedEvent[]): Map<number, number> {
  const ends = new Map<number, number>();
  for (const [ix, { pid, call }] of events.entries()) {
    if (call === "exit" || call === "killed") ends.set(pid, ix);
  }
  return ends;
}

function processesOf(events: readonly RecordedEvent[]): Map<number, PlannedProcess> {
  const processes = new Map<number, PlannedProcess & { caught: Set<string> }>();
  const make = (pid: number, parent: number | null, thread: boolean) => {
    const made = { pid, parent, caught: new Set<string>(), killedBy: null, thread };
    processes.set(pid, made);
    return made;
  };
  const last = new Map<number, RecordedEvent>();
  for (const event of events) {
    const { pid, call, args } = event;
    let process = processes.get(pid) ?? make(pid, null, false);
    const before = last.get(pid);
    if (before?.call === "signal" && call !== "killed") process.caught.add(before.args.sig!);
    if (call === "killed") {
      process = { ...process, killedBy: args.sig! };
      processes.set(pid, process);
    }
    if (event.errno === "EAGAIN" && call === "semtimedop") process.caught.add(TIMEOUT_SIGNAL);
    if (call === "fork" && typeof event.ret === "number" && !processes.has(event.ret)) {
      make(event.ret, pid, args.thread === true);
    }
    last.set(pid, event);
  }
  return processes;
}

/** Does the signal end the process? */
export const isFatal = (process: PlannedProcess, signal: string): boolean =>
  process.killedBy === signal && !process.caught.has(signal);

/** What competes for one thing: its consumers, in the order in which they get it. */
interface Line {
  readonly consumers: number[];
  next: number;
}

class Planner {
  readonly #events: readonly RecordedEvent[];
  readonly #order: readonly number[];
  readonly #start: Float64Array;
  readonly #effect: Float64Array;
  readonly #processes: ReadonlyMap<number, PlannedProcess>;
  readonly #world: World;
  readonly #lines = new Map<string, Line>();
  readonly #lineOf: (Line | null)[];
  readonly #issued: Uint8Array;
  /** Event of the same process before this one, or -1; and which have had their effect. */
  readonly #before: Int32Array;
  readonly #applied: Uint8Array;
  /** Calls asleep, each with the first step that could let it go on; -1 while there is none. */
  readonly #sleeping = new Map<number, number>();
  /** Effect and step of the last kill, by pid and signal. */
  readonly #signalled = new Map<string, { readonly at: number; readonly step: number }>();
  readonly #parents = new Map<number, number>();
  readonly #gone = new Set<number>();
  readonly #reaped = new Set<number>();
  readonly #asleep = new Set<number>();
  #open: number[] = [];
  readonly steps: Step[] = [];
  sleeps = 0;

  constructor(
    events: readonly RecordedEvent[],
    { order, start, effect }: Effects,
    processes: ReadonlyMap<number, PlannedProcess>,
    qbytes: number,
  ) {
    this.#processes = processes;
    this.#events = events;
    this.#order = order;
    this.#start = start;
    this.#effect = effect;
    this.#world = new World(qbytes);
    this.#issued = new Uint8Array(events.length);
    this.#applied = new Uint8Array(events.length);
    this.#before = previousOf(events);
    this.#lineOf = new Array<Line | null>(events.length).fill(null);
    for (const ix of order) this.#lineUp(ix);
  }

  get peak(): Peak {
    return this.#world.peak;
  }

  #lineUp(ix: number): void {
    const name = lineName(this.#events[ix]);
    if (name === null) return;
    const line = this.#lines.get(name) ?? { consumers: [], next: 0 };
    this.#lines.set(name, line);
    line.consumers.push(ix);
    this.#lineOf[ix] = line;
  }

  walk(): void {
    const sleepers = this.#order
      .filter((ix) => this.#lineOf[ix] !== null && this.#effect[ix] > this.#start[ix])
      .sort((a, b) => this.#start[a] - this.#start[b] || a - b);
    let next = 0;
    for (const ix of this.#order) {
      const now = this.#effect[ix];
      for (; next < sleepers.length && this.#start[sleepers[next]] <= now; next++) {
        this.#open.push(sleepers[next]);
      }
      this.#fallAsleep();
      this.#takeEffect(ix);
    }
  }

  /** Issue the open calls that would sleep now; one may let the next in its line follow. */
  #fallAsleep(): void {
    this.#open = this.#open.filter((ix) => this.#issued[ix] === 0 && this.#applied[ix] === 0);
    for (let again = this.#open.length > 0; again; ) {
      again = false;
      for (const ix of this.#open) {
        if (this.#issued[ix] === 1 || !this.#maySleep(ix)) continue;
        this.#issue(ix, true);
        again = true;
      }
    }
  }

  #maySleep(ix: number): boolean {
    const before = this.#before[ix];
    if (before >= 0 && this.#applied[before] === 0) return false;
    const line = this.#lineOf[ix]!;
    return line.consumers[line.next] === ix && !this.#world.ready(this.#events[ix]);
  }

  #issue(ix: number, sleeps: boolean): void {
    const line = this.#lineOf[ix];
    if (line !== null) line.next++;
    this.#issued[ix] = 1;
    if (sleeps) {
      this.sleeps++;
      this.#asleep.add(this.#events[ix].pid);
      this.#sleeping.set(ix, -1);
    }
    this.steps.push({ kind: "issue", ix, sleeps });
  }

  #takeEffect(ix: number): void {
    const event = this.#events[ix];
    const cutShort = this.#lineOf[ix] !== null && isInterrupted(event.errno);
    if (cutShort && this.#issued[ix] === 0 && this.#maySleep(ix)) this.#issue(ix, true);
    if (this.#issued[ix] === 1) this.#finish(ix, event);
    else if (cutShort) this.#skip(ix);
    else {
      if (event.call === "kill" && event.errno === "ESRCH") this.#reap(Math.abs(event.args.pid!));
      this.#issue(ix, false);
    }
    this.#applied[ix] = 1;
    this.#world.apply(event);
    this.#note(ix, event);
  }

  #skip(ix: number): void {
    this.#lineOf[ix]!.next++;
    this.steps.push({ kind: "skip", ix });
  }

  #finish(ix: number, event: RecordedEvent): void {
    this.#asleep.delete(event.pid);
    let cause = Math.max(0, this.#sleeping.get(ix)!);
    this.#sleeping.delete(ix);
    if (isInterrupted(event.errno)) cause = this.#interrupt(ix, this.#signalAfter(ix));
    else if (event.errno === "EAGAIN") cause = this.#interrupt(ix, TIMEOUT_SIGNAL);
    this.steps.push({ kind: "finish", ix, cause });
  }

  /** Step that sends the signal; one that nobody in the recording sent comes from outside. */
  #interrupt(ix: number, signal: string): number {
    const sent = this.#signalled.get(`${this.#events[ix].pid} ${signal}`);
    if (sent !== undefined && sent.at >= this.#start[ix]) return sent.step;
    return this.steps.push({ kind: "interrupt", ix, signal }) - 1;
  }

  /** The signal that the process got after event `ix`. */
  #signalAfter(ix: number): string {
    const { pid } = this.#events[ix];
    const next = this.#events.findIndex((event, i) => i > ix && event.pid === pid);
    return signalAfter(this.#events, next);
  }

  /** kill(2) of an ended process answers ESRCH once its parent has waited for it. */
  #reap(pid: number): void {
    const parent = this.#parents.get(pid);
    if (parent === undefined || !this.#gone.has(pid) || this.#reaped.has(pid)) return;
    if (this.#gone.has(parent) || this.#asleep.has(parent)) return;
    this.#reaped.add(pid);
    this.steps.push({ kind: "reap", pid });
  }

  #note(ix: number, event: RecordedEvent): void {
    const { call, args, pid, ret, errno } = event;
    if (call === "fork" && typeof ret === "number") this.#parents.set(ret, pid);
    if (call === "exit" || call === "killed") this.#gone.add(pid);
    if (errno !== undefined) return;
    const step = this.steps.length - 1;
    if (call === "kill") this.#sent(ix, step, Math.abs(args.pid!), args.sig!);
    if (this.#sleeping.size > 0) this.#letGo(step, args.id);
  }

  /** A yard ends a process that is killed at once, and gives back what it has to. */
  #sent(ix: number, step: number, pid: number, signal: string): void {
    this.#signalled.set(`${pid} ${signal}`, { at: this.#effect[ix], step });
    const target = this.#processes.get(pid);
    if (target !== undefined && isFatal(target, signal)) this.#world.end(pid);
  }

  /** Sleepers that could go on now. The end of a process may have given semaphores back. */
  #letGo(step: number, id: number | undefined): void {
    for (const [ix, since] of this.#sleeping) {
      const event = this.#events[ix];
      if (since !== -1 || (id !== undefined && event.args.id !== id)) continue;
      if (this.#world.ready(event)) this.#sleeping.set(ix, step);
    }
  }
}

/** What the call may have to wait for, if anything: a semaphore, or one end of a queue. */
function lineName({ call, args, errno }: RecordedEvent): string | null {
  const timedOut = call === "semtimedop" && errno === "EAGAIN";
  const slept = errno === undefined || errno === "EIDRM" || isInterrupted(errno) || timedOut;
  if (!slept) return null;
  if (call === "msgsnd" || call === "msgrcv") {
    return args.flags!.includes("IPC_NOWAIT") ? null : `${call} ${args.id}`;
  }
  if (call !== "semop" && call !== "semtimedop") return null;
  const waits = args.sops!.find(({ op, flg }) => op <= 0 && !flg.includes("IPC_NOWAIT"));
  return waits === undefined ? null : `sem ${args.id} ${waits.num}`;
}
