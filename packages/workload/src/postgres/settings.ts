/** What a simulated server is told: its configuration, with PostgreSQL's defaults filled in. */
import { type Profile, profileOf, VERSIONS, type Version } from "./version.ts";

/** The argument of the program; everything but the version may be left out. Cloneable. */
export interface InstanceConfig {
  readonly version: Version;
  /** Name in messages and records; the jail's if absent. */
  readonly instance?: string;
  readonly port?: number;
  readonly dataDirectory?: string;
  /** Of the data directory: the seed of keys from 13 on. [PG-7] */
  readonly inode?: number;
  readonly device?: number;

  readonly maxConnections?: number;
  readonly autovacuumWorkers?: number;
  readonly maxWorkerProcesses?: number;
  readonly maxWalSenders?: number;
  /** Pages of 8 kB. */
  readonly sharedBuffers?: number;
  readonly sharedMemoryType?: "sysv" | "mmap";
  /** Bytes of a System V main segment; computed from the others if absent. */
  readonly segmentBytes?: number;
  /** Useful semaphores of a set; one more identifies it. [PG-21] */
  readonly semasPerSet?: number;
  readonly deadlockTimeoutMillis?: number;

  /** Mean between two transactions of a client; each takes half to one and a half of it. */
  readonly thinkMicros?: number;
  /** How uneven keys are drawn: their density falls with this power, from 0 (even) to below 1. */
  readonly skew?: number;
  /** checkpoint_timeout and autovacuum_naptime. */
  readonly checkpointMillis?: number;
  readonly naptimeMillis?: number;
  /** What befalls the server while its clients work, and the mean time between two such things. */
  readonly chaos?: ChaosKind;
  readonly chaosMillis?: number;

  /** Clients begin at SIGUSR2, not as soon as the server is up. */
  readonly held?: boolean;
  /** Only start, say `ready`, and wait for a signal. */
  readonly startOnly?: boolean;
  /** Clients, how long each works, or how many transactions each makes, whichever ends first. */
  readonly backends?: number;
  readonly seconds?: number;
  readonly transactions?: number;
  /** Branches. With one, every client waits for the same row. [PG-54] */
  readonly scale?: number;
  /** `tpcb`; `simple-update` leaves branches and tellers alone (pgbench -N); `select-only`. */
  readonly workload?: Workload;
  readonly fsync?: boolean;
  readonly fsyncMillis?: number;
  readonly seed?: number;
  /** Part of the modelled processor time that is really spent; 0 for as fast as possible. */
  readonly cpuShare?: number;
  /** Processors that the server's processes share; they run on one thread all the same. */
  readonly processors?: number;
  /** Mean microseconds until a process must let another one run. */
  readonly sliceMicros?: number;
}

/** See chaos.ts. */
export const CHAOS = ["none", "backend", "postmaster", "second", "all"] as const;
export type ChaosKind = (typeof CHAOS)[number];

export type Workload = "tpcb" | "simple-update" | "select-only";

export interface Settings extends Required<InstanceConfig> {
  readonly profile: Profile;
}

const FOREVER = Number.MAX_SAFE_INTEGER;

/** @throws TypeError that names the setting which cannot be */
export function settingsOf(arg: unknown, jail: string): Settings {
  const config = arg as InstanceConfig;
  if (typeof config !== "object" || config === null || !VERSIONS.includes(config.version)) {
    throw new TypeError(`postgres: version must be one of ${VERSIONS.join(", ")}`);
  }
  const profile = profileOf(config.version);
  const settings = { ...defaults(profile, jail), ...config, profile };
  check(settings);
  return settings;
}

function defaults(profile: Profile, jail: string): Required<InstanceConfig> {
  return {
    version: profile.version,
    instance: jail,
    port: 5432,
    dataDirectory: "/var/db/postgres/data",
    inode: 34, // the root of any ZFS dataset [PG-10]
    device: 1,
    maxConnections: 100,
    autovacuumWorkers: profile.autovacuumWorkers,
    maxWorkerProcesses: 8,
    maxWalSenders: 10,
    sharedBuffers: profile.sharedBuffers,
    sharedMemoryType: profile.memory,
    segmentBytes: 0,
    semasPerSet: 16,
    deadlockTimeoutMillis: 1000,
    thinkMicros: 0,
    skew: 0,
    checkpointMillis: 300_000,
    naptimeMillis: 60_000,
    chaos: "none",
    chaosMillis: 3000,
    held: false,
    startOnly: false,
    backends: 8,
    seconds: 5,
    transactions: FOREVER,
    scale: 1,
    workload: "tpcb",
    fsync: true,
    fsyncMillis: 0.8,
    seed: 1,
    cpuShare: 1,
    processors: 1,
    sliceMicros: 400,
  };
}

/** Least value of each number, and whether it must be whole. */
const NUMBERS: Readonly<Partial<Record<keyof Settings, readonly [least: number, whole: boolean]>>> =
  {
    port: [1, true],
    inode: [0, true],
    device: [0, true],
    maxConnections: [1, true],
    autovacuumWorkers: [1, true],
    maxWorkerProcesses: [0, true],
    maxWalSenders: [0, true],
    sharedBuffers: [16, true],
    segmentBytes: [0, true],
    semasPerSet: [1, true],
    deadlockTimeoutMillis: [1, false],
    thinkMicros: [0, false],
    skew: [0, false],
    checkpointMillis: [1, false],
    naptimeMillis: [1, false],
    chaosMillis: [1, false],
    backends: [0, true],
    seconds: [0, false],
    transactions: [0, true],
    scale: [1, true],
    fsyncMillis: [0, false],
    seed: [Number.MIN_SAFE_INTEGER, true],
    cpuShare: [0, false],
    processors: [1, true],
    sliceMicros: [1, false],
  };

function check(settings: Settings): void {
  for (const [name, [least, whole]] of Object.entries(NUMBERS)) {
    const value = settings[name as keyof Settings];
    const fits = typeof value === "number" && value >= least && (!whole || Number.isInteger(value));
    if (!fits) throw new TypeError(`postgres: ${name}=${value} must be a number from ${least} up`);
  }
  const { backends, maxConnections, skew } = settings;
  if (skew >= 1) throw new TypeError(`postgres: skew=${skew} must be below 1`);
  if (backends > maxConnections) {
    throw new TypeError(`postgres: backends=${backends} exceeds maxConnections=${maxConnections}`);
  }
}

/** Slots by kind, in their order; their sum is the number of semaphores. [PG-22] [PG-28] */
export interface SlotCounts {
  readonly clients: number;
  readonly autovacuum: number;
  readonly workers: number;
  readonly walSenders: number;
  readonly auxiliary: number;
  readonly total: number;
}

export function slotCounts(settings: Settings): SlotCounts {
  const { profile } = settings;
  const clients = settings.maxConnections;
  const autovacuum = settings.autovacuumWorkers + profile.autovacuumExtra;
  const workers = profile.workerSlots ? settings.maxWorkerProcesses : 0;
  const walSenders = profile.walSenderSlots ? settings.maxWalSenders : 0;
  const auxiliary = profile.auxiliarySlots;
  const total = clients + autovacuum + workers + walSenders + auxiliary;
  return { clients, autovacuum, workers, walSenders, auxiliary, total };
}

/** Sets of semaphores that the server makes. [PG-22] */
export const setCount = (settings: Settings): number =>
  Math.ceil(slotCounts(settings).total / settings.semasPerSet);
