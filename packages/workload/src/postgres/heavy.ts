/**
 * Heavyweight locks: relations, rows, transactions; after lock.c and proc.c. [PG-55] to [PG-57]
 *
 * The lock table changes under the lightweight lock of a partition. Who must wait sleeps on its
 * latch, up to 9.4 on its semaphore; the granter wakes it while it still holds the partition.
 */
import { now } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import { resetLatch, setLatch, waitLatch } from "./latch.ts";
import { S_ALARM, S_HEAVY, S_PID } from "./layout.ts";
import {
  CONFLICTS,
  type Edge,
  type HeavyLock,
  type HeavyMode,
  MODE_NAMES,
  modeBit,
} from "./locktable.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { PgError } from "./report.ts";
import { semaLock, semaUnlock, waiting } from "./semawait.ts";

const NONE = 0;
const WAITING = 1;
const GRANTED = 2;

/** Microseconds in the table for one lock. */
const TABLE_MICROS = 0.4;

function hash(tag: string): number {
  let h = 0;
  for (let i = 0; i < tag.length; i++) h = (Math.imul(h, 31) + tag.charCodeAt(i)) | 0;
  return h >>> 0;
}

/** The lightweight lock of a tag's partition. */
function partitionOf(me: Pgproc, tag: string): number {
  return me.layout.one("LockManager", hash(tag) % me.profile.lockPartitions);
}

/** `transactionid 4711` waits as `Lock:transactionid`. [PG-58] */
const eventOf = (tag: string): string => `Lock:${tag.slice(0, tag.indexOf(" "))}`;

/**
 * LockAcquire. @throws PgError ERROR if waiting would never end, FATAL if the process is told to go
 */
export async function lockAcquire(me: Pgproc, tag: string, mode: HeavyMode): Promise<void> {
  const { locks } = me.cluster;
  const partition = partitionOf(me, tag);
  await lwAcquire(me, partition, EXCLUSIVE);
  const lock = locks.open(tag);
  await me.cpu(TABLE_MICROS);
  const behind = lock.queue.some((waiter) => (modeBit(waiter.mode) & CONFLICTS[mode]) !== 0);
  if (behind || locks.blocked(lock, me.slot, mode)) await procSleep(me, partition, lock, mode);
  else locks.grant(lock, me.slot, mode);
  me.heavy.add(tag);
  await lwRelease(me, partition);
}

/** LockRelease of all modes that this process holds. */
export async function lockRelease(me: Pgproc, tag: string): Promise<void> {
  const partition = partitionOf(me, tag);
  await lwAcquire(me, partition, EXCLUSIVE);
  await me.cpu(TABLE_MICROS);
  await drop(me, tag);
  await lwRelease(me, partition);
}

/** LockReleaseAll: partition by partition. */
export async function lockReleaseAll(me: Pgproc): Promise<void> {
  const byPartition = Map.groupBy(me.heavy, (tag) => partitionOf(me, tag));
  for (const [partition, tags] of byPartition) {
    await lwAcquire(me, partition, EXCLUSIVE);
    for (const tag of tags) {
      await me.cpu(TABLE_MICROS);
      await drop(me, tag);
    }
    await lwRelease(me, partition);
  }
}

async function drop(me: Pgproc, tag: string): Promise<void> {
  const { locks } = me.cluster;
  const lock = locks.open(tag);
  lock.holders.delete(me.slot);
  me.heavy.delete(tag);
  await wakeWaiters(me, lock);
  locks.close(lock);
}

/** ProcLockWakeup. The caller holds the partition. */
async function wakeWaiters(me: Pgproc, lock: HeavyLock): Promise<void> {
  for (const slot of me.cluster.locks.wakeable(lock)) {
    Atomics.store(me.words, me.layout.slot(slot) + S_HEAVY, GRANTED);
    if (me.profile.heavyWait === "latch") await setLatch(me, slot);
    else await semaUnlock(me, slot);
  }
}

/** ProcSleep: queue, let the partition go, sleep, take the partition again. */
async function procSleep(
  me: Pgproc,
  partition: number,
  lock: HeavyLock,
  mode: HeavyMode,
): Promise<void> {
  const { words, row } = me;
  me.cluster.locks.enqueue(lock, me.slot, mode);
  Atomics.store(words, row + S_HEAVY, WAITING);
  await lwRelease(me, partition);
  try {
    const owner = pidOf(me, me.cluster.locks.blocker(lock, me.slot, mode));
    if (me.profile.heavyWait === "latch") await sleepOnLatch(me, lock, owner);
    else await sleepOnSemaphore(me, lock, owner);
  } finally {
    Atomics.store(words, row + S_ALARM, 0);
  }
  await lwAcquire(me, partition, EXCLUSIVE);
  Atomics.store(words, row + S_HEAVY, NONE);
}

const waits = (me: Pgproc): boolean => Atomics.load(me.words, me.row + S_HEAVY) === WAITING;

const pidOf = (me: Pgproc, slot: number): number =>
  slot < 0 ? 0 : me.words[me.layout.slot(slot) + S_PID];

