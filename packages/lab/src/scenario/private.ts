/**
 * PostgreSQL servers on one port, each in a jail with System V name spaces of its own (model
 * `jail-keyed`), under a load like TPC-B.
 */
import { setTimeout } from "node:timers/promises";
import { LIMITS, type LimitSettings } from "@jailyard/abi/limits";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { Yard } from "@jailyard/host/yard";
import type { LogRecord, ResultRecord } from "@jailyard/workload/postgres/records";
import { type InstanceConfig, setCount, settingsOf } from "@jailyard/workload/postgres/settings";
import { segmentBytes } from "@jailyard/workload/postgres/shmem";
import type { Version } from "@jailyard/workload/postgres/version";
import { fatalLines, Instance } from "./instances.ts";
import { type Context, inYard, jailNames, makeJails, PRIVATE } from "./inyard.ts";

export interface PrivateOptions {
  readonly jails: number;
  readonly backends: number;
  readonly seconds: number;
  readonly version: Version;
  readonly seed: number;
  /** What the user set; the rest is made large enough. */
  readonly limits: LimitSettings;
}

export interface PrivateProgress {
  readonly ready: number;
  readonly transactions: number;
}

/** One server's part. */
export interface PrivateInstance {
  readonly jail: string;
  readonly pid: number;
  readonly result: ResultRecord | null;
  readonly exitStatus: number | null;
  /** System calls of the jail, and those that slept, as the kernel counted them. */
  readonly calls: number;
  readonly sleeps: number;
  /** Why it did not start or did not live, in its own words. */
  readonly trouble: readonly LogRecord[];
  /** What it threw: a defect of ours. */
  readonly error: string | null;
}

export interface PrivateRun {
  readonly version: Version;
  readonly limits: LimitSettings;
  readonly semaphoreSets: number;
  readonly instances: readonly PrivateInstance[];
  readonly passed: boolean;
}

/** Connections that a server allows: PostgreSQL's default, or as many as the load has. */
const MAX_CONNECTIONS = 100;

function configOf(options: PrivateOptions, ix: number): InstanceConfig {
  const { version, backends, seconds, seed } = options;
  const maxConnections = Math.max(MAX_CONNECTIONS, backends);
  return { version, backends, seconds, seed: seed + ix, maxConnections };
}

/** Limits with which all servers fit; those that the user set are left as they are. */
export function privateLimits(options: PrivateOptions): LimitSettings {
  const settings = settingsOf(configOf(options, 0), "jail");
  const sets = setCount(settings) * options.jails;
  const segment = segmentBytes(settings);
  const needed: Record<string, number> = {
    "kern.ipc.semmni": sets,
    "kern.ipc.semmns": sets * (settings.semasPerSet + 1),
    "kern.ipc.shmmni": options.jails,
    "kern.ipc.shmall": Math.ceil(segment / PAGE_SIZE) * options.jails,
    "kern.ipc.shmmax": segment,
  };
  const limits: Record<string, number> = {};
  for (const { name, default: usual } of LIMITS) {
    if ((needed[name] ?? 0) > usual) limits[name] = needed[name];
  }
  return { ...limits, ...options.limits };
}

/**
 * Start the servers, whose clients begin as soon as they are accepted; half of the time after the
 * last has started call `halfway`, while everything is there; wait for their clean shutdown.
 */
export function privateRun(
  cx: Context,
  options: PrivateOptions,
  progress: (at: PrivateProgress) => void,
  halfway: (yard: Yard) => Promise<void>,
): Promise<PrivateRun> {
  const limits = privateLimits(options);
  return inYard(cx, { model: "jail-keyed", limits }, async (yard) => {
    const jails = await makeJails(yard, jailNames(options.jails), PRIVATE);
    const instances: Instance[] = [];
    const watch = follow(instances, progress);
    try {
      for (const [i, jail] of jails.entries()) {
        instances.push(await Instance.start(jail, configOf(options, i)));
        await instances[i].started; // one after the other: limits fail the last, not any
      }
      const started = await Promise.all(instances.map((instance) => instance.started));
      if (started.every(Boolean)) {
        await Promise.all([underLoad(yard, options, halfway), ended(instances)]);
      }
    } finally {
      clearInterval(watch);
    }
    const parts = await partsOf(yard, instances);
    const semaphoreSets = setCount(settingsOf(configOf(options, 0), "jail"));
    const passed = parts.every(({ result, exitStatus }) => result !== null && exitStatus === 0);
    return { version: options.version, limits, semaphoreSets, instances: parts, passed };
  });
}

async function underLoad(
  yard: Yard,
  { seconds }: PrivateOptions,
  halfway: (yard: Yard) => Promise<void>,
): Promise<void> {
  await setTimeout((seconds * 1000) / 2); // the last server's load has just begun
  await halfway(yard);
}

const ended = (instances: readonly Instance[]): Promise<unknown> =>
  Promise.all(instances.map((instance) => instance.ended));

const PROGRESS_MS = 200;

function follow(
  instances: readonly Instance[],
  progress: (at: PrivateProgress) => void,
): NodeJS.Timeout {
  return setInterval(() => {
    const ready = instances.filter(({ isReady }) => isReady).length;
    const transactions = instances.reduce((sum, one) => sum + one.transactions, 0);
    progress({ ready, transactions });
  }, PROGRESS_MS);
}

async function partsOf(yard: Yard, instances: readonly Instance[]): Promise<PrivateInstance[]> {
  const counts = new Map((await yard.stats()).jails.map((jail) => [jail.name, jail]));
  return instances.map(({ jail, process, result, exit, log }) => {
    const { calls = 0, sleeps = 0 } = counts.get(jail.name) ?? {};
    return {
      jail: jail.name,
      pid: process.pid,
      result,
      exitStatus: exit?.status ?? null,
      calls,
      sleeps,
      trouble: fatalLines(log),
      error: exit?.error?.message ?? null,
    };
  });
}
