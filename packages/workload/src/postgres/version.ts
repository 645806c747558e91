/**
 * What differs between the versions of PostgreSQL that are simulated, as a table: one profile each.
 *
 * A profile stands for the last minor release of its version. 15 and 18 are simulated as built with
 * System V semaphores, which stock builds of 10 and later do not use on FreeBSD. [PG-2]
 */

export const VERSIONS = ["8.1", "9.2", "9.6", "15", "18"] as const;
export type Version = (typeof VERSIONS)[number];

/** Kinds of process beside the postmaster. */
export type Kind =
  | "backend"
  | "startup"
  | "checkpointer"
  | "bgwriter"
  | "walwriter"
  | "launcher"
  | "vacuum"
  | "logical"
  | "stats"
  | "io";

/** One step of a shutdown: signal these, in this order, then wait until they have gone. [PG-33] */
export interface ShutdownStep {
  readonly signal: "SIGTERM" | "SIGINT" | "SIGUSR2" | "SIGQUIT";
  readonly kinds: readonly Kind[];
  /** Wait for the word that the WAL is closed, and not for an end. */
  readonly untilWalClosed?: boolean;
}

/** Bits of the state word of a lightweight lock. [PG-41] */
export interface LwBits {
  readonly HAS_WAITERS: number;
  readonly RELEASE_OK: number;
  readonly LOCKED: number;
  readonly EXCLUSIVE: number;
}

export interface Profile {
  readonly version: Version;
  /** From what keys are derived. [PG-7] [PG-8] */
  readonly keys: "port" | "inode";
  /** When is a segment in the way dead: its creator's pid, or nobody attached. [PG-17] [PG-18] */
  readonly segmentRule: "creator-pid" | "attach-count";
  /** EINVAL of semget is a collision like others, up to 1,000 keys for a set. [PG-24] */
  readonly einvalCollides: boolean;
  /** Where all but the interlock lies by default. [PG-1] */
  readonly memory: "sysv" | "mmap";
  /** Hints name the settings and their values. [PG-20] */
  readonly longHints: boolean;
  /** `database system is shut down` is said when the lock file goes, not by the checkpoint. */
  readonly lastWord: boolean;

  /** Slots of autovacuum beyond its workers; whether others have slots of their own. [PG-22] */
  readonly autovacuumExtra: number;
  readonly workerSlots: boolean;
  readonly walSenderSlots: boolean;
  readonly auxiliarySlots: number;
  readonly autovacuumWorkers: number;
  /** Pages of 8 kB. */
  readonly sharedBuffers: number;
  /** Free slots: last in, first out, or first in, first out. [PG-28] */
  readonly freeList: "lifo" | "fifo";

  readonly lwlock: "spinlock" | "atomic";
  readonly bits: LwBits;
  /** Group clearing of transaction ids, group update of commit status. [PG-49] */
  readonly groupClear: boolean;
  readonly groupStatus: boolean;
  readonly walInsertLocks: number;
  /** WALWrite is taken by acquire-or-wait. [PG-47] */
  readonly acquireOrWait: boolean;
  readonly bufferPartitions: number;
  readonly lockPartitions: number;
  /** Relation locks take only the process's own fast-path lock. [PG-53] */
  readonly fastPath: boolean;

  /** On what a process sleeps that waits for a heavyweight lock. [PG-55] */
  readonly heavyWait: "semaphore" | "latch";
  readonly latchSignal: "SIGUSR1" | "SIGURG";
  /** The setter of a latch knows whether its owner sleeps, and signals only then. */
  readonly latchKnowsSleeper: boolean;

  /** Forked at the start, before recovery is over, and after it. [PG-32] */
  readonly first: readonly Kind[];
  readonly afterRecovery: readonly Kind[];
  readonly shutdown: readonly ShutdownStep[];
}

const BITS_9_5: LwBits = {
  HAS_WAITERS: 1 << 30,
  RELEASE_OK: 1 << 29,
  LOCKED: 1 << 28,
  EXCLUSIVE: 1 << 24,
};
const MAX_BACKENDS = 0x3ffff;
const BITS_18: LwBits = {
  HAS_WAITERS: 1 << 31,
  RELEASE_OK: 1 << 30,
  LOCKED: 1 << 29,
  EXCLUSIVE: MAX_BACKENDS + 1,
};

