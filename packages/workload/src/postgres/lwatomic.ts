/**
 * Lightweight locks of 9.5 and later: one atomic state word and a wait list. [PG-41] to [PG-48]
 *
 *  1. A holder is counted in the state word by a compare-and-swap, and by nothing else.
 *  2. A process sleeps only after it put itself into the list and tried once more: whoever
 *     released in between either saw it there, or left the lock free for that second try.
 *  3. RELEASE_OK is off while somebody who was woken has not yet run, so that one release does not
 *     wake the next before.
 */
import { L_OWNER, L_STATE, L_VAR, S_LW_MODE, S_LW_WAITING } from "./layout.ts";
import { listHead, listNext, listPush, listRemove, modeOf } from "./lwlist.ts";
import {
  EXCLUSIVE,
  type LwMode,
  NOT_WAITING,
  PENDING_WAKEUP,
  UNTIL_FREE,
  WAITING,
} from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { giveBack, semaLock, semaUnlock } from "./semawait.ts";
import { spinDelay } from "./spinlock.ts";

const word = (me: Pgproc, lock: number): number => me.layout.lwlock(lock);

/** LWLockAttemptLock: one try, which never waits. @returns whether the lock was taken [PG-42] */
function attemptLock(me: Pgproc, lw: number, mode: LwMode): boolean {
  const { EXCLUSIVE: held } = me.profile.bits;
  const holders = held | (held - 1);
  const mask = mode === EXCLUSIVE ? holders : held;
  for (;;) {
    const old = Atomics.load(me.words, lw + L_STATE);
    if ((old & mask) !== 0) return false;
    const desired = old + (mode === EXCLUSIVE ? held : 1);
    if (Atomics.compareExchange(me.words, lw + L_STATE, old, desired) !== old) continue;
    me.words[lw + L_OWNER] = me.p.pid;
    return true;
  }
}

export const tryAcquire = async (me: Pgproc, lock: number, mode: LwMode): Promise<boolean> =>
  attemptLock(me, word(me, lock), mode);

/** @returns whether it was had without a wait [PG-43] */
export async function acquire(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const lw = word(me, lock);
  if (attemptLock(me, lw, mode)) return true;
  let extraWaits = 0;
  for (;;) {
    await queueSelf(me, lw, mode);
    if (attemptLock(me, lw, mode)) {
      extraWaits += await dequeueSelf(me, lock);
      break;
    }
    extraWaits += await sleepUntilWoken(me, lock);
    Atomics.or(me.words, lw + L_STATE, me.profile.bits.RELEASE_OK);
    if (attemptLock(me, lw, mode)) break;
  }
  await giveBack(me, extraWaits);
  return false;
}

/** @returns whether the lock was taken; false after a wait for its holder [PG-47] */
export async function acquireOrWait(me: Pgproc, lock: number, mode: LwMode): Promise<boolean> {
  const lw = word(me, lock);
  if (attemptLock(me, lw, mode)) return true;
  await queueSelf(me, lw, UNTIL_FREE);
  if (attemptLock(me, lw, mode)) {
    await giveBack(me, await dequeueSelf(me, lock));
    return true;
  }
  await giveBack(me, await sleepUntilWoken(me, lock));
  return false;
}

/** Sleep; wakeups that came for another reason are counted. */
async function sleepUntilWoken(me: Pgproc, lock: number): Promise<number> {
  for (let extraWaits = 0; ; extraWaits++) {
    await semaLock(me, me.layout.eventOf(lock), me.words[word(me, lock) + L_OWNER]);
    if (Atomics.load(me.words, me.row + S_LW_WAITING) === NOT_WAITING) return extraWaits;
  }
}

/** LWLockWaitListLock. */
async function lockList(me: Pgproc, lw: number): Promise<void> {
  const { LOCKED } = me.profile.bits;
  const busy = (): boolean => (Atomics.or(me.words, lw + L_STATE, LOCKED) & LOCKED) !== 0;
  if (busy()) await spinDelay(me, busy);
}

function unlockList(me: Pgproc, lw: number): void {
  Atomics.and(me.words, lw + L_STATE, ~me.profile.bits.LOCKED);
}

/** At the tail, or at the head to wait until the lock is free. */
async function queueSelf(me: Pgproc, lw: number, mode: number): Promise<void> {
  const { words, row } = me;
  if (words[row + S_LW_WAITING] !== NOT_WAITING) {
    throw me.error("PANIC", "queueing for lock while waiting on another one"); // [PG-27]
  }
  await lockList(me, lw);
  Atomics.or(words, lw + L_STATE, me.profile.bits.HAS_WAITERS);
  words[row + S_LW_WAITING] = WAITING;
  words[row + S_LW_MODE] = mode;
  listPush(me, lw, mode === UNTIL_FREE);
  unlockList(me, lw);
}

