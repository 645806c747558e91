/**
 * Group work after procarray.c and clog.c: who finds a lock taken puts itself on a list; the first
 * of the list takes the lock once, does the work of all, and wakes them. [PG-49]
 */
import { L_OWNER } from "./layout.ts";
import { lwAcquire, lwConditional, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { giveBack, semaLock, semaUnlock } from "./semawait.ts";

export interface Group {
  readonly lock: number;
  /** Global word: first of the list. Words of a slot: the next one, and whether it is in it. */
  readonly first: number;
  readonly next: number;
  readonly member: number;
  readonly event: string;
  /** The work for one slot, under the lock. */
  work(slot: number): Promise<void>;
}

/** Do the work for this process: alone if the lock is free, else in a group. */
export async function groupWork(me: Pgproc, group: Group): Promise<void> {
  if (await lwConditional(me, group.lock, EXCLUSIVE)) {
    await group.work(me.slot);
    await lwRelease(me, group.lock);
  } else if (push(me, group)) await lead(me, group);
  else await follow(me, group);
}

/** @returns whether this process is the first, and so the leader */
function push(me: Pgproc, group: Group): boolean {
  const { words, row } = me;
  const first = me.layout.global(group.first);
  Atomics.store(words, row + group.member, 1);
  for (;;) {
    const next = Atomics.load(words, first);
    Atomics.store(words, row + group.next, next);
    if (Atomics.compareExchange(words, first, next, me.slot + 1) === next) return next === 0;
  }
}

async function follow(me: Pgproc, group: Group): Promise<void> {
  let extraWaits = 0;
  for (;;) {
    await semaLock(me, group.event, leaderOf(me, group));
    if (Atomics.load(me.words, me.row + group.member) === 0) break;
    extraWaits++;
  }
  await giveBack(me, extraWaits);
}

/** Whoever has the lock that the leader needs, or the leader. */
const leaderOf = (me: Pgproc, { lock }: Group): number =>
  me.words[me.layout.lwlock(lock) + L_OWNER];

async function lead(me: Pgproc, group: Group): Promise<void> {
  const { words, layout } = me;
  await lwAcquire(me, group.lock, EXCLUSIVE);
  const slots: number[] = [];
  for (let entry = Atomics.exchange(words, layout.global(group.first), 0); entry !== 0; ) {
    slots.push(entry - 1);
    await group.work(entry - 1);
    entry = words[layout.slot(entry - 1) + group.next];
  }
  await lwRelease(me, group.lock);
  for (const slot of slots) {
    Atomics.store(words, layout.slot(slot) + group.next, 0);
    Atomics.store(words, layout.slot(slot) + group.member, 0);
    if (slot !== me.slot) await semaUnlock(me, slot);
  }
}