/** Until it is granted; deadlock_timeout ends the first sleep. */
async function sleepOnLatch(me: Pgproc, lock: HeavyLock, owner: number): Promise<void> {
  const due = now() + me.cluster.settings.deadlockTimeoutMillis;
  await latched(me, lock, owner, due);
  if (!waits(me)) return;
  await checkDeadlock(me, lock);
  if (waits(me)) await latched(me, lock, owner, Number.POSITIVE_INFINITY);
}

async function latched(me: Pgproc, lock: HeavyLock, owner: number, due: number): Promise<void> {
  await waiting(me, eventOf(lock.tag), owner, async () => {
    while (waits(me) && !me.dying && now() < due) {
      await waitLatch(me, due - now());
      resetLatch(me);
    }
  });
  if (me.dying && waits(me)) await giveUp(me);
}

/**
 * Up to 9.4. A timer ends the semop with EINTR, and the check is made in its handler; the yard has
 * no timers of its own, so the postmaster sends the SIGALRM that is due.
 */
async function sleepOnSemaphore(me: Pgproc, lock: HeavyLock, owner: number): Promise<void> {
  const { epoch, settings } = me.cluster;
  const alarm = me.row + S_ALARM;
  Atomics.store(me.words, alarm, Math.ceil(now() - epoch + settings.deadlockTimeoutMillis));
  const due = (): boolean => {
    const at = Atomics.load(me.words, alarm);
    return at !== 0 && now() - epoch >= at;
  };
  while (waits(me)) {
    await semaLock(me, eventOf(lock.tag), owner, () => waits(me) && (me.dying || due()));
    if (me.dying && waits(me)) await giveUp(me);
    if (waits(me) && due()) {
      Atomics.store(me.words, alarm, 0);
      await checkDeadlock(me, lock);
    }
  }
}

/** Pids of the processes whose deadlock_timeout has run out. */
export function dueAlarms(cluster: Cluster, words: Int32Array): number[] {
  const { layout, epoch } = cluster;
  const pids: number[] = [];
  for (let slot = 0; slot < layout.slots.total; slot++) {
    const at = Atomics.load(words, layout.slot(slot) + S_ALARM);
    if (at !== 0 && now() - epoch >= at) pids.push(words[layout.slot(slot) + S_PID]);
  }
  return pids;
}

/** LockErrorCleanup: out of the queue, if the process is in one. */
export async function lockErrorCleanup(me: Pgproc): Promise<void> {
  const { locks } = me.cluster;
  const lock = locks.waitedFor(me.slot);
  if (lock === null) return;
  const partition = partitionOf(me, lock.tag);
  await lwAcquire(me, partition, EXCLUSIVE);
  locks.dequeue(lock, me.slot);
  await wakeWaiters(me, lock);
  locks.close(lock);
  Atomics.store(me.words, me.row + S_HEAVY, NONE);
  await lwRelease(me, partition);
}

/** @throws PgError */
async function leaveQueue(me: Pgproc, error: PgError): Promise<never> {
  await lockErrorCleanup(me);
  throw error;
}

const giveUp = (me: Pgproc): Promise<never> =>
  leaveQueue(me, new PgError("FATAL", "terminating connection due to administrator command"));

/**
 * CheckDeadLock: with all partitions held, look for a cycle through this process. Soft ones are
 * solved by reordering a queue; a hard one ends the statement. [PG-57]
 */
async function checkDeadlock(me: Pgproc, lock: HeavyLock): Promise<void> {
  const { lockPartitions } = me.profile;
  for (let i = 0; i < lockPartitions; i++) {
    await lwAcquire(me, me.layout.one("LockManager", i), EXCLUSIVE);
  }
  const hard = waits(me) ? solveSoft(me) : null;
  if (hard === null && waits(me)) await wakeWaiters(me, lock);
  for (let i = lockPartitions; i-- > 0; ) await lwRelease(me, me.layout.one("LockManager", i));
  if (hard === null) return;
  me.counters.deadlocks++;
  await leaveQueue(me, deadlockDetected(me, hard));
}

/** @returns the hard cycle that remains, or null */
function solveSoft(me: Pgproc): Edge[] | null {
  const { locks } = me.cluster;
  for (let tries = 0; tries < me.layout.slots.total; tries++) {
    const cycle = locks.cycle(me.slot);
    const soft = cycle?.find((edge) => edge.soft);
    if (cycle === null || soft === undefined) return cycle;
    locks.overtake(soft);
  }
  return locks.cycle(me.slot);
}

function deadlockDetected(me: Pgproc, cycle: readonly Edge[]): PgError {
  const pid = (slot: number): number => me.words[me.layout.slot(slot) + S_PID];
  const lines = cycle.map(
    ({ slot, mode, by, lock }) =>
      `Process ${pid(slot)} waits for ${MODE_NAMES[mode]} on ${lock.tag}; blocked by process ${pid(by)}.`,
  );
  return new PgError("ERROR", "deadlock detected", lines.join("\n"));
}
