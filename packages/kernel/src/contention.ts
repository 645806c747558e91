/** A snapshot of what is known of locks, for whoever asks from outside. */
import {
  type Blame,
  type Contention,
  type Counts,
  type LockStats,
  type LockUse,
  type Mechanism,
  NOBODY,
  STATS,
  type WaitEvent,
} from "@jailyard/abi/contention";
import { FACILITIES } from "@jailyard/abi/types";
import { mtxTaken } from "@jailyard/memory/mutex";
import { MSQ_MTX, SEM_UNDO_MTX } from "./commons.ts";
import { eventName } from "./eventwait.ts";
import { objectsOf, tableOf } from "./facility.ts";
import type { Kernel } from "./kernel.ts";
import type { LockCounters } from "./lockbook.ts";
import { KIND_NAMES, plainName } from "./lockname.ts";
import {
  bucketValue,
  K_EVENT,
  K_GATE,
  K_MSGPAGE,
  K_MUTEX,
  K_RECEIVE,
  K_SEM,
  K_SEMPAGE,
  K_SEND,
  OTHERS,
} from "./profile.ts";
import { waiting } from "./waitfor.ts";

/** Of the global mutexes each belongs to another. */
const MECHANISMS: Readonly<Record<number, Mechanism>> = {
  [K_SEM]: "sem",
  [K_SEMPAGE]: "sem",
  [K_MSGPAGE]: "msg",
  [K_SEND]: "msg",
  [K_RECEIVE]: "msg",
  [K_GATE]: "gate",
};

type Key = Pick<LockCounters, "kind" | "ix" | "stamp" | "num">;
const keyOf = ({ kind, ix, stamp, num }: Key): string => `${kind} ${ix} ${stamp} ${num}`;

/** How much of it. */
export interface Depth {
  readonly histograms: boolean;
  /** Locks that nobody has waited for: those that were taken most. */
  readonly idle: number;
}

const ALL: Depth = { histograms: true, idle: Number.POSITIVE_INFINITY };

/** `gateCalls`: calls that went to the kernel's thread. */
export function contention(k: Kernel, gateCalls: number): Contention {
  const { profile, book } = k;
  const { locks, events } = lockStats(k, gateCalls, ALL);
  return {
    stats: STATS[profile.mode],
    atNanos: profile.nanos(),
    jails: jailNames(k),
    locks,
    events,
    waiting: waiting(k),
    deadlocks: [...book.deadlocks],
  };
}

/** Names by jid, also of jails that are gone. */
export function jailNames({ book, prisons }: Kernel): Contention["jails"] {
  for (const prison of prisons) book.jails.set(prison.pr_id, prison.pr_name);
  return Object.fromEntries(book.jails);
}

/** Locks that somebody waited for, and semaphores that were taken; `count` of them there are. */
export function lockStats(
  k: Kernel,
  gateCalls: number,
  { histograms, idle }: Depth,
): { locks: LockStats[]; count: number; events: WaitEvent[] } {
  const { uses, events } = usesByLock(k, histograms);
  const locks: LockStats[] = [];
  const unwaited: LockCounters[] = [];
  for (const counters of allCounters(k, gateCalls)) {
    const key = keyOf(counters);
    const found = uses.get(key);
    uses.delete(key);
    if (found !== undefined) locks.push(lockOf(counters, found.uses, found.longest));
    else if (counters.taken > 0) unwaited.push(counters);
  }
  for (const { counters, uses: own, longest } of uses.values()) {
    locks.push(lockOf(counters, own, longest));
  }
  const count = locks.length + unwaited.length;
  if (unwaited.length > idle) unwaited.sort((a, b) => b.taken - a.taken);
  for (const counters of unwaited.slice(0, idle)) locks.push(lockOf(counters, [], 0));
  return { locks, count, events: eventsOf(k, events) };
}

function lockOf(counters: LockCounters, uses: readonly LockUse[], longest: number): LockStats {
  const { kind, id, num, owner, label, taken, changes } = counters;
  const mutexOf = counters.ix === MSQ_MTX ? "msg" : "sem";
  return {
    kind: KIND_NAMES[kind],
    mechanism: kind === K_MUTEX ? mutexOf : MECHANISMS[kind],
    name: plainName(kind, id, kind === K_MUTEX ? counters.ix : num),
    label,
    id,
    num,
    owner,
    taken,
    ownerChanges: changes,
    longestQueue: longest,
    uses,
  };
}