const PG_8_1: Profile = {
  version: "8.1",
  keys: "port",
  segmentRule: "creator-pid",
  einvalCollides: false,
  memory: "sysv",
  longHints: true,
  lastWord: false,
  autovacuumExtra: 1,
  workerSlots: false,
  walSenderSlots: false,
  auxiliarySlots: 3,
  autovacuumWorkers: 3,
  sharedBuffers: 1000,
  freeList: "lifo",
  lwlock: "spinlock",
  bits: BITS_9_5,
  groupClear: false,
  groupStatus: false,
  walInsertLocks: 1,
  acquireOrWait: false,
  bufferPartitions: 1,
  lockPartitions: 1,
  fastPath: false,
  heavyWait: "semaphore",
  latchSignal: "SIGUSR1",
  latchKnowsSleeper: false,
  first: ["startup"],
  afterRecovery: ["bgwriter", "stats"],
  shutdown: [
    { signal: "SIGTERM", kinds: ["backend"] },
    { signal: "SIGUSR2", kinds: ["bgwriter"] },
    { signal: "SIGQUIT", kinds: ["stats"] },
  ],
};

const PG_9_2: Profile = {
  ...PG_8_1,
  version: "9.2",
  sharedBuffers: 4096,
  acquireOrWait: true,
  bufferPartitions: 16,
  lockPartitions: 16,
  fastPath: true,
  afterRecovery: ["checkpointer", "bgwriter", "walwriter", "launcher", "stats"],
  shutdown: [
    { signal: "SIGTERM", kinds: ["backend", "launcher", "vacuum", "bgwriter", "walwriter"] },
    { signal: "SIGUSR2", kinds: ["checkpointer"] },
    { signal: "SIGQUIT", kinds: ["stats"] },
  ],
};

const PG_9_6: Profile = {
  ...PG_9_2,
  version: "9.6",
  segmentRule: "attach-count",
  memory: "mmap",
  longHints: false,
  lastWord: true,
  workerSlots: true,
  auxiliarySlots: 4,
  sharedBuffers: 16384,
  lwlock: "atomic",
  groupClear: true,
  walInsertLocks: 8,
  bufferPartitions: 128,
  heavyWait: "latch",
};

const PG_15: Profile = {
  ...PG_9_6,
  version: "15",
  keys: "inode",
  einvalCollides: true,
  walSenderSlots: true,
  auxiliarySlots: 5,
  groupStatus: true,
  latchSignal: "SIGURG",
  latchKnowsSleeper: true,
  first: ["checkpointer", "bgwriter", "startup"],
  afterRecovery: ["walwriter", "launcher", "logical"],
  shutdown: [
    {
      signal: "SIGTERM",
      kinds: ["backend", "logical", "launcher", "vacuum", "bgwriter", "walwriter"],
    },
    { signal: "SIGUSR2", kinds: ["checkpointer"] },
  ],
};

const PG_18: Profile = {
  ...PG_15,
  version: "18",
  autovacuumExtra: 2,
  auxiliarySlots: 38,
  autovacuumWorkers: 16,
  freeList: "fifo",
  bits: BITS_18,
  first: ["io", "io", "io", "checkpointer", "bgwriter", "startup"],
  shutdown: [
    {
      signal: "SIGTERM",
      kinds: ["backend", "logical", "launcher", "vacuum", "walwriter", "bgwriter"],
    },
    { signal: "SIGINT", kinds: ["checkpointer"], untilWalClosed: true },
    { signal: "SIGUSR2", kinds: ["io"] },
    { signal: "SIGUSR2", kinds: ["checkpointer"] },
  ],
};

const BY_VERSION: Readonly<Record<Version, Profile>> = {
  "8.1": PG_8_1,
  "9.2": PG_9_2,
  "9.6": PG_9_6,
  "15": PG_15,
  "18": PG_18,
};

export const profileOf = (version: Version): Profile => BY_VERSION[version];
