/**
 * The table of heavyweight locks: who holds what, who waits behind whom. [PG-56]
 *
 * One object for all processes of a server; a lock's partition, a lightweight lock, protects it.
 */

/** Lock modes by their numbers in lock.h, those that occur here. */
export const ACCESS_SHARE = 1;
export const ROW_EXCLUSIVE = 3;
export const SHARE = 5;
export const EXCLUSIVE_LOCK = 7;
export const ACCESS_EXCLUSIVE = 8;
export type HeavyMode = 1 | 3 | 5 | 7 | 8;

export const MODE_NAMES: Readonly<Record<HeavyMode, string>> = {
  1: "AccessShareLock",
  3: "RowExclusiveLock",
  5: "ShareLock",
  7: "ExclusiveLock",
  8: "AccessExclusiveLock",
};

export const modeBit = (mode: HeavyMode): number => 1 << mode;
const bits = (...modes: HeavyMode[]): number => modes.reduce((mask, m) => mask | modeBit(m), 0);
/** Modes that each mode conflicts with. */
export const CONFLICTS: Readonly<Record<HeavyMode, number>> = {
  1: bits(8),
  3: bits(5, 7, 8),
  5: bits(3, 7, 8),
  7: bits(3, 5, 7, 8),
  8: bits(1, 3, 5, 7, 8),
};

export interface Waiter {
  readonly slot: number;
  readonly mode: HeavyMode;
}

export interface HeavyLock {
  readonly tag: string;
  /** Modes held, as a mask, by slot. */
  readonly holders: Map<number, number>;
  readonly queue: Waiter[];
}

/** Slot `by` blocks slot `slot`; soft if it only stands ahead of it in the queue. */
export interface Edge {
  readonly slot: number;
  readonly mode: HeavyMode;
  readonly by: number;
  readonly soft: boolean;
  readonly lock: HeavyLock;
}

export class LockTable {
  readonly #locks = new Map<string, HeavyLock>();
  readonly #waiting = new Map<number, HeavyLock>();

  get size(): number {
    return this.#locks.size;
  }

  /** The lock of this tag, made if nobody holds or wants it yet. */
  open(tag: string): HeavyLock {
    let lock = this.#locks.get(tag);
    if (lock === undefined) {
      lock = { tag, holders: new Map(), queue: [] };
      this.#locks.set(tag, lock);
    }
    return lock;
  }

  /** Forget a lock that nobody holds or wants. */
  close(lock: HeavyLock): void {
    if (lock.holders.size === 0 && lock.queue.length === 0) this.#locks.delete(lock.tag);
  }

  /** Would `slot` have to wait for a holder? */
  blocked(lock: HeavyLock, slot: number, mode: HeavyMode): boolean {
    for (const [holder, mask] of lock.holders) {
      if (holder !== slot && (mask & CONFLICTS[mode]) !== 0) return true;
    }
    return false;
  }

  /** Who keeps `slot` from it: a holder, else the first in the queue; -1 if nobody does. */
  blocker(lock: HeavyLock, slot: number, mode: HeavyMode): number {
    for (const [holder, mask] of lock.holders) {
      if (holder !== slot && (mask & CONFLICTS[mode]) !== 0) return holder;
    }
    return lock.queue.find((waiter) => waiter.slot !== slot)?.slot ?? -1;
  }

  grant(lock: HeavyLock, slot: number, mode: HeavyMode): void {
    lock.holders.set(slot, (lock.holders.get(slot) ?? 0) | modeBit(mode));
  }

  /** At the end, or before the first waiter that conflicts with what `slot` holds. [PG-56] */
  enqueue(lock: HeavyLock, slot: number, mode: HeavyMode): void {
    const held = lock.holders.get(slot) ?? 0;
    const ix = lock.queue.findIndex((waiter) => (CONFLICTS[waiter.mode] & held) !== 0);
    lock.queue.splice(ix === -1 ? lock.queue.length : ix, 0, { slot, mode });
    this.#waiting.set(slot, lock);
  }

  dequeue(lock: HeavyLock, slot: number): void {
    const ix = lock.queue.findIndex((waiter) => waiter.slot === slot);
    if (ix !== -1) lock.queue.splice(ix, 1);
    this.#waiting.delete(slot);
  }

  /** The lock in whose queue `slot` is; null if it is in none. */
  waitedFor(slot: number): HeavyLock | null {
    return this.#waiting.get(slot) ?? null;
  }

  /** ProcLockWakeup: grant what can be granted, in order. @returns the slots to wake */
  wakeable(lock: HeavyLock): number[] {
    const woken: number[] = [];
    let ahead = 0;
    for (const { slot, mode } of [...lock.queue]) {
      if ((CONFLICTS[mode] & ahead) !== 0 || this.blocked(lock, slot, mode)) ahead |= modeBit(mode);
      else {
        this.dequeue(lock, slot);
        this.grant(lock, slot, mode);
        woken.push(slot);
      }
    }
    return woken;
  }

  /** A cycle of waits through `slot`, as edges; null if there is none. [PG-57] */
  cycle(slot: number): Edge[] | null {
    return this.#search(slot, slot, [], new Set());
  }

  #search(start: number, slot: number, path: Edge[], seen: Set<number>): Edge[] | null {
    if (seen.has(slot)) return null;
    seen.add(slot);
    for (const edge of this.#edges(slot)) {
      if (edge.by === start) return [...path, edge];
      const found = this.#search(start, edge.by, [...path, edge], seen);
      if (found !== null) return found;
    }
    return null;
  }

  *#edges(slot: number): Generator<Edge> {
    const lock = this.#waiting.get(slot);
    const at = lock?.queue.findIndex((waiter) => waiter.slot === slot) ?? -1;
    if (lock === undefined || at === -1) return;
    const { mode } = lock.queue[at];
    for (const [by, mask] of lock.holders) {
      if (by !== slot && (mask & CONFLICTS[mode]) !== 0)
        yield { slot, mode, by, soft: false, lock };
    }
    for (const ahead of lock.queue.slice(0, at)) {
      const conflicts = (modeBit(ahead.mode) & CONFLICTS[mode]) !== 0;
      if (conflicts) yield { slot, mode, by: ahead.slot, soft: true, lock };
    }
  }

  /** Let the waiter of a soft edge overtake the one that it waits behind. */
  overtake({ lock, slot, by }: Edge): void {
    const from = lock.queue.findIndex((waiter) => waiter.slot === slot);
    const [waiter] = lock.queue.splice(from, 1);
    lock.queue.splice(
      lock.queue.findIndex((other) => other.slot === by),
      0,
      waiter,
    );
  }
}
