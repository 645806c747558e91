/**
 * One repetition of a mix: a yard, its jails, a party for each workload in each jail, all let go at
 * once, watched, and ended. An interruption ends it early, with what there is by then.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Contention } from "@jailyard/abi/contention";
import type { Exit } from "@jailyard/host/processhandle";
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { modelNamed } from "@jailyard/kernel/models";
import {
  type Context,
  Interrupted,
  inYard,
  jailNames,
  makeJails,
  privateParams,
} from "../scenario/inyard.ts";
import type { Recorder } from "../trace/recorder.ts";
import { Gauges } from "./gauges.ts";
import { lockRows } from "./locks.ts";
import { LockWatch } from "./lockslices.ts";
import { Log } from "./log.ts";
import { dealt, limitsFor, maxprocFor, slotsFor } from "./mix.ts";
import { type Party, StressParty } from "./party.ts";
import { PostgresParty } from "./postgresparty.ts";
import type {
  JailResult,
  LockRow,
  LockSlices,
  Repetition,
  WaitEventRow,
  WaitFor,
} from "./runfile.ts";
import type { StressSettings } from "./settings.ts";
import { since } from "./since.ts";
import { Tally } from "./tally.ts";
import { eventRows } from "./waitevents.ts";
import { Waits } from "./waits.ts";
import { POSTGRES_NAME } from "./workloads.ts";

/**
 * How long parties may take to end after they were told to, in milliseconds: each has its turn on the
 * processors.
 */
const patienceMs = (parties: number): number => 10_000 + 100 * parties;
const PROGRESS_MS = 200;
/** Workloads that start at once: more would only wait for one another at the gate, and longer. */
const STARTING = 8;
/** Between two looks at who waits for whom. */
const LOOK_MS = 250;

export interface Progress {
  readonly phase: "jails" | "starting" | "workloads" | "run" | "end";
  /** Jails or parties that are there. */
  readonly done: number;
  readonly total: number;
  /** Of the run. */
  readonly elapsed: number;
  readonly operations: number;
}

/** How a repetition ended, beside its numbers. */
export interface Outcome {
  readonly repetition: Repetition;
  readonly interrupted: boolean;
  readonly locks: readonly LockRow[];
  readonly waitEvents: readonly WaitEventRow[];
  readonly waitFor: readonly WaitFor[];
  /** What each party that did not end as it should has to say, with the exit status for it. */
  readonly failures: readonly { readonly status: number; readonly text: string }[];
}

export const STATUS = { failed: 2, refused: 3, killed: 5, exited: 6, incomplete: 7 } as const;

/** Slices of a run; with many jails each covers more, or sums alone would fill a core. */
const SLICES = { least: 20, most: 120, shortest: 0.25 } as const;
const PARTIES_A_SECOND = 200;

export function sliceSeconds({ seconds, jails, workloads }: StressSettings): number {
  const parties = jails * Object.keys(workloads).length;
  const short = Math.max(SLICES.shortest, Math.min(1, seconds / SLICES.least));
  return Math.max(short, seconds / SLICES.most, parties / PARTIES_A_SECOND);
}

/** @throws Interrupted before there is anything; YardError if there can be no such yard */
export async function execute(
  cx: Context,
  settings: StressSettings,
  seed: number,
  progress: (at: Progress) => void,
): Promise<Outcome> {
  if (cx.signal?.aborted) throw new Interrupted();
  // Not the signal: the yard is to stay until the parties have told what they measured.
  const { log, onYard, recorder } = cx;
  const quiet: Context = { log, ...(onYard && { onYard }), ...(recorder && { recorder }) };
  return inYard(quiet, yardConfig(settings), (yard) =>
    new Execution(yard, settings, seed, cx, progress).run(),
  );
}

function yardConfig(settings: StressSettings): YardConfig {
  const { model, placement, wake, locks, stats } = settings;
  const limits = limitsFor(settings);
  const sizes = { slots: slotsFor(settings), maxproc: maxprocFor(settings) };
  const open = model === "flat" ? { sysvipc_allowed: true } : {};
  return { model, limits, ...open, ...sizes, placement, wake, locks, stats };
}

class Execution {
  readonly #yard: Yard;
  readonly #settings: StressSettings;
  readonly #seed: number;
  readonly #signal: AbortSignal | undefined;
  readonly #recorder: Recorder | undefined;
  readonly #progress: (at: Progress) => void;
  readonly #log = new Log();
  readonly #tallies: Tally[];
  readonly #parties: Party[] = [];
  readonly #gauges = new Gauges();
  readonly #waits: Waits;
  readonly #lockWatch: LockWatch;
  #lockSlices: LockSlices[] = [];
  #began = 0;
  /** What was known of locks when work began. */
  #before: Contention | null = null;