/** The lock was had after all. @returns extra wakeups absorbed [PG-46] */
async function dequeueSelf(me: Pgproc, lock: number): Promise<number> {
  const { words, row } = me;
  const lw = word(me, lock);
  const { HAS_WAITERS, RELEASE_OK } = me.profile.bits;
  await lockList(me, lw);
  const onList = words[row + S_LW_WAITING] === WAITING;
  if (onList) listRemove(me, lw, me.slot);
  if (listHead(me, lw) < 0) Atomics.and(words, lw + L_STATE, ~HAS_WAITERS);
  unlockList(me, lw);
  if (onList) {
    words[row + S_LW_WAITING] = NOT_WAITING;
    return 0;
  }
  Atomics.or(words, lw + L_STATE, RELEASE_OK);
  return sleepUntilWoken(me, lock);
}

/** [PG-44] */
export async function release(me: Pgproc, lock: number): Promise<void> {
  const lw = word(me, lock);
  const { EXCLUSIVE: held, HAS_WAITERS, RELEASE_OK } = me.profile.bits;
  const holders = held | (held - 1);
  const by = (Atomics.load(me.words, lw + L_STATE) & held) !== 0 ? held : 1;
  const state = Atomics.sub(me.words, lw + L_STATE, by) - by;
  const wanted = (state & HAS_WAITERS) !== 0 && (state & RELEASE_OK) !== 0;
  if (wanted && (state & holders) === 0) await wakeup(me, lw);
}

/** Wake sharers, or one that wants the lock for itself. [PG-45] */
async function wakeup(me: Pgproc, lw: number): Promise<void> {
  const { HAS_WAITERS, RELEASE_OK } = me.profile.bits;
  const woken: number[] = [];
  let releaseOk = true;
  let wokeSomebody = false;
  await lockList(me, lw);
  for (let slot = listHead(me, lw); slot >= 0; ) {
    const next = listNext(me, slot);
    const mode = modeOf(me, slot);
    if (!(wokeSomebody && mode === EXCLUSIVE)) {
      takeOut(me, lw, slot, woken);
      if (mode !== UNTIL_FREE) {
        releaseOk = false;
        wokeSomebody = true;
      }
      if (mode === EXCLUSIVE) break;
    }
    slot = next;
  }
  if (releaseOk) Atomics.or(me.words, lw + L_STATE, RELEASE_OK);
  else Atomics.and(me.words, lw + L_STATE, ~RELEASE_OK);
  if (listHead(me, lw) < 0) Atomics.and(me.words, lw + L_STATE, ~HAS_WAITERS);
  unlockList(me, lw);
  await wakeAll(me, woken);
}

function takeOut(me: Pgproc, lw: number, slot: number, woken: number[]): void {
  listRemove(me, lw, slot);
  woken.push(slot);
  me.words[me.layout.slot(slot) + S_LW_WAITING] = PENDING_WAKEUP;
}

async function wakeAll(me: Pgproc, woken: readonly number[]): Promise<void> {
  for (const slot of woken) {
    Atomics.store(me.words, me.layout.slot(slot) + S_LW_WAITING, NOT_WAITING);
    await semaUnlock(me, slot);
  }
}

/**
 * LWLockWaitForVar: wait while the lock is held and its variable is still `seen`.
 * @returns 0 if the lock is free, else the new value [PG-48]
 */
export async function waitForVar(me: Pgproc, lock: number, seen: number): Promise<number> {
  const lw = word(me, lock);
  const { words } = me;
  const { EXCLUSIVE: held, RELEASE_OK } = me.profile.bits;
  const changed = (): boolean =>
    (Atomics.load(words, lw + L_STATE) & held) === 0 || Atomics.load(words, lw + L_VAR) !== seen;
  let extraWaits = 0;
  while (!changed()) {
    await queueSelf(me, lw, UNTIL_FREE);
    Atomics.or(words, lw + L_STATE, RELEASE_OK);
    if (changed()) {
      extraWaits += await dequeueSelf(me, lock);
      break;
    }
    extraWaits += await sleepUntilWoken(me, lock);
  }
  await giveBack(me, extraWaits);
  const free = (Atomics.load(words, lw + L_STATE) & held) === 0;
  return free ? 0 : Atomics.load(words, lw + L_VAR);
}

/** LWLockUpdateVar: publish a value and wake those at the head who wait for a change. [PG-48] */
export async function updateVar(me: Pgproc, lock: number, value: number): Promise<void> {
  const lw = word(me, lock);
  const woken: number[] = [];
  await lockList(me, lw);
  Atomics.store(me.words, lw + L_VAR, value);
  for (let slot = listHead(me, lw); slot >= 0 && modeOf(me, slot) === UNTIL_FREE; ) {
    const next = listNext(me, slot);
    takeOut(me, lw, slot, woken);
    slot = next;
  }
  unlockList(me, lw);
  await wakeAll(me, woken);
}

/** The first half of LWLockReleaseClearVar: the variable is 0 before the lock is free. */
export function clearVar(me: Pgproc, lock: number): void {
  Atomics.store(me.words, word(me, lock) + L_VAR, 0);
}

/** Is the lock held by anybody? For tests and assertions. */
export function isHeld(me: Pgproc, lock: number): boolean {
  const held = me.profile.bits.EXCLUSIVE;
  return (Atomics.load(me.words, word(me, lock) + L_STATE) & (held | (held - 1))) !== 0;
}
