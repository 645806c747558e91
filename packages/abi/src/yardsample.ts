/**
 * A yard at one moment, as `jailyard top` looks at it: counters that only grow, of which two looks make
 * rates, and who sleeps now. Waits that still last are counted up to the moment of the look.
 */
import type { LockStats, Stats, Waiting } from "./contention.ts";

export interface JailSample {
  readonly jid: number;
  readonly name: string;
  readonly processes: number;
  /** Processes that sleep for a semaphore or a queue now. */
  readonly sleeping: number;
  /** System calls so far, and those that slept. */
  readonly calls: number;
  readonly sleeps: number;
  /** What its processes have waited for locks, and what it has made others wait. */
  readonly waitNanos: number;
  readonly causedNanos: number;
  /** Objects that it made: sets, segments, queues. */
  readonly sem: number;
  readonly shm: number;
  readonly msg: number;
}

export interface LockSample extends Omit<LockStats, "uses"> {
  /** Waits that have begun; what all have taken, and the longest that is over. */
  readonly contended: number;
  readonly waitNanos: number;
  readonly waitMaxNanos: number;
  /** Mode full: times that it was held and given back. */
  readonly holds: number;
  readonly holdNanos: number;
  /** Processes that sleep for it now. */
  readonly sleeping: number;
}

/** A limit that many share: what is used of it, and who uses most. */
export interface LimitSample {
  /** `kern.ipc.semmni`, `rctl jail:web:nsem`. */
  readonly name: string;
  readonly value: number;
  readonly use: number;
  /** A jail, `0` for the host; under limits by name space, that name space. Null: nobody uses any. */
  readonly holder: string | null;
  readonly holderUse: number;
}

/** What the kernel knows. */
export interface KernelSample {
  readonly stats: Stats;
  readonly atNanos: number;
  readonly jails: readonly JailSample[];
  /** Names by jid, also of jails that are gone. */
  readonly names: Readonly<Record<number, string>>;
  /** Those that matter most, if there are many; sums are over all. */
  readonly locks: readonly LockSample[];
  readonly lockCount: number;
  readonly contended: number;
  readonly waitNanos: number;
  /** Those that have slept longest, if there are many. */
  readonly waiting: readonly Waiting[];
  readonly waitingCount: number;
  /** Rings of processes that wait for one another now, a line and the pids of each. */
  readonly deadlocks: readonly { readonly text: string; readonly pids: readonly number[] }[];
  /** Deadlocks so far, also those that are over. */
  readonly deadlockCount: number;
  readonly limits: readonly LimitSample[];
  /** Calls that went to the kernel's thread. */
  readonly gateCalls: number;
}

/** And what it was told when it began. */
export interface YardSample extends KernelSample {
  /** Which yard this is: one that starts over is another. */
  readonly born: string;
  /** Name of its socket. */
  readonly yard: string;
  /** Model, placement and policies, in a few words. */
  readonly manner: string;
}
