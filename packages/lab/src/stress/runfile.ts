/**
 * The run file of `jailyard stress --json`: everything that was set, the machine, and what came out,
 * per workload, jail and slice of time. `compare` and the report read it.
 */
import type { LockKind, Mechanism } from "@jailyard/abi/contention";
import type { HistogramName } from "@jailyard/workload/stress/measure";
import type { HdrSummary } from "./histogram.ts";
import type { NativeResult } from "./native.ts";
import type { Overhead } from "./overhead.ts";
import type { ServerFigures } from "./serverfigures.ts";
import type { StressSettings } from "./settings.ts";

export const FORMAT = "jailyard stress";
/** Raised when a reader of the last version would misunderstand. */
export const FORMAT_VERSION = 1;

/** A histogram with its figures, and itself in HDR's V2 encoding, in nanoseconds. */
export interface HdrRecord extends HdrSummary {
  readonly hdr: string;
}

export type HdrRecords = Readonly<Partial<Record<HistogramName, HdrRecord>>>;
export type HdrSummaries = Readonly<Partial<Record<HistogramName, HdrSummary>>>;

/** A span of the run, of `sliceSeconds`; the last one may be shorter. */
export interface Slice {
  /** Its begin, in seconds from the begin of work. */
  readonly at: number;
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  readonly histograms: HdrRecords;
}

export interface WorkloadResult {
  readonly name: string;
  /** Processes in each jail. */
  readonly procs: number;
  readonly seconds: number;
  readonly operations: number;
  /** Operations a second. */
  readonly throughput: number;
  /** By errno. */
  readonly errors: Readonly<Record<string, number>>;
  /** Errors that do not belong to the workload. */
  readonly unexpected: number;
  /** Checks that failed. */
  readonly wrong: number;
  /** Operations that the schedule had and that were not begun in time. */
  readonly missed: number;
  /** Operations of the jail with most, over those of the jail with least; null with one jail. */
  readonly unfairness: number | null;
  readonly histograms: HdrRecords;
  readonly slices: readonly Slice[];
  /** Of postgres, over all its servers. */
  readonly server?: ServerFigures;
}

export interface JailResult {
  readonly name: string;
  /** System calls, and those that slept, as the kernel counted them. */
  readonly calls: number;
  readonly sleeps: number;
  readonly workloads: Readonly<Record<string, JailWorkload>>;
}

export interface JailWorkload {
  readonly operations: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly histograms: HdrSummaries;
}

export const EVENTS = [
  "start",
  "go",
  "refusal",
  "collision",
  "wrong",
  "deadlock",
  "death",
  "stop",
  "end",
] as const;
export interface RunEvent {
  /** Seconds from the begin of work; before it, below 0. */
  readonly at: number;
  readonly what: (typeof EVENTS)[number];
  readonly jail: string | null;
  readonly workload: string | null;
  readonly text: string;
}

/** Use of a limit that all jails share, looked at once a slice. */
export interface Gauge {
  readonly name: string;
  readonly limit: number;
  /** The run raised the limit to what its mix can use at most: that it is full means nothing. */
  readonly fitted: boolean;
  readonly peak: number;
  readonly used: readonly { readonly at: number; readonly used: number }[];
}

/** Waits for locks of one name, by slice of the run: in every jail that has one of that name. */
export interface LockSlices {
  /** The label that programs gave, or else the lock's name. */
  readonly lock: string;
  readonly kind: LockKind;
  readonly slices: readonly LockSlice[];
}

/** Waits that were over in a span of the run. */
export interface LockSlice {
  readonly seconds: number;
  readonly count: number;
  /** What all of them took. */
  readonly nanos: number;
  /** Absent where nobody waited. */
  readonly hdr?: string;
}

/** One run of the mix in a yard of its own. */
export interface Repetition {
  readonly seed: number;
  readonly workloads: readonly WorkloadResult[];
  readonly jails: readonly JailResult[];
  readonly events: readonly RunEvent[];
  readonly gauges: readonly Gauge[];
  /** Those that were waited for longest, longest first. */
  readonly lockSlices?: readonly LockSlices[];
}