/** Counters of every lock that there is, or was waited for and is gone; then sums of the rest. */
function* allCounters(k: Kernel, gateCalls: number): Generator<LockCounters> {
  const shared = { stamp: 0, num: 0, id: NOBODY, owner: NOBODY, label: null, changes: 0 };
  yield { ...shared, kind: K_GATE, ix: 0, taken: gateCalls };
  for (const ix of [SEM_UNDO_MTX, MSQ_MTX]) {
    const taken = k.globalLocks ? mtxTaken(k.commons.locks, ix) : 0;
    yield { ...shared, kind: K_MUTEX, ix, taken };
  }
  for (const f of FACILITIES) {
    if (!k.modules[f].loaded || f === "shm") continue;
    const table = tableOf(k, f);
    for (const object of objectsOf(k, f)) yield* k.book.countersOf(f, object, table.idOf(object));
  }
  yield* k.book.gone;
  for (const { kind, owner, taken, changes } of k.book.sums.values()) {
    yield { ...shared, kind, ix: OTHERS - 1, num: owner, id: OTHERS, owner, taken, changes };
  }
}

interface Found {
  readonly counters: LockCounters;
  readonly uses: LockUse[];
  longest: number;
}

/** The same name may have two rows. */
function eventsOf(k: Kernel, found: Iterable<Found>): WaitEvent[] {
  const groups = Map.groupBy(found, ({ counters }) => eventName(k.profile, counters.ix));
  return [...groups].map(([event, rows]) => ({
    event,
    longestQueue: rows.reduce((most, { longest }) => Math.max(most, longest), 0),
    uses: rows.flatMap(({ uses }) => uses),
  }));
}

/** What the tables have, by lock, and by named wait. */
function usesByLock(
  k: Kernel,
  histograms: boolean,
): { uses: Map<string, Found>; events: Iterable<Found> } {
  const { points, shape } = k.profile.tables;
  const blames = blamesByPoint(k);
  const locks = new Map<string, Found>();
  const events = new Map<string, Found>();
  for (let row = 0; row < shape.points; row++) {
    if (points.kind[row] === 0) continue;
    const [kind, ix, stamp] = [points.kind[row], points.ix[row], points.stamp[row]];
    const [num, id] = [points.num[row], points.id[row]];
    const unknown = { owner: NOBODY, label: null, taken: 0, changes: 0 };
    const counters = { kind, ix, stamp, num, id, ...unknown };
    const key = keyOf(counters);
    const found = kind === K_EVENT ? events : locks;
    const lock = found.get(key) ?? { counters, uses: [], longest: 0 };
    found.set(key, lock);
    lock.uses.push(useOf(k, row, blames.get(row) ?? [], histograms));
    lock.longest = Math.max(lock.longest, points.longest[row]);
  }
  return { uses: locks, events: events.values() };
}

function useOf(k: Kernel, row: number, blame: readonly Blame[], histograms: boolean): LockUse {
  const { points } = k.profile.tables;
  const jid = points.jid[row];
  const waitNanos = Number(Atomics.load(points.waitNanos, row));
  return {
    jid,
    contended: points.contended[row],
    over: points.over[row],
    waitNanos,
    waitMaxNanos: Number(points.waitMax[row]),
    wait: histograms ? countsOf(k, points.waitHist[row]) : [],
    holds: points.holds[row],
    holdNanos: Number(points.holdNanos[row]),
    holdMaxNanos: Number(points.holdMax[row]),
    hold: histograms ? countsOf(k, points.holdHist[row]) : [],
    blame: whole(blame, waitNanos),
  };
}

/** The rest of the wait is nobody's: of what found no room in the table. */
function whole(blame: readonly Blame[], waitNanos: number): Blame[] {
  const rest = waitNanos - blame.reduce((sum, { nanos }) => sum + nanos, 0);
  if (rest <= 0) return [...blame];
  const nobody = blame.find(({ jid }) => jid === NOBODY) ?? { jid: NOBODY, count: 0, nanos: 0 };
  const others = blame.filter((one) => one !== nobody);
  return [...others, { ...nobody, nanos: nobody.nanos + rest }];
}

const countsOf = (k: Kernel, row: number): Counts =>
  [...k.profile.counts(row)].map(([bucket, count]) => [bucketValue(bucket), count] as const);

function blamesByPoint(k: Kernel): Map<number, Blame[]> {
  const { edges, shape } = k.profile.tables;
  const blames = new Map<number, Blame[]>();
  for (let row = 0; row < shape.edges; row++) {
    if (edges.state[row] === 0) continue; // most are: to load their sums would take most of the time
    const nanos = Number(Atomics.load(edges.nanos, row));
    const count = edges.count[row];
    if (nanos === 0 && count === 0) continue;
    const own = blames.get(edges.point[row]) ?? [];
    blames.set(edges.point[row], own);
    own.push({ jid: edges.jid[row], count, nanos });
  }
  return blames;
}
