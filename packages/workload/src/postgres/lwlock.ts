/**
 * Lightweight locks, after lwlock.c: what is common to both generations. [PG-41] to [PG-50]
 *
 * A process that must wait links its slot into the lock's list and sleeps on its own semaphore. It
 * is woken to try again, not made the owner. A wakeup that was meant for something else is absorbed
 * and given back once the lock is had.
 */
import * as atomic from "./lwatomic.ts";
import { EXCLUSIVE, type LwMode } from "./lwmode.ts";
import * as spin from "./lwspin.ts";
import type { Pgproc } from "./pgproc.ts";

const generation = (me: Pgproc): typeof atomic | typeof spin =>
  me.profile.lwlock === "atomic" ? atomic : spin;

/** LWLockAcquire. @returns whether it was had without a wait */
export async function lwAcquire(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const free = await generation(me).acquire(me, lock, mode);
  me.held.push(lock);
  return free;
}

/** LWLockConditionalAcquire: never waits. */
export async function lwConditional(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  if (!(await generation(me).tryAcquire(me, lock, mode))) return false;
  me.held.push(lock);
  return true;
}

/**
 * LWLockAcquireOrWait: take the lock if it is free, else wait until it is and return without it.
 * [PG-47]
 */
export async function lwAcquireOrWait(me: Pgproc, lock: number): Promise<boolean> {
  const got = await generation(me).acquireOrWait(me, lock, EXCLUSIVE);
  if (got) me.held.push(lock);
  return got;
}

export async function lwRelease(me: Pgproc, lock: number): Promise<void> {
  me.held.splice(me.held.lastIndexOf(lock), 1);
  await generation(me).release(me, lock);
}

/** LWLockReleaseAll, in the exit path. */
export async function lwReleaseAll(me: Pgproc): Promise<void> {
  for (;;) {
    const lock = me.held.at(-1);
    if (lock === undefined) return;
    await lwRelease(me, lock);
  }
}

/** Take a lock, do something that may wait, release it. */
export async function withLock(
  me: Pgproc,
  lock: number,
  mode: LwMode,
  section: () => Promise<void>,
): Promise<void> {
  await lwAcquire(me, lock, mode);
  await section();
  await lwRelease(me, lock);
}
