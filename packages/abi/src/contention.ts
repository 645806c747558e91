/**
 * What a yard says of its locks: how often each was taken and waited for, who made whom wait, and who
 * waits for whom now. Times are monotonic nanoseconds since the yard began.
 *
 * A lock is a semaphore; the lock of a page (a set or a queue); a queue that is full for senders or
 * empty for receivers; the gate, while the kernel's thread works for another; or one of FreeBSD's
 * global mutexes. docs/measuring.md says what each figure means and what it does not.
 */
import type { Pid } from "./types.ts";

export const STATS = ["off", "contended", "full"] as const;
/** off: counters alone. contended: clocks are read where somebody waits. full: at every hold too. */
export type Stats = (typeof STATS)[number];

export const LOCK_KINDS = ["sem", "page", "send", "receive", "gate", "mutex"] as const;
export type LockKind = (typeof LOCK_KINDS)[number];

export const MECHANISMS = ["sem", "msg", "gate"] as const;
/** Which of the three facilities the lock serves, or the way into the kernel. */
export type Mechanism = (typeof MECHANISMS)[number];

/** Whoever made somebody wait, where nobody is known: see docs/measuring.md. */
export const NOBODY = -1;

/** A histogram in HDR's own buckets: a value of each bucket that has any, in nanoseconds, and its count. */
export type Counts = readonly (readonly [nanos: number, count: number])[];

/** What one jail made another wait for a lock. */
export interface Blame {
  /** jid of whoever held the lock; NOBODY. */
  readonly jid: number;
  /** Waits that found it held by this jail when they began. */
  readonly count: number;
  readonly nanos: number;
}

/** What one jail had to do with one lock. */
export interface LockUse {
  readonly jid: number;
  /** Waits that have begun, and those among them that are over. */
  readonly contended: number;
  readonly over: number;
  /** What all waits took, those that still last up to the last change of owner. */
  readonly waitNanos: number;
  readonly waitMaxNanos: number;
  readonly wait: Counts;
  /** Mode full: times that the lock was held and given back. */
  readonly holds: number;
  readonly holdNanos: number;
  readonly holdMaxNanos: number;
  readonly hold: Counts;
  /** waitNanos, by who made it wait. */
  readonly blame: readonly Blame[];
}

export interface LockStats {
  readonly kind: LockKind;
  readonly mechanism: Mechanism;
  /** `sem 65536[0]`, `page of sem 65536`, `gate`, … */
  readonly name: string;
  /** What a program calls it. */
  readonly label: string | null;
  /** Of the object; -1 where there is none. */
  readonly id: number;
  /** Number of the semaphore; 0 for other locks. */
  readonly num: number;
  /** jid of the jail that made the object; NOBODY for a lock that all share. */
  readonly owner: number;
  /** Times that it was taken, by whomever: semaphore: decremented; queue: a message passed. */
  readonly taken: number;
  /** Times that another process than the last one took it. Semaphores alone; else 0. */
  readonly ownerChanges: number;
  readonly longestQueue: number;
  readonly uses: readonly LockUse[];
}

/**
 * A wait that programs have named (`p.waitStart`), as PostgreSQL's wait events. It is no lock, and its
 * time is in that of locks already if it slept for one; its holds are none.
 */
export interface WaitEvent {
  readonly event: string;
  /** Processes of one jail that waited at once. */
  readonly longestQueue: number;
  readonly uses: readonly LockUse[];
}

/** A process that sleeps for a lock, or waits for something that it has named. */
export interface Waiting {
  readonly pid: Pid;
  readonly jid: number;
  readonly comm: string;
  /** The lock's name and label, as in LockStats. */
  readonly lock: string;
  readonly label: string | null;
  /** `event`: it has only said so, and sleeps for no lock of the kernel. */
  readonly kind: LockKind | "event";
  readonly id: number;
  readonly num: number;
  /** What its program says that it waits for; null: nothing. */
  readonly event: string | null;
  readonly sinceNanos: number;
  /** Who holds it, as far as can be told; null: it waits for an event, or nobody knows. */
  readonly holder: {
    readonly pid: Pid;
    readonly jid: number;
    readonly ended: boolean;
    /** The waiter has said so itself. */
    readonly told: boolean;
  } | null;
}

/** Processes that wait for one another, in a ring: each for what the next one holds. */
export interface Deadlock {
  /** When it was found. */
  readonly atNanos: number;
  readonly ring: readonly Waiting[];
}

/** All of it, at one moment. */
export interface Contention {
  readonly stats: Stats;
  readonly atNanos: number;
  /** Names by jid, also of jails that are gone. */
  readonly jails: Readonly<Record<number, string>>;
  /** Locks that somebody waited for, and semaphores that were taken. */
  readonly locks: readonly LockStats[];
  /** Waits by what programs call them. */
  readonly events: readonly WaitEvent[];
  readonly waiting: readonly Waiting[];
  /** Every deadlock that was seen, also those that are over. */
  readonly deadlocks: readonly Deadlock[];
}

/** One line: who waits for what that who holds, around the ring, and who would have to move. */
export function deadlockText({ ring }: Deadlock, jails: Contention["jails"]): string {
  const who = ({ pid, jid, comm }: Waiting): string => `${comm} ${pid} (${jails[jid] ?? jid})`;
  const parts = ring.map((one, i) => {
    const next = ring[(i + 1) % ring.length];
    return `${who(one)} waits for ${lockText({ ...one, name: one.lock })}, which ${who(next)} holds`;
  });
  return `deadlock: ${parts.join("; ")}. One of them must give its semaphore back, be interrupted or end.`;
}

/** Characters of a label, and of what a program calls a wait. */
export const LABEL_MAX = 64;

/** How a lock is called in a sentence: with its label, if it has one. */
export const lockText = ({ name, label }: { name: string; label: string | null }): string =>
  label === null ? name : `${name} "${label}"`;
