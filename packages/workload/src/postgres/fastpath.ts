/** Relation locks that conflict with nobody: by the own fast-path lock, where there is one. */
import { lockAcquire } from "./heavy.ts";
import type { HeavyMode } from "./locktable.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";

const FAST_PATH_MICROS = 0.2;
/** Relations locked by the fast path, by process. */
const locked = new WeakMap<Pgproc, Set<string>>();

/** Lock a relation until the end of the transaction. Before 9.2 through the lock table. */
export async function lockRelation(me: Pgproc, relation: string, mode: HeavyMode): Promise<void> {
  const tag = `relation ${relation}`;
  if (!me.profile.fastPath) {
    if (!me.heavy.has(tag)) await lockAcquire(me, tag, mode);
    return;
  }
  const relations = locked.get(me) ?? new Set();
  locked.set(me, relations);
  if (relations.has(relation)) return;
  relations.add(relation);
  await ownLock(me);
}

/** Part of LockReleaseAll. */
export async function fastPathRelease(me: Pgproc): Promise<void> {
  const relations = locked.get(me);
  if (relations === undefined || relations.size === 0) return;
  await ownLock(me);
  relations.clear();
}

async function ownLock(me: Pgproc): Promise<void> {
  const lock = me.layout.one("LockFastPath", me.slot);
  await lwAcquire(me, lock, EXCLUSIVE);
  await me.cpu(FAST_PATH_MICROS);
  await lwRelease(me, lock);
}
