/** What crosses threads between the lab and a stressor: its argument, and the records it emits. */
import type { OptionValue } from "./about.ts";
import type { HistogramName } from "./measure.ts";

/** The argument of a stressor's main process, one in each jail. Cloneable. */
export interface StressArg {
  /** Processes that do operations, beside the main one. */
  readonly procs: number;
  readonly seconds: number;
  /** How long the span is that one slice record covers, in milliseconds. */
  readonly sliceMs: number;
  /** Of this jail's instance: the same seed draws the same operations. */
  readonly seed: number;
  /** Place of the workload in the mix, below 32: it keeps keys apart. */
  readonly workloadIx: number;
  /** Place of the jail among all, from 0. */
  readonly jailIx: number;
  readonly jails: number;
  /** Operations a second of each process, by a schedule; null: the next when the last is done. */
  readonly rate: number | null;
  /** All jails work on the same objects. */
  readonly shared: boolean;
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** Points at which instances wait for SIGUSR1; all but the first only where objects are shared. */
export type Barrier = "ready" | "stopped" | "verified";

/** What was done since the last slice. Histograms are in HDR's V2 encoding, nanoseconds. */
export interface SliceRecord {
  readonly type: "slice";
  /** Place in the run, from 0. */
  readonly ix: number;
  readonly operations: number;
  /** By name of the errno. */
  readonly errors: Readonly<Record<string, number>>;
  /** Operations that were due by the schedule and were not begun when time was over. */
  readonly missed: number;
  readonly histograms: Readonly<Partial<Record<HistogramName, string>>>;
}

/** Something for the timeline; `at` in milliseconds since the epoch. */
export interface EventRecord {
  readonly type: "event";
  readonly at: number;
  /** `refusal`: the first error of its kind; `wrong`: a check failed. */
  readonly what: "refusal" | "wrong";
  readonly text: string;
}

export interface EndRecord {
  readonly type: "end";
  /** Of each process. */
  readonly operations: readonly number[];
  /** How long the processes were at it, in seconds. */
  readonly seconds: number;
}

export type StressRecord =
  | { readonly type: Barrier }
  | { readonly type: "unready"; readonly code: string; readonly text: string }
  | SliceRecord
  | EventRecord
  | EndRecord;

/** Exit statuses of a stressor's main process. */
export const EXIT_WRONG = 2;
export const EXIT_UNREADY = 3;
