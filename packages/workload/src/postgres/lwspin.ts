/**
 * Lightweight locks up to 9.4: a spinlock protects all fields and the list. [PG-41]
 *
 * RELEASE_OK is off from the wakeup of a process that will try again until it has tried.
 */
import {
  L_EXCLUSIVE,
  L_MUTEX,
  L_OWNER,
  L_RELEASE_OK,
  L_SHARED,
  S_LW_MODE,
  S_LW_WAITING,
} from "./layout.ts";
import { listHead, listNext, listPush, listRemove, modeOf } from "./lwlist.ts";
import { EXCLUSIVE, type LwMode, NOT_WAITING, UNTIL_FREE, WAITING } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { giveBack, semaLock, semaUnlock } from "./semawait.ts";
import { spinAcquire, spinRelease } from "./spinlock.ts";

const word = (me: Pgproc, lock: number): number => me.layout.lwlock(lock);

/** The caller holds the spinlock. */
function takeLocked(me: Pgproc, lw: number, mode: LwMode): boolean {
  const { words } = me;
  if (words[lw + L_EXCLUSIVE] !== 0) return false;
  if (mode === EXCLUSIVE && words[lw + L_SHARED] !== 0) return false;
  words[lw + (mode === EXCLUSIVE ? L_EXCLUSIVE : L_SHARED)]++;
  words[lw + L_OWNER] = me.p.pid;
  return true;
}

export async function tryAcquire(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const lw = word(me, lock);
  await spinAcquire(me, lw + L_MUTEX);
  const got = takeLocked(me, lw, mode);
  spinRelease(me, lw + L_MUTEX);
  return got;
}

/** @returns whether it was had without a wait [PG-43] */
export async function acquire(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const lw = word(me, lock);
  let extraWaits = 0;
  for (let tries = 0; ; tries++) {
    await spinAcquire(me, lw + L_MUTEX);
    if (tries > 0) me.words[lw + L_RELEASE_OK] = 1;
    if (takeLocked(me, lw, mode)) {
      spinRelease(me, lw + L_MUTEX);
      await giveBack(me, extraWaits);
      return tries === 0;
    }
    extraWaits += await queueAndSleep(me, lock, mode);
  }
}

/** @returns whether the lock was taken; false after a wait for its holder [PG-47] */
export async function acquireOrWait(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const lw = word(me, lock);
  await spinAcquire(me, lw + L_MUTEX);
  if (takeLocked(me, lw, mode)) {
    spinRelease(me, lw + L_MUTEX);
    return true;
  }
  await giveBack(me, await queueAndSleep(me, lock, UNTIL_FREE));
  return false;
}

/** The caller holds the spinlock; it is released. @returns extra wakeups absorbed */
async function queueAndSleep(me: Pgproc, lock: number, mode: number): Promise<number> {
  const { words, row } = me;
  const lw = word(me, lock);
  if (words[row + S_LW_WAITING] !== NOT_WAITING) {
    // the real one has no such check, and would link the slot into two lists
    spinRelease(me, lw + L_MUTEX);
    throw me.error("PANIC", "queueing for lock while waiting on another one");
  }
  words[row + S_LW_WAITING] = WAITING;
  words[row + S_LW_MODE] = mode;
  listPush(me, lw, mode === UNTIL_FREE);
  spinRelease(me, lw + L_MUTEX);
  for (let extraWaits = 0; ; extraWaits++) {
    await semaLock(me, me.layout.eventOf(lock), words[lw + L_OWNER]);
    if (Atomics.load(words, row + S_LW_WAITING) === NOT_WAITING) return extraWaits;
  }
}

/** [PG-44] [PG-45] */
export async function release(me: Pgproc, lock: number): Promise<void> {
  const { words } = me;
  const lw = word(me, lock);
  await spinAcquire(me, lw + L_MUTEX);
  words[lw + (words[lw + L_EXCLUSIVE] > 0 ? L_EXCLUSIVE : L_SHARED)]--;
  const free = words[lw + L_EXCLUSIVE] === 0 && words[lw + L_SHARED] === 0;
  const woken = free && words[lw + L_RELEASE_OK] !== 0 ? takeOutFirst(me, lw) : [];
  spinRelease(me, lw + L_MUTEX);
  for (const slot of woken) {
    Atomics.store(words, me.layout.slot(slot) + S_LW_WAITING, NOT_WAITING);
    await semaUnlock(me, slot);
  }
}

/** Those who wait until the lock is free, then one that wants it alone, or sharers in a row. */
function takeOutFirst(me: Pgproc, lw: number): number[] {
  const woken: number[] = [];
  let slot = listHead(me, lw);
  const take = (): void => {
    const next = listNext(me, slot);
    listRemove(me, lw, slot);
    woken.push(slot);
    slot = next;
  };
  while (slot >= 0 && modeOf(me, slot) === UNTIL_FREE) take();
  if (slot < 0) return woken;
  me.words[lw + L_RELEASE_OK] = 0;
  if (modeOf(me, slot) === EXCLUSIVE) take();
  else while (slot >= 0 && modeOf(me, slot) !== EXCLUSIVE) take();
  return woken;
}

export function isHeld(me: Pgproc, lock: number): boolean {
  const lw = word(me, lock);
  return me.words[lw + L_EXCLUSIVE] !== 0 || me.words[lw + L_SHARED] !== 0;
}
