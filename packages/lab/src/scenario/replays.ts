/**
 * Recordings of real programs, replayed in many jails at once: the same keys in each, every result
 * compared with the recording. Each recording has a yard of its own, with the limits it needs.
 */
import { availableParallelism } from "node:os";
import type { Jail } from "@jailyard/host/jail";
import { entryOf, limitsFor, loadTrace, type TraceEntry } from "@jailyard/workload/replay/manifest";
import { planOf } from "@jailyard/workload/replay/plan";
import type { ReplayRecord, Result } from "@jailyard/workload/replay/report";
import { type Context, inYard, jailNames, makeJails, PRIVATE } from "./inyard.ts";
import { REPLAYER } from "./modules.ts";

export interface JailReplay {
  readonly jail: string;
  /** null if the program did not get to its end. */
  readonly result: Result | null;
  /** What stopped it, or null. */
  readonly stopped: string | null;
}

export interface FileReplay {
  readonly file: string;
  readonly name: string;
  readonly what: string;
  readonly events: number;
  readonly limits: Readonly<Record<string, number>>;
  /** Why it was replayed in fewer jails than asked, or not at all; empty otherwise. */
  readonly remark: string;
  readonly jails: readonly JailReplay[];
  readonly seconds: number;
  readonly passed: boolean;
}

export interface ReplayProgress {
  readonly name: string;
  /** Events of all jails together. */
  readonly done: number;
  readonly total: number;
}

/** A recording that was read and found good, before any yard is there. */
interface Loaded {
  readonly file: string;
  readonly name: string;
  readonly entry: TraceEntry;
  readonly events: number;
  readonly limits: (jails: number) => Readonly<Record<string, number>>;
}

/** Read the recordings, all of them before the first is replayed. @throws RecordingError */
export function loadRecordings(files: readonly string[]): Loaded[] {
  return files.map((file) => {
    const recording = loadTrace(file);
    const entry = entryOf(file);
    const plan = planOf(recording);
    const { name } = recording;
    const limits = (jails: number) => limitsFor(plan, entry, jails);
    return { file, name, entry, events: plan.events.length, limits };
  });
}

/**
 * Replay each in `jails` jails. Recordings that ask for nothing special share a yard, where they
 * follow one another; the others have one each.
 */
export async function replayAll(
  cx: Context,
  recordings: readonly Loaded[],
  jails: number,
  progress: (at: ReplayProgress) => void,
): Promise<FileReplay[]> {
  const results = new Map<Loaded, FileReplay>();
  const groups = new Map<string, Planned[]>();
  for (const loaded of recordings) {
    const planned = planFor(loaded, jails);
    if (planned.jails === 0) results.set(loaded, unplayed(planned));
    else groups.set(planned.group, [...(groups.get(planned.group) ?? []), planned]);
  }
  for (const group of groups.values()) await replayGroup(cx, group, results, progress);
  return recordings.map((loaded) => results.get(loaded)!);
}

/** A recording, the number of jails it can be replayed in, and with which others. */
interface Planned {
  readonly loaded: Loaded;
  readonly jails: number;
  readonly remark: string;
  readonly limits: Readonly<Record<string, number>>;
  /** Recordings of the same group share a yard. */
  readonly group: string;
}

/** Segments of messages that a yard can have; above that fewer jails replay at once. */
const MSGSEG_MAX = 32767;

function planFor(loaded: Loaded, wanted: number): Planned {
  const { jails, remark } = jailsFor(loaded, wanted);
  const limits = loaded.limits(jails);
  const isOwn = loaded.entry.limits !== undefined || jails !== wanted;
  const qbytes = limits["kern.ipc.msgmnb"]; // exact, so not to be raised for another
  return { loaded, jails, remark, limits, group: isOwn ? loaded.file : `msgmnb ${qbytes}` };
}

/** How many jails can have what the recording has, and why not more. */
function jailsFor({ entry, limits }: Loaded, wanted: number): { jails: number; remark: string } {
  if (entry.unplayable !== undefined) return { jails: 0, remark: entry.unplayable };
  if (entry.alone === true && wanted > 1) {
    return { jails: 1, remark: "one jail: it is about limits that all jails share" };
  }
  let jails = wanted;
  while (jails > 1 && (limits(jails)["kern.ipc.msgseg"] ?? 0) > MSGSEG_MAX) jails--;
  if (jails === wanted) return { jails, remark: "" };
  return { jails, remark: `${jails} jails: they share ${MSGSEG_MAX} message segments at most` };
}

function unplayed({ loaded, remark }: Planned): FileReplay {
  const { file, name, entry, events } = loaded;
  const rest = { limits: {}, jails: [], seconds: 0, passed: true };
  return { file, name, what: entry.what, events, remark, ...rest };
}

async function replayGroup(
  cx: Context,
  group: readonly Planned[],
  results: Map<Loaded, FileReplay>,
  progress: (at: ReplayProgress) => void,
): Promise<void> {
  const config = { limits: largest(group.map(({ limits }) => limits)), maxproc: MAXPROC };
  await inYard(cx, config, async (yard) => {
    const jails = await makeJails(yard, jailNames(group[0].jails), PRIVATE);
    for (const planned of group) {
      results.set(planned.loaded, await replayOne(jails, planned, progress));
    }
  });
}

const MAXPROC = 65536;

/** Every limit as high as any of them has it. */
function largest(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const [name, value] of all.flatMap((one) => Object.entries(one))) {
    limits[name] = Math.max(limits[name] ?? 0, value);
  }
  return limits;
}

async function replayOne(
  jails: readonly Jail[],
  { loaded, remark, limits }: Planned,
  progress: (at: ReplayProgress) => void,
): Promise<FileReplay> {
  const { file, name, entry, events } = loaded;
  const started = performance.now();
  const done = new Array<number>(jails.length).fill(0);
  const tell = (i: number, soFar: number): void => {
    done[i] = soFar;
    progress({ name, done: done.reduce((a, b) => a + b), total: events * jails.length });
  };
  const replays = await Promise.all(
    jails.map((jail, i) => replayIn(jail, file, jails.length, (soFar) => tell(i, soFar))),
  );
  const passed = replays.every(({ result }) => result?.failures === 0);
  const seconds = (performance.now() - started) / 1000;
  return { file, name, what: entry.what, events, remark, limits, jails: replays, seconds, passed };
}

/** A call may be late because other jails have the processors. */
const PATIENCE_MS = 3000;

async function replayIn(
  jail: Jail,
  file: string,
  jails: number,
  progress: (events: number) => void,
): Promise<JailReplay> {
  const patienceMs = PATIENCE_MS * Math.max(1, Math.ceil(jails / availableParallelism()));
  const pipelined = jail.yard.config.placement !== "direct";
  const handle = await jail.spawn({ module: REPLAYER, arg: { file, patienceMs, pipelined } });
  let result: Result | null = null;
  handle.on("record", (record) => {
    const one = record as ReplayRecord;
    if (one.type === "progress") progress(one.done);
    else result = one;
  });
  const { error, signal } = await handle.exited;
  const stopped = error?.message ?? (signal === null ? null : `it was ended by signal ${signal}`);
  return { jail: jail.name, result, stopped };
}
