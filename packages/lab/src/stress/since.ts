/**
 * Statistics of locks of a stretch of time: what is known at its end, less what was at its begin. The
 * start of many jails makes a crowd at the gate that says nothing of the load that is measured.
 *
 * Sums and histograms can be subtracted. A maximum cannot: where the histogram has more since, it is
 * its largest value, else 0. The longest queue stays that of all the time.
 */
import type {
  Blame,
  Contention,
  Counts,
  LockStats,
  LockUse,
  WaitEvent,
} from "@jailyard/abi/contention";

export function since(before: Contention | null, after: Contention): Contention {
  if (before === null) return after;
  const locks = byKey(before.locks, keyOf);
  const events = byKey(before.events, ({ event }) => event);
  return {
    ...after,
    locks: after.locks.map((lock) => lockSince(locks.get(keyOf(lock)), lock)).filter(isUsed),
    events: after.events
      .map((event) => withUses(events.get(event.event), event))
      .filter(({ uses }) => uses.length > 0),
  };
}

/** An id is used again once an object is gone, in an order of years. */
const keyOf = ({ kind, name, owner }: LockStats): string => `${kind} ${name} ${owner}`;

const byKey = <T>(all: readonly T[], key: (one: T) => string): Map<string, T> =>
  new Map(all.map((one) => [key(one), one]));

const isUsed = ({ taken, uses }: LockStats): boolean => taken > 0 || uses.length > 0;

function lockSince(before: LockStats | undefined, lock: LockStats): LockStats {
  if (before === undefined) return lock;
  return {
    ...withUses(before, lock),
    taken: Math.max(0, lock.taken - before.taken),
    ownerChanges: Math.max(0, lock.ownerChanges - before.ownerChanges),
  };
}

function withUses<T extends LockStats | WaitEvent>(before: T | undefined, after: T): T {
  const uses = byKey(before?.uses ?? [], ({ jid }) => `${jid}`);
  const left = after.uses.map((use) => useSince(uses.get(`${use.jid}`), use));
  return { ...after, uses: left.filter((use) => use.contended + use.holds > 0) };
}

function useSince(before: LockUse | undefined, use: LockUse): LockUse {
  if (before === undefined) return use;
  const [wait, hold] = [less(before.wait, use.wait), less(before.hold, use.hold)];
  return {
    jid: use.jid,
    contended: use.contended - before.over, // with those that lasted at the begin
    over: use.over - before.over,
    waitNanos: use.waitNanos - before.waitNanos,
    waitMaxNanos: mostOf(wait, before.waitMaxNanos, use.waitMaxNanos),
    wait,
    holds: use.holds - before.holds,
    holdNanos: use.holdNanos - before.holdNanos,
    holdMaxNanos: mostOf(hold, before.holdMaxNanos, use.holdMaxNanos),
    hold,
    blame: use.blame.map((one) => blameSince(before.blame, one)),
  };
}

function blameSince(before: readonly Blame[], { jid, count, nanos }: Blame): Blame {
  const old = before.find((one) => one.jid === jid);
  return { jid, count: count - (old?.count ?? 0), nanos: nanos - (old?.nanos ?? 0) };
}

function less(before: Counts, after: Counts): Counts {
  const old = new Map(before);
  return after
    .map(([nanos, count]) => [nanos, count - (old.get(nanos) ?? 0)] as const)
    .filter(([, count]) => count > 0);
}

/** A maximum that has grown is one of this stretch. */
const mostOf = (counts: Counts, before: number, after: number): number =>
  after > before ? after : (counts.at(-1)?.[0] ?? 0);
