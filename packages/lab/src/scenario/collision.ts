/**
 * 2006: PostgreSQL 8.1 in jails that share one System V name space (model `flat`). The second server
 * takes the objects of the first for leftovers and removes them. With
 * security.jail.sysvipc_allowed=0 none of them starts. [PG-18] [PG-24] [PG-26] [PG-27]
 */
import { setTimeout } from "node:timers/promises";
import { SHMSEG_REMOVED } from "@jailyard/abi/shm";
import type { Yard } from "@jailyard/host/yard";
import type { LogRecord } from "@jailyard/workload/postgres/records";
import { fatalLines, Instance } from "./instances.ts";
import { type Context, inYard, jailNames, makeJails } from "./inyard.ts";
import type { Listing } from "./lister.ts";
import { LISTER } from "./modules.ts";

export interface Party {
  readonly jail: string;
  readonly pid: number;
}

/** An object that was there before a start and not after it. */
export interface Removed {
  readonly what: "segment" | "set";
  readonly id: number;
  readonly key: number;
  /** Processes that had the segment attached when it was removed; 0 for a set. */
  readonly attached: number;
}

export interface Collision {
  readonly newcomer: Party;
  readonly victim: Party;
  readonly removed: readonly Removed[];
  /** First line of the victim's log that says it fails; null if none came. */
  readonly failure: LogRecord | null;
}

export interface InstanceState {
  readonly jail: string;
  readonly pid: number;
  readonly started: boolean;
  /** Times that it lost its processes and began anew. */
  readonly crashes: number;
  readonly transactions: number;
  /** The first line of its log that tells of trouble, with detail and hint. */
  readonly trouble: readonly LogRecord[];
  readonly log: readonly LogRecord[];
}

export interface SharedRun {
  /** The first of them: the second start meets the first server. */
  readonly collision: Collision | null;
  readonly instances: readonly InstanceState[];
}

export interface CollisionOptions {
  readonly jails: number;
  readonly backends: number;
  readonly seed: number;
}

/** How long the servers fight after the last has come, and how long a failure may take to show. */
const FIGHT_MS = 1000;
const FAILURE_MS = 5000;
/** More than the job lasts: clients do not leave by themselves. */
const FOREVER_SECONDS = 600;
const VERSION = "8.1";
/** Fewer clients may never wait for one another, and a server without waiters notices nothing. */
const BACKENDS_MIN = 4;

/** All servers under sysvipc_allowed=1. `progress` is told what happens, in a few words. */
export function sharedRun(
  cx: Context,
  options: CollisionOptions,
  progress: (text: string) => void,
): Promise<SharedRun> {
  const config = { model: "flat", sysvipc_allowed: true } as const;
  return inYard(cx, config, async (yard) => {
    const jails = await makeJails(yard, jailNames(options.jails), {});
    const instances: Instance[] = [];
    let collision: Collision | null = null;
    for (const [i, jail] of jails.entries()) {
      const before = i === 1 ? await list(yard) : null;
      progress(`PostgreSQL ${VERSION} starts in ${jail.name}`);
      const instance = await Instance.start(jail, {
        version: VERSION,
        backends: Math.max(options.backends, BACKENDS_MIN),
        seconds: FOREVER_SECONDS,
        seed: options.seed + i,
      });
      instances.push(instance);
      await instance.started;
      if (i === 0) await instance.working; // the neighbour of the second is a live one
      if (before !== null) collision = await witness(yard, before, instances[0], instance);
    }
    await setTimeout(FIGHT_MS);
    return { collision, instances: await Promise.all(instances.map(stateOf)) };
  });
}

/** All objects, as root of the host sees them. */
async function list(yard: Yard): Promise<Listing> {
  const process = await (await yard.host).spawn({ module: LISTER });
  const listing = new Promise<Listing>((resolve) => {
    process.on("record", (record) => resolve(record as Listing));
  });
  await process.exited;
  return listing;
}

/** What the newcomer's start did to what was there `before`, and what comes of it. */
async function witness(
  yard: Yard,
  before: Listing,
  victim: Instance,
  newcomer: Instance,
): Promise<Collision | null> {
  const removed = removedOf(before, await list(yard));
  if (removed.length === 0) return null;
  const late = setTimeout(FAILURE_MS, null, { ref: false });
  const failure = await Promise.race([victim.logged(isFailure), late]);
  return { newcomer: partyOf(newcomer), victim: partyOf(victim), removed, failure };
}

const isFailure = ({ level }: LogRecord): boolean => level === "FATAL" || level === "PANIC";
const partyOf = ({ jail, process }: Instance): Party => ({ jail: jail.name, pid: process.pid });

/** A removed segment stays while somebody has it attached, marked and without its key. */
function removedOf(before: Listing, after: Listing): Removed[] {
  const sets = new Set(after.sem.map(({ id }) => id));
  const segments = new Set(
    after.shm.filter(({ ds }) => (ds.shm_perm.mode & SHMSEG_REMOVED) === 0).map(({ id }) => id),
  );
  const wasThere = ({ ds }: Listing["shm"][number]): boolean =>
    (ds.shm_perm.mode & SHMSEG_REMOVED) === 0;
  return [
    ...before.shm
      .filter((row) => wasThere(row) && !segments.has(row.id))
      .map(({ id, ds }) => {
        const { shm_perm, shm_nattch } = ds;
        return { what: "segment", id, key: shm_perm.key, attached: shm_nattch } as const;
      }),
    ...before.sem
      .filter(({ id }) => !sets.has(id))
      .map(({ id, ds }) => ({ what: "set", id, key: ds.sem_perm.key, attached: 0 }) as const),
  ];
}

async function stateOf(instance: Instance): Promise<InstanceState> {
  const { log, jail, process, transactions } = instance;
  const over = setTimeout(0, false);
  const started = await Promise.race([instance.started, over]);
  const crashes = log.filter(({ text }) => text.includes("reinitializing")).length;
  const trouble = fatalLines(log);
  return { jail: jail.name, pid: process.pid, started, crashes, transactions, trouble, log };
}

export interface RefusedRun {
  readonly instances: readonly InstanceState[];
}

/** The same with sysvipc_allowed=0: every System V call in a jail is ENOSYS. */
export function refusedRun(cx: Context, options: CollisionOptions): Promise<RefusedRun> {
  const config = { model: "flat", sysvipc_allowed: false } as const;
  return inYard(cx, config, async (yard) => {
    const jails = await makeJails(yard, jailNames(options.jails), {});
    const start = { version: VERSION, backends: 1, seconds: 1, seed: options.seed } as const;
    const instances = await Promise.all(jails.map((jail) => Instance.start(jail, start)));
    await Promise.all(instances.map(({ started }) => started));
    return { instances: await Promise.all(instances.map(stateOf)) };
  });
}
