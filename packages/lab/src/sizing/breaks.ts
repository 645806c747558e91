/**
 * Which limit breaks first when servers start one after the other, at which call. Each limit says
 * how many calls of its kind it grants before it refuses one; the earliest refusal is the answer,
 * and of two at one call the one that the kernel tests first. [SEM-20] [SHM-14]
 */
import type { LimitName } from "@jailyard/abi/reason";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { type Demand, demandOf, type ServerPlan } from "./demand.ts";

/** Value of each limit; one that is absent refuses nothing. Those of rctl hold for each jail. */
export type LimitValues = Readonly<Partial<Record<LimitName, number>>>;

const CALLS = ["shmget", "semget", "semctl", "semop"] as const;
type Call = (typeof CALLS)[number];

export interface Break {
  readonly limit: LimitName;
  readonly value: number;
  /** From 1. */
  readonly instance: number;
  readonly call: Call;
  /** Which set of this server it is for, from 1; 0 for the segment. */
  readonly set: number;
  /** Of the call that is refused for good; null where it names an id. */
  readonly key: number | null;
  readonly code: string;
  /** What is in use by then, where that is what counts; null where one call alone is too much. */
  readonly inUse: number | null;
  readonly request: number;
}

/** PGSemaMagic: the identifying semaphore is set to one less, then raised by one. [PG-24] */
export const MAGIC = 537;

interface Test {
  readonly limit: LimitName;
  readonly call: Call;
  readonly code: string;
  /** What one call asks for. */
  readonly request: number;
  /**
   * `each`: the limit bounds a call, `sum` what all servers have, `jail` what one server has;
   * `least`: the call must ask for as much.
   */
  readonly by: "each" | "sum" | "jail" | "least";
}

const test = (
  limit: LimitName,
  call: Call,
  code: string,
  request: number,
  by: Test["by"],
): Test => ({ limit, call, code, request, by });

/** In the order in which each call makes them. */
export function testsOf({ segmentBytes, segmentPages, nsems }: Demand): Test[] {
  const rounded = segmentPages * PAGE_SIZE;
  return [
    test("kern.ipc.shmmin", "shmget", "EINVAL", segmentBytes, "least"),
    test("kern.ipc.shmmax", "shmget", "EINVAL", segmentBytes, "each"),
    test("kern.ipc.shmmni", "shmget", "ENOSPC", 1, "sum"),
    test("kern.ipc.shmall", "shmget", "ENOMEM", segmentPages, "sum"),
    test("rctl nshm", "shmget", "ENOSPC", 1, "jail"),
    test("rctl shmsize", "shmget", "ENOMEM", rounded, "jail"),
    test("kern.ipc.semmsl", "semget", "EINVAL", nsems, "each"),
    test("kern.ipc.semmns", "semget", "ENOSPC", nsems, "sum"),
    test("kern.ipc.semmni", "semget", "ENOSPC", 1, "sum"),
    test("rctl nsem", "semget", "ENOSPC", nsems, "jail"),
    test("kern.ipc.semvmx", "semctl", "ERANGE", MAGIC - 1, "each"),
    test("kern.ipc.semvmx", "semop", "ERANGE", MAGIC, "each"),
  ];
}

/** The first refusal; null: all servers start. */
export function firstBreak(plan: ServerPlan, limits: LimitValues): Break | null {
  const demand = demandOf(plan);
  let first: Break | null = null;
  for (const one of testsOf(demand)) {
    const found = breakOf(plan, demand, one, limits[one.limit]);
    if (found !== null && (first === null || placeOf(found) < placeOf(first))) first = found;
  }
  return first;
}

function breakOf(
  { instances }: ServerPlan,
  demand: Demand,
  { limit, call, code, request, by }: Test,
  value: number | undefined,
): Break | null {
  if (value === undefined) return null;
  const each = call === "shmget" ? 1 : demand.sets; // calls of this kind that a server makes
  const granted = grantedOf(by, value, request);
  if (granted >= (by === "jail" ? each : each * instances)) return null;
  const set = call === "shmget" ? 0 : (granted % each) + 1;
  const instance = Math.floor(granted / each) + 1;
  const key = keyOf(demand, call, code, set);
  const inUse = by === "sum" || by === "jail" ? granted * request : null;
  return { limit, value, instance, call, set, key, code, inUse, request };
}

function grantedOf(by: Test["by"], value: number, request: number): number {
  if (by === "sum" || by === "jail") return Math.floor(value / request);
  const passes = by === "each" ? request <= value : request >= value;
  return passes ? Number.POSITIVE_INFINITY : 0;
}

function keyOf(demand: Demand, call: Call, code: string, set: number): number | null {
  if (call === "shmget") return demand.shmKey;
  if (call !== "semget") return null;
  return demand.semSeed + (code === "EINVAL" ? demand.einvalKeys : set);
}

const SETS_MAX = 1_000_000;

/** Place among all calls of all servers: a server makes its segment, then set by set. */
const placeOf = ({ instance, set, call }: Break): number =>
  (instance * SETS_MAX + set) * CALLS.length + CALLS.indexOf(call);
