/**
 * What a replay needs beside the recording: limits of the yard, whoever else was there, notes.
 *
 * Recordings shipped with the project have this in `traces.json` beside them. For any other the
 * limits follow from what the recording itself has of everything.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LIMITS, type LimitSettings } from "@jailyard/abi/limits";
import { loadRecording } from "./load.ts";
import type { Plan } from "./plan.ts";
import { nameOf, type RecordedEvent, type Recording, RecordingError } from "./recording.ts";

/** One recording of traces.json. */
export interface TraceEntry {
  /** What happens in it, in a sentence. */
  readonly what: string;
  /** Limits that the recorded programs run into, by sysctl name. They are those of the whole yard. */
  readonly limits?: LimitSettings;
  /**
   * The limits are used up by one replay: in a yard with more jails it would end differently, as
   * FreeBSD has one pool for all of them. [COM-1]
   */
  readonly alone?: boolean;
  /** Segments that somebody outside of the recording has. */
  readonly segments?: number;
  /** A recording made at the same time on the same host, and the second of it at which this began. */
  readonly beside?: Readonly<Record<string, number>>;
  /** Why it cannot be replayed; absent if it can. */
  readonly unplayable?: string;
  readonly note?: string;
}

export interface Manifest {
  readonly traces: Readonly<Record<string, TraceEntry>>;
}

const MANIFEST = "traces.json";
const NO_ENTRY: TraceEntry = { what: "a recording of your own" };

/** The manifest in the directory of `file`; without traces if there is none. */
export function manifestBeside(file: string): Manifest {
  const path = join(dirname(file), MANIFEST);
  if (!existsSync(path)) return { traces: {} };
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Manifest;
  } catch (error) {
    throw new RecordingError(path, 0, `not JSON: ${(error as Error).message}`);
  }
}

export const entryOf = (file: string): TraceEntry =>
  manifestBeside(file).traces[nameOf(file)] ?? NO_ENTRY;

/** A recording, and with it those that were made beside it. @throws RecordingError */
export function loadTrace(file: string): Recording {
  let recording = loadRecording(file);
  for (const [name, at] of Object.entries(entryOf(file).beside ?? {})) {
    const other = loadRecording(join(dirname(file), `${name}.jsonl.gz`));
    recording = { name: recording.name, events: merge(other.events, recording.events, at) };
  }
  return recording;
}

/** Two recordings of one host as one: `late` began at second `at` of `early`. Ids are shared. */
export function merge(
  early: readonly RecordedEvent[],
  late: readonly RecordedEvent[],
  at: number,
): RecordedEvent[] {
  const pids = Math.max(...early.map(({ pid }) => pid));
  const moved = late.map((event) => moveEvent(event, at, pids));
  return [...early, ...moved].sort((a, b) => a.t - b.t);
}

function moveEvent(event: RecordedEvent, at: number, pids: number): RecordedEvent {
  const { call, args, ret, pid, t } = event;
  const moved = { ...event, t: t + at, pid: pid + pids };
  const isPid = (call === "fork" || args.cmd === "GETPID") && typeof ret === "number" && ret > 0;
  if (isPid) return { ...moved, ret: ret + pids };
  if (call !== "kill") return moved;
  return { ...moved, args: { ...args, pid: args.pid! + Math.sign(args.pid!) * pids } };
}

/** Limits of which all jails have one pool, and those that each object or process has. */
const SHARED = {
  semmni: "semmni",
  semmns: "semmns",
  semmnu: "semmnu",
  shmmni: "shmmni",
  shmall: "shmpages",
  msgmni: "msgmni",
  msgtql: "msgtql",
  msgseg: "msgseg",
} as const;
const EACH = {
  semmsl: "semmsl",
  semopm: "semopm",
  semume: "semume",
  shmseg: "shmseg",
  shmmax: "shmbytes",
} as const;

const DEFAULTS = new Map(LIMITS.map((limit) => [limit.name, limit.default]));

/**
 * Limits of a yard in which the plan is replayed in `jails` jails at once: FreeBSD's defaults where
 * those are enough. Queues hold exactly what they held when it was recorded.
 */
export function limitsFor(plan: Plan, entry: TraceEntry, jails: number): LimitSettings {
  const limits: Record<string, number> = {};
  const atLeast = (name: string, value: number): void => {
    const full = `kern.ipc.${name}`;
    if (value > DEFAULTS.get(full)!) limits[full] = value;
  };
  for (const [name, field] of Object.entries(SHARED)) atLeast(name, plan.peak[field] * jails);
  for (const [name, field] of Object.entries(EACH)) atLeast(name, plan.peak[field]);
  if ((entry.segments ?? 0) > 0) atLeast("shmmni", plan.peak.shmmni * jails + entry.segments!);
  if (plan.peak.msgmni > 0) limits["kern.ipc.msgmnb"] = plan.qbytes;
  return { ...limits, ...entry.limits };
}