export interface Verdict {
  /** Exit status. */
  readonly status: number;
  /** Why it is not 0, a sentence each. */
  readonly reasons: readonly string[];
}

/** What one jail had to do with a lock: times in nanoseconds, histograms in HDR. */
export interface LockUseRow {
  /** null: the kernel, for nobody. */
  readonly jail: string | null;
  readonly contended: number;
  /** As FreeBSD's lock profiling has them: others came while it held; it came while somebody held. */
  readonly cntHold: number;
  readonly cntLock: number;
  readonly waitNanos: number;
  readonly waitMaxNanos: number;
  readonly wait?: HdrRecord | undefined;
  /** Holds were timed in mode full alone. */
  readonly holds: number;
  readonly holdNanos: number;
  readonly holdMaxNanos: number;
  readonly hold?: HdrRecord | undefined;
  /** Who made it wait; null: nobody is known. */
  readonly blame: readonly { readonly jail: string | null; readonly nanos: number }[];
}

/** A lock: a semaphore, a page, a queue, the gate, a mutex; and the sums of its uses. */
export interface LockRow extends Omit<LockUseRow, "jail" | "blame"> {
  readonly kind: LockKind;
  readonly mechanism: Mechanism;
  readonly name: string;
  readonly label: string | null;
  /** Whose the object is; null: everybody's. */
  readonly jail: string | null;
  readonly taken: number;
  readonly ownerChanges: number;
  readonly longestQueue: number;
  readonly uses: readonly LockUseRow[];
}

/** Nanoseconds that `from` made `to` wait for a lock. */
export interface PairRow extends Pick<LockRow, "name" | "label" | "kind" | "mechanism"> {
  readonly from: string | null;
  readonly to: string | null;
  readonly nanos: number;
}

interface Matrix {
  /** Nanoseconds that the row's jail made the column's jail wait. */
  readonly nanos: readonly (readonly number[])[];
  /** The same where nobody is known, by column. */
  readonly nobody: readonly number[];
}

export interface Interference extends Matrix {
  readonly jails: readonly string[];
  readonly mechanisms: readonly (Matrix & { readonly mechanism: Mechanism })[];
  /** By lock, the largest ones. */
  readonly pairs: readonly PairRow[];
}

/** A wait that programs name, as PostgreSQL's wait events; beside the locks, not among them. */
export interface WaitEventRow {
  readonly event: string;
  /** Waits that are over. */
  readonly waits: number;
  readonly waitNanos: number;
  readonly waitMaxNanos: number;
  /** Processes of one jail that waited at once. */
  readonly longestQueue: number;
  readonly wait?: HdrRecord | undefined;
  readonly uses: readonly {
    readonly jail: string | null;
    readonly waits: number;
    readonly waitNanos: number;
    readonly waitMaxNanos: number;
    /** Whose processes the waiters waited for; null: nobody's that is known. */
    readonly blame: readonly { readonly jail: string | null; readonly nanos: number }[];
  }[];
}

/** Who waits for whom, at one moment. */
export interface WaitFor {
  readonly at: number;
  readonly edges: readonly {
    readonly waiter: string;
    readonly holder: string;
    readonly lock: string;
  }[];
  readonly deadlock: boolean;
  /** Processes beside these that wait for nobody who is known: an event. */
  readonly events: number;
}

export interface RunFile {
  readonly format: typeof FORMAT;
  readonly formatVersion: number;
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Why there is less than was asked for; null if all is there. */
  readonly partial: string | null;
  readonly settings: StressSettings;
  /** Every limit, set or not. */
  readonly limits: Readonly<Record<string, number>>;
  readonly sliceSeconds: number;
  readonly verdict: Verdict;
  readonly repetitions: readonly Repetition[];
  readonly native?: readonly NativeResult[];
  /** Why there are no native results, where they were asked for. */
  readonly nativeMissing?: string;
  readonly locks?: readonly LockRow[];
  readonly waitEvents?: readonly WaitEventRow[];
  readonly interference?: Interference;
  readonly waitFor?: readonly WaitFor[];
  /** What statistics of locks cost on this machine, in each mode. */
  readonly overhead?: Overhead;
}
