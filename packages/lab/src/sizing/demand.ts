/**
 * What one PostgreSQL server asks of System V IPC at its start, by arithmetic on its settings. It
 * shares no code with the simulated server, against which it is tested. [PG-1] [PG-7] [PG-22]
 */
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { Version } from "@jailyard/workload/postgres/version";

/** Servers of one kind, one in each jail; what is absent has PostgreSQL's default. */
export interface ServerPlan {
  readonly version: Version;
  readonly instances: number;
  readonly maxConnections: number;
  readonly autovacuumWorkers?: number;
  readonly maxWorkerProcesses?: number;
  readonly maxWalSenders?: number;
  /** Pages of 8 kB. */
  readonly sharedBuffers?: number;
  readonly sharedMemoryType?: "sysv" | "mmap";
  /** Useful semaphores of a set. */
  readonly semasPerSet?: number;
}

interface Formula {
  /** autovacuum_max_workers; from 18 on autovacuum_worker_slots. */
  readonly autovacuum: number;
  /** Processes that are always there: the launcher, and auxiliary ones. */
  readonly constant: number;
  readonly countsWorkers: boolean;
  readonly countsWalSenders: boolean;
  readonly memory: "sysv" | "mmap";
  /** Pages of 8 kB. */
  readonly sharedBuffers: number;
  /** Bytes of a System V main segment that depend on no setting. */
  readonly fixedBytes: number;
  readonly keySeed: "port" | "inode";
  /** Keys that are tried when semget says EINVAL. [PG-24] */
  readonly einvalKeys: number;
}

const TO_9_2 = {
  autovacuum: 3,
  constant: 4,
  countsWorkers: false,
  countsWalSenders: false,
  memory: "sysv",
  fixedBytes: 1_200_000,
  keySeed: "port",
  einvalKeys: 1,
} as const;

const FROM_12 = {
  countsWorkers: true,
  countsWalSenders: true,
  memory: "mmap",
  sharedBuffers: 16_384,
  fixedBytes: 3_216_000,
  keySeed: "inode",
  einvalKeys: 1001,
} as const;

/** The table of PG-22. */
const FORMULAS: Readonly<Record<Version, Formula>> = {
  "8.1": { ...TO_9_2, sharedBuffers: 1000 },
  "9.2": { ...TO_9_2, sharedBuffers: 4096 },
  "9.6": { ...TO_9_2, constant: 5, countsWorkers: true, memory: "mmap", sharedBuffers: 16_384 },
  "15": { ...FROM_12, autovacuum: 3, constant: 6 },
  "18": { ...FROM_12, autovacuum: 16, constant: 40 },
};

export interface Demand {
  /** One for each process slot. */
  readonly semaphores: number;
  readonly sets: number;
  /** Of one set, the identifying one included. */
  readonly nsems: number;
  readonly segmentBytes: number;
  readonly segmentPages: number;
  readonly shmKey: number;
  /** The n-th set has this key plus n. */
  readonly semSeed: number;
  readonly einvalKeys: number;
  /** How `semaphores` comes about: `200 connections + 3 autovacuum + ...`. */
  readonly sum: string;
}

const INTERLOCK_BYTES = 56;
const BLOCK = 8192;
const DESCRIPTORS = 160; // bytes that belong to one buffer
const SLOT = 2380; // bytes that belong to one process slot
const PORT = 5432;
const INODE = 34; // the root of a ZFS dataset [PG-10]

export function demandOf(plan: ServerPlan): Demand {
  const formula = FORMULAS[plan.version];
  const { semasPerSet = 16 } = plan;
  const parts = slotsOf(plan, formula);
  const semaphores = parts.reduce((sum, [count]) => sum + count, 0);
  const segmentBytes = bytesOf(plan, formula, semaphores);
  const byPort = formula.keySeed === "port";
  return {
    semaphores,
    sets: Math.ceil(semaphores / semasPerSet),
    nsems: semasPerSet + 1,
    segmentBytes,
    segmentPages: Math.ceil(segmentBytes / PAGE_SIZE),
    shmKey: byPort ? PORT * 1000 + 1 : INODE,
    semSeed: byPort ? PORT * 1000 : INODE,
    einvalKeys: formula.einvalKeys,
    sum: parts.map(([count, what]) => `${count} ${what}`).join(" + "),
  };
}

function slotsOf(plan: ServerPlan, formula: Formula): [count: number, what: string][] {
  const { maxWorkerProcesses = 8, maxWalSenders = 10 } = plan;
  const parts: [number, string][] = [
    [plan.maxConnections, "connections"],
    [plan.autovacuumWorkers ?? formula.autovacuum, "autovacuum"],
  ];
  if (formula.countsWorkers) parts.push([maxWorkerProcesses, "workers"]);
  if (formula.countsWalSenders) parts.push([maxWalSenders, "WAL senders"]);
  return [...parts, [formula.constant, "auxiliary"]];
}

/** All of the shared memory up to 9.2, where shared_memory_type is sysv; else the interlock. */
function bytesOf(plan: ServerPlan, formula: Formula, slots: number): number {
  if ((plan.sharedMemoryType ?? formula.memory) === "mmap") return INTERLOCK_BYTES;
  const buffers = plan.sharedBuffers ?? formula.sharedBuffers;
  const bytes = buffers * (BLOCK + DESCRIPTORS) + slots * SLOT + formula.fixedBytes;
  return Math.ceil(bytes / BLOCK) * BLOCK;
}