  constructor(
    yard: Yard,
    settings: StressSettings,
    seed: number,
    { signal, recorder }: Context,
    progress: (at: Progress) => void,
  ) {
    this.#yard = yard;
    this.#settings = settings;
    this.#seed = seed;
    this.#signal = signal;
    this.#recorder = recorder;
    this.#progress = progress;
    this.#waits = new Waits(yard, this.#log);
    this.#lockWatch = new LockWatch(yard);
    const span = sliceSeconds(settings);
    this.#tallies = [...dealt(settings)].map(([name, procs]) => new Tally(name, procs, span));
  }

  async run(): Promise<Outcome> {
    await this.#populate();
    const ready = await this.#allReady();
    this.#throwIfInterrupted();
    if (ready) await this.#work();
    else await this.#endAll();
    const failures = await this.#failures();
    await this.#gauges.stop();
    const known = await this.#yard.contention();
    this.#lockSlices = this.#lockWatch.results(known.locks);
    const contention = since(this.#before, known);
    const [locks, waitEvents] = [lockRows(contention), eventRows(contention)];
    const waitFor = this.#waits.all();
    const interrupted = this.#interrupted;
    return { repetition: await this.#result(), interrupted, locks, waitEvents, waitFor, failures };
  }

  /** Until each can begin to work, or has ended before. */
  async #allReady(): Promise<boolean> {
    let done = 0;
    const told = this.#parties.map(async ({ ready }) => {
      const isReady = await ready;
      this.#tell("workloads", ++done, this.#parties.length);
      return isReady;
    });
    return (await Promise.all(told)).every(Boolean);
  }

  get #interrupted(): boolean {
    return this.#signal?.aborted ?? false;
  }

  #throwIfInterrupted(): void {
    if (this.#interrupted) throw new Interrupted();
  }

  #tell(phase: Progress["phase"], done: number, total: number): void {
    const elapsed = this.#began === 0 ? 0 : (performance.now() - this.#began) / 1000;
    const operations = this.#tallies.reduce((sum, tally) => sum + tally.operations, 0);
    this.#progress({ phase, done, total, elapsed, operations });
  }

  /** The jails and the main process of each workload in each; servers last, as they begin at once. */
  async #populate(): Promise<void> {
    const { jails } = this.#settings;
    this.#log.event("start", null, `a yard with ${jails} jails, seed ${this.#seed}`);
    for (const name of jailNames(jails)) {
      this.#throwIfInterrupted();
      await makeJails(this.#yard, [name], privateParams(modelNamed(this.#settings.model)));
      this.#tell("jails", this.#yard.jails.size, jails);
    }
    const stressors = this.#tallies.filter(({ name }) => name !== POSTGRES_NAME);
    const servers = this.#tallies.filter(({ name }) => name === POSTGRES_NAME);
    for (const tally of [...stressors, ...servers]) await this.#startIn(tally);
    await this.#gauges.start(this.#yard, sliceSeconds(this.#settings) * 1000);
  }

  async #startIn(tally: Tally): Promise<void> {
    const names = jailNames(this.#settings.jails);
    for (const jailIx of names.keys()) {
      this.#throwIfInterrupted();
      await this.#parties.at(-STARTING)?.ready;
      const party = await this.#start(tally, jailIx);
      this.#parties.push(party);
      this.#tell("starting", this.#parties.length, names.length * this.#tallies.length);
      if (this.#settings.shared) await party.ready; // the next one finds what this one makes
    }
  }

  #start(tally: Tally, jailIx: number): Promise<Party> {
    const { jails, seconds, rate, shared, options } = this.#settings;
    const jail = this.#yard.jails.get(`jail${jailIx + 1}`)!;
    const workloadIx = this.#tallies.indexOf(tally);
    const procs = dealt(this.#settings).get(tally.name)!;
    const sliceMs = sliceSeconds(this.#settings) * 1000;
    const seed = this.#seed + jailIx * 1009 + workloadIx * 100_003;
    const common = { procs, seconds, sliceMs, seed, options: options[tally.name] };
    if (tally.name === POSTGRES_NAME) {
      return PostgresParty.start(jail, common, tally, this.#log);
    }
    const each = rate === null ? null : rate / (jails * this.#settings.procs);
    const arg = { ...common, workloadIx, jailIx, jails, rate: each, shared };
    return StressParty.start(jail, arg, tally, this.#log);
  }

  async #work(): Promise<void> {
    this.#before = await this.#yard.contention();
    this.#began = performance.now();
    this.#log.began = Date.now();
    this.#recorder?.begin(this.#log.began);
    this.#log.event("go", null, "all begin to work");
    this.#gauges.begin();
    this.#lockWatch.begin(this.#settings.seconds);
    const waits = setInterval(() => void this.#waits.look(), LOOK_MS);
    const watch = setInterval(() => this.#tell("run", 0, 0), PROGRESS_MS);
    const stop = (): void => void this.#stop();
    try {
      await Promise.all(this.#parties.map((party) => party.go()));
      this.#signal?.addEventListener("abort", stop);
      if (this.#interrupted) stop();
      if (this.#settings.shared) await this.#together();
      await this.#allEnded(this.#settings.seconds * 1000 + 2 * patienceMs(this.#parties.length));
    } finally {
      this.#lockWatch.end();
      clearInterval(watch);
      clearInterval(waits);
      this.#signal?.removeEventListener("abort", stop);
    }
    this.#log.event("end", null, "all have ended");
    this.#tell("end", 1, 1);
  }

  /** Where objects are shared nobody verifies before all have stopped, or removes before that. */
  async #together(): Promise<void> {
    const sharing = this.#parties.filter((party) => party instanceof StressParty);
    for (const barrier of ["stopped", "verified"] as const) {
      await Promise.all(sharing.map((party) => party.reached(barrier)));
      await Promise.all(sharing.map((party) => party.go()));
    }
  }

  #stop(): Promise<unknown> {
    this.#log.event("stop", null, "interrupted: all are told to stop");
    return Promise.all(this.#parties.map((party) => party.stop()));
  }

  /** Until all have ended, or patience with them has. */
  async #allEnded(ms: number): Promise<void> {
    const patience = new AbortController();
    const late = delay(ms, null, { signal: patience.signal }).catch(() => null);
    await Promise.race([Promise.all(this.#parties.map(({ ended }) => ended)), late]);
    patience.abort();
  }

  async #endAll(): Promise<void> {
    await this.#stop();
    await this.#allEnded(patienceMs(this.#parties.length));
  }

  async #failures(): Promise<Outcome["failures"]> {
    const failures: { status: number; text: string }[] = [];
    for (const party of this.#parties) {
      const exit = await Promise.race([party.ended, delay(0, null)]);
      const failure = failureOf(party, exit, this.#interrupted);
      if (failure === null) continue;
      const { jail, workload } = party;
      if (failure.status === STATUS.killed)
        this.#log.event("death", { jail, workload }, failure.text);
      failures.push({ status: failure.status, text: `${workload} in ${jail} ${failure.text}` });
    }
    return failures;
  }

  async #result(): Promise<Repetition> {
    const counts = new Map((await this.#yard.stats()).jails.map((jail) => [jail.name, jail]));
    const jails: JailResult[] = jailNames(this.#settings.jails).map((name) => {
      const each = this.#tallies.map((tally) => [tally.name, tally.jail(name)] as const);
      const workloads = Object.fromEntries(each.filter(([, result]) => result !== null));
      const { calls = 0, sleeps = 0 } = counts.get(name) ?? {};
      return { name, calls, sleeps, workloads: workloads as JailResult["workloads"] };
    });
    return {
      seed: this.#seed,
      workloads: this.#tallies.map((tally) => tally.result()),
      jails,
      events: this.#log.all(),
      gauges: this.#gauges.results(this.#settings),
      lockSlices: this.#lockSlices,
    };
  }
}

/** What a party did that it should not, in words that follow its name. */
function failureOf(
  { refused, complete, workload }: Party,
  exit: Exit | null,
  interrupted: boolean,
): { status: number; text: string } | null {
  if (refused !== null) return { status: STATUS.refused, text: `cannot start: ${refused}` };
  if (exit === null) return { status: STATUS.killed, text: "does not end" };
  const { status, signal, error } = exit;
  if (error !== null) return { status: STATUS.killed, text: `threw: ${error.message}` };
  if (signal !== null) return { status: STATUS.killed, text: `was killed by signal ${signal}` };
  if (status === 0 && complete) return null;
  if (status === 0) return { status: STATUS.incomplete, text: "ended without its last numbers" };
  if (workload === POSTGRES_NAME) {
    return interrupted ? null : { status: STATUS.failed, text: `ended with status ${status}` };
  }
  if (status === STATUS.failed) return null; // a check failed: its event says which
  return { status: STATUS.exited, text: `exited with status ${status}` };
}
