/** What `jailyard top` looks at, again and again: little work for the kernel's thread. */
import { deadlockText, type LockStats, STATS, type Waiting } from "@jailyard/abi/contention";
import type { JailSample, KernelSample, LockSample } from "@jailyard/abi/yardsample";
import { jailNames, lockStats } from "./contention.ts";
import { objectsOf } from "./facility.ts";
import type { Kernel } from "./kernel.ts";
import { limitSamples } from "./limitgauge.ts";
import { plainName } from "./lockname.ts";
import type { Prison } from "./prison.ts";
import { waiting } from "./waitfor.ts";

/** Locks and sleepers that a sample has at most, of each reason to be in it. */
const LOCKS_KEPT = 1000;
const WAITING_KEPT = 2000;

/** Calls of a jail so far, those in its own threads included. */
export interface Calls {
  readonly calls: number;
  readonly sleeps: number;
}

type Sums = Map<number | string, number>;
const add = (sums: Sums, key: number | string, amount: number): void =>
  void sums.set(key, (sums.get(key) ?? 0) + amount);

const sum = <T>(all: readonly T[], of: (one: T) => number): number =>
  all.reduce((total, one) => total + of(one), 0);

export function yardSample(
  k: Kernel,
  gateCalls: number,
  calls: ReadonlyMap<Prison, Calls>,
): KernelSample {
  const atNanos = k.profile.nanos();
  const running = lasting(k, atNanos);
  const names = jailNames(k);
  const sleepers = waiting(k);
  const stats = lockStats(k, gateCalls, { histograms: false, idle: LOCKS_KEPT });
  const locks = stats.locks.map((lock) => lockSample(lock, running));
  const standing = k.book.deadlocks.filter(({ ring }) => stands(ring, sleepers));
  const pids = new Set(standing.flatMap(({ ring }) => ring.map(({ pid }) => pid)));
  return {
    stats: STATS[k.profile.mode],
    atNanos,
    jails: jailSamples(k, stats.locks, running, calls),
    names,
    locks: kept(locks),
    lockCount: stats.count,
    contended: sum(locks, ({ contended }) => contended),
    waitNanos: sum(locks, ({ waitNanos }) => waitNanos),
    waiting: longest(sleepers, pids),
    waitingCount: sleepers.length,
    deadlocks: standing.map((deadlock) => ({
      text: deadlockText(deadlock, names),
      pids: deadlock.ring.map(({ pid }) => pid),
    })),
    deadlockCount: k.book.deadlocks.length,
    limits: limitSamples(k),
    gateCalls,
  };
}

/** Waits that last: what is not booked yet, by jail, by jail that causes it, and by lock. */
interface Lasting {
  readonly waits: Sums;
  readonly caused: Sums;
  readonly locks: Sums;
  /** Processes, by lock and by jail. */
  readonly sleeping: Sums;
}

function lasting(k: Kernel, now: number): Lasting {
  const found: Lasting = {
    waits: new Map(),
    caused: new Map(),
    locks: new Map(),
    sleeping: new Map(),
  };
  if (!k.profile.on) return found;
  const { waits, points } = k.profile.tables;
  for (const { tid, p_pid } of k.procs.values()) {
    const row = Atomics.load(waits.point, tid) - 1;
    if (row < 0 || waits.pid[tid] !== p_pid) continue;
    const name = plainName(points.kind[row], points.id[row], points.num[row]);
    const woken = waits.woken[tid];
    const rest = Math.max(0, now - waits.since[tid]);
    add(found.waits, points.jid[row], rest);
    add(found.locks, name, rest);
    add(found.caused, waits.blamed[tid], Math.max(0, (woken || now) - waits.since[tid]));
    if (woken !== 0) continue;
    add(found.sleeping, name, 1);
    add(found.sleeping, points.jid[row], 1);
  }
  return found;
}

function lockSample({ uses, ...lock }: LockStats, running: Lasting): LockSample {
  return {
    ...lock,
    contended: sum(uses, ({ contended }) => contended),
    waitNanos: sum(uses, ({ waitNanos }) => waitNanos) + (running.locks.get(lock.name) ?? 0),
    waitMaxNanos: Math.max(0, ...uses.map(({ waitMaxNanos }) => waitMaxNanos)),
    holds: sum(uses, ({ holds }) => holds),
    holdNanos: sum(uses, ({ holdNanos }) => holdNanos),
    sleeping: running.sleeping.get(lock.name) ?? 0,
  };
}

/** Those that somebody sleeps for, were waited for longest, or taken most. */
function kept(locks: readonly LockSample[]): LockSample[] {
  if (locks.length <= LOCKS_KEPT) return [...locks];
  const most = (of: (lock: LockSample) => number): LockSample[] =>
    [...locks].sort((a, b) => of(b) - of(a)).slice(0, LOCKS_KEPT);
  const now = most(({ sleeping }) => sleeping);
  return [...new Set([...now, ...most((lock) => lock.waitNanos), ...most((lock) => lock.taken)])];
}

function longest(waiting: readonly Waiting[], always: ReadonlySet<number>): Waiting[] {
  if (waiting.length <= WAITING_KEPT) return [...waiting];
  const first = (one: Waiting): number => (always.has(one.pid) ? -1 : one.sinceNanos);
  return [...waiting].sort((a, b) => first(a) - first(b)).slice(0, WAITING_KEPT);
}

/** Do all of the ring still sleep as they did when it was found? */
function stands(ring: readonly Waiting[], waiting: readonly Waiting[]): boolean {
  const now = new Map(waiting.map(({ pid, sinceNanos }) => [pid, sinceNanos]));
  return ring.every(({ pid, sinceNanos }) => now.get(pid) === sinceNanos);
}

function jailSamples(
  k: Kernel,
  locks: readonly LockStats[],
  running: Lasting,
  calls: ReadonlyMap<Prison, Calls>,
): JailSample[] {
  const [waits, caused] = [new Map(running.waits), new Map(running.caused)];
  for (const { jid, waitNanos, blame } of locks.flatMap(({ uses }) => uses)) {
    add(waits, jid, waitNanos);
    for (const one of blame) add(caused, one.jid, one.nanos);
  }
  const processes: Sums = new Map();
  for (const { p_ucred } of k.procs.values()) add(processes, p_ucred.cr_prison.pr_id, 1);
  const [sem, shm, msg] = [made(k, "sem"), made(k, "shm"), made(k, "msg")];
  const of = (sums: Sums, jid: number): number => sums.get(jid) ?? 0;
  return [...k.prisons].map((prison) => {
    const { pr_id: jid, pr_name: name } = prison;
    return {
      ...{ jid, name, processes: of(processes, jid), sleeping: of(running.sleeping, jid) },
      ...(calls.get(prison) ?? { calls: 0, sleeps: 0 }),
      ...{ waitNanos: of(waits, jid), causedNanos: of(caused, jid) },
      ...{ sem: of(sem, jid), shm: of(shm, jid), msg: of(msg, jid) },
    };
  });
}

/** Objects by the jail that made them. */
function made(k: Kernel, f: "sem" | "shm" | "msg"): Sums {
  const sums: Sums = new Map();
  if (!k.modules[f].loaded) return sums;
  for (const { cred } of objectsOf(k, f)) add(sums, cred.cr_prison.pr_id, 1);
  return sums;
}
