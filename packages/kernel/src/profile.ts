/**
 * Statistics of locks, in memory that all threads of a yard share: which jail waited for which lock,
 * how long, and who made it wait.
 *
 *   points   one a lock and jail: waits, holds, where their histograms are
 *   edges    one a point and jail that made it wait: how often, how long
 *   waits    one a process: the wait that lasts now
 *   named    one a pid: the wait that its program has named, see eventwait.ts
 *   names    what programs call such waits
 *   hists    counts in the buckets of an HDR histogram, taken by points as they need them
 *
 * Points and edges are open-addressed tables that only grow. Whoever adds takes no lock: a sum is one
 * atomic addition, so a thread may end at any instruction and leave at most one wait half counted.
 * When a table is full, what comes is counted for "others" of its kind, so that sums stay true.
 */
import { LABEL_MAX, NOBODY } from "@jailyard/abi/contention";
import { bytesOf, type Carver, type Columns } from "@jailyard/memory/page";
import type { Trace } from "./trace.ts";

export const OFF = 0;
export const CONTENDED = 1;
export const FULL = 2;

// Kinds of locks as points have them.
export const K_SEM = 1;
export const K_SEMPAGE = 2;
export const K_MSGPAGE = 3;
export const K_SEND = 4;
export const K_RECEIVE = 5;
export const K_GATE = 6;
export const K_MUTEX = 7;
/** A wait that a program has named: no lock, and in no sum over locks. */
export const K_EVENT = 8;
const KINDS = 16; // a power of two

const POINTS = {
  state: "i32", // EMPTY → CLAIMED → READY
  kind: "i32",
  ix: "i32", // slot of the object, or number of the mutex
  stamp: "i32", // its creation counter
  num: "i32",
  jid: "i32",
  id: "i32", // what programs call the object
  contended: "i32",
  over: "i32",
  waiting: "i32", // K_EVENT alone: processes now
  longest: "i32",
  holds: "i32",
  waitHist: "i32", // 1 more than the row of its histogram; 0: none
  holdHist: "i32",
  waitNanos: "i64",
  waitMax: "i64",
  holdNanos: "i64",
  holdMax: "i64",
} as const;

const EDGES = {
  state: "i32",
  point: "i32",
  jid: "i32", // who made it wait
  count: "i32",
  nanos: "i64",
} as const;

const WAITS = {
  point: "i32", // 1 more than that of the wait that lasts; 0: it waits for nothing
  pid: "i32",
  blamed: "i32", // jid of who makes it wait now
  owner: "i32", // and the pid, 0 if that is not known
  told: "i32", // 1: the process has said so itself
  began: "f64",
  since: "f64", // up to here the wait is laid to somebody
  woken: "f64", // when it was woken; 0 while it sleeps
  waker: "i32", // pid of who did; 0: not known
  self: "i32", // pid of the process that has the row
} as const;

const NAMED = {
  point: "i32", // 1 more than that of the wait that lasts; 0: none
  owner: "i32", // pid of who is likely to end it; 0: unknown
  since: "f64",
} as const;

const NAMES = { state: "i32", length: "i32" } as const;
/** Different names; waits of others are not counted. */
export const NAMES_MAX = 512;

const HISTS = { counts: "i32" } as const;

const EMPTY = 0;
const CLAIMED = 1;
const READY = 2;
/** Looks at a row that another thread is claiming; one that died on it is passed over. */
const CLAIM_LOOKS = 10_000;

/** HDR with two significant digits, from 1 ns to an hour, as the lab has: 256 buckets, then 128 an octave. */
const SUB_BITS = 8;
const HALF = 1 << (SUB_BITS - 1);
export const HIST_BUCKETS = 36 * HALF;
const LONGEST = 3_600_000_000_000;

export interface ProfileShape {
  readonly points: number;
  readonly edges: number;
  readonly hists: number;
  /** Rows of `waits`, and pids and homes whose jail is known. */
  readonly maxproc: number;
  readonly pids: number;
  readonly homes: number;
}

const NONE: ProfileShape = { points: KINDS, edges: KINDS, hists: 1, maxproc: 0, pids: 0, homes: 0 };
const PID_COUNT = 100_000;

/** Powers of two for the tables. Memory that is not touched costs nothing. */
export function profileShape(mode: number, maxproc: number, homes: number): ProfileShape {
  if (mode === OFF) return NONE;
  return { points: 8192, edges: 16_384, hists: 1024, maxproc, pids: PID_COUNT, homes };
}

export interface ProfileTables {
  readonly shape: ProfileShape;
  readonly points: Columns<typeof POINTS>;
  readonly edges: Columns<typeof EDGES>;
  readonly waits: Columns<typeof WAITS>;
  readonly named: Columns<typeof NAMED>;
  readonly names: Columns<typeof NAMES>;
  /** LABEL_MAX UTF-16 units a name. */
  readonly text: Uint16Array;
  readonly hists: Columns<typeof HISTS>;
  /** hists taken │ jid that the kernel works for │ rows of points and of edges that others have */
  readonly words: Int32Array;
  readonly jidOf: Int32Array;
  readonly jidAt: Int32Array;
}

const W_HISTS = 0;
const W_SERVING = 1;
const W_POINTS = 2;
const W_EDGES = 3;
const WORDS = 32;

const TEXT = NAMES_MAX * LABEL_MAX;

export function profileBytes({ points, edges, hists, maxproc, pids, homes }: ProfileShape): number {
  const waits = bytesOf(WAITS, maxproc + 1) + bytesOf(NAMED, pids) + bytesOf(NAMES, NAMES_MAX);
  const tables = bytesOf(POINTS, points) + bytesOf(EDGES, edges) + waits + 2 * TEXT;
  return tables + (WORDS + pids + homes + hists * HIST_BUCKETS) * 4 + 1024;
}

export function profileTables(carver: Carver, shape: ProfileShape): ProfileTables {
  return {
    shape,
    words: carver.words(WORDS),
    jidOf: carver.words(shape.pids),
    jidAt: carver.words(shape.homes),
    points: carver.columns(POINTS, shape.points),
    edges: carver.columns(EDGES, shape.edges),
    waits: carver.columns(WAITS, shape.maxproc + 1),
    named: carver.columns(NAMED, shape.pids),
    names: carver.columns(NAMES, NAMES_MAX),
    text: carver.view("u16", TEXT),
    hists: carver.columns(HISTS, shape.hists * HIST_BUCKETS),
  };
}

/** Waits of one jail for one lock, all over, that are not in the tables yet. */
export interface Waits {
  /** What each took, in nanoseconds. */
  readonly each: readonly number[];
  /** The longest queue that one of them found. */
  readonly longest: number;
  /** How many found the lock with which jail, and how long each made them wait. */
  readonly by: Iterable<{ readonly jid: number; readonly count: number; readonly nanos: number }>;
}

/** Which lock a point is of. */
export interface LockKey {
  readonly kind: number;
  readonly ix: number;
  readonly stamp: number;
  readonly num: number;
  readonly id: number;
}

/** Row of the bucket that counts `nanos`, as HDR's own. */
export function bucketOf(nanos: number): number {
  const value = Math.min(LONGEST, Math.max(0, Math.floor(nanos)));
  if (value < 2 ** 31) {
    const shift = Math.max(0, 32 - Math.clz32(value) - SUB_BITS); // no logarithm: 18 ns instead of 55
    return ((shift + 1) << (SUB_BITS - 1)) + (value >> shift) - HALF;
  }
  const octave = Math.max(0, Math.floor(Math.log2(value || 1)) - SUB_BITS + 1);
  const sub = Math.floor(value / 2 ** octave);
  return ((octave + 1) << (SUB_BITS - 1)) + sub - HALF;
}

/** The least value that a bucket counts. */
export function bucketValue(bucket: number): number {
  const octave = (bucket >> (SUB_BITS - 1)) - 1;
  if (octave < 0) return bucket;
  return ((bucket & (HALF - 1)) + HALF) * 2 ** octave;
}

/** A thread's hand on the tables. */
export class Profile {
  readonly tables: ProfileTables;
  readonly mode: number;
  readonly on: boolean;
  readonly full: boolean;
  /** Monotonic nanoseconds since the yard began. */
  readonly nanos: () => number;
  /** Mode full: since when this thread holds a global mutex, by its row. */
  readonly heldSince = new Map<number, number>();
  /** Where this thread tells of waits; null: nobody wants to know. */
  readonly trace: Trace | null;

  constructor(
    tables: ProfileTables,
    mode: number,
    nanos: () => number,
    trace: Trace | null = null,
  ) {
    this.trace = trace;
    this.tables = tables;
    this.mode = mode;
    this.on = mode !== OFF;
    this.full = mode === FULL;
    this.nanos = nanos;
  }

  /** The jail of a process that lives or has lived; the kernel's thread writes it. */
  jidOf(pid: number): number {
    return this.tables.jidOf[pid] ?? NOBODY;
  }

  setJid(pid: number, jid: number): void {
    this.tables.jidOf[pid] = jid;
  }

  /** The process has this row from now on. */
  setRow(tid: number, pid: number): void {
    this.tables.waits.self[tid] = pid;
  }

  /** The jail whose thread waits at this home, and owns locks in its name. */
  setHome(home: number, jid: number): void {
    this.tables.jidAt[home] = jid + 1;
  }

  /** For whom the kernel's thread works now. */
  get serving(): number {
    return Atomics.load(this.tables.words, W_SERVING) - 1;
  }

  set serving(jid: number) {
    this.tables.words[W_SERVING] = jid + 1; // orders nothing: 8 ns less than an atomic store
  }

  /** The row of a lock and a jail; made if it is not there. */
  point(key: LockKey, jid: number): number {
    const { points, shape, words } = this.tables;
    const { kind, ix, stamp, num, id } = key;
    const first = hash(kind, ix, stamp, num, jid) & (shape.points - 1);
    for (let i = 0; i < shape.points; i++) {
      const row = (first + i) & (shape.points - 1);
      const state = claim(points.state, row, words, W_POINTS, shape.points >> 1);
      if (state === CLAIMED) {
        points.kind[row] = kind;
        points.ix[row] = ix;
        points.stamp[row] = stamp;
        points.num[row] = num;
        points.jid[row] = jid;
        points.id[row] = id;
        Atomics.store(points.state, row, READY);
        return row;
      }
      if (state === EMPTY) return this.#others(kind, jid); // the table is full
      const isIt =
        points.kind[row] === kind &&
        points.ix[row] === ix &&
        points.stamp[row] === stamp &&
        points.num[row] === num &&
        points.jid[row] === jid;
      if (isIt && state === READY) return row;
    }
    return this.#others(kind, jid);
  }

  /** Half of the table is kept for these, so they always find room; a jail too many is nobody. */
  #others(kind: number, jid: number): number {
    const { points, shape } = this.tables;
    const first = hash(kind, OTHERS, 0, 0, jid) & (shape.points - 1);
    for (let i = 0; i < shape.points; i++) {
      const row = (first + i) & (shape.points - 1);
      if (Atomics.load(points.state, row) === EMPTY) {
        if (Atomics.compareExchange(points.state, row, EMPTY, CLAIMED) !== EMPTY) continue;
        points.kind[row] = kind;
        points.ix[row] = OTHERS;
        points.jid[row] = jid;
        points.id[row] = OTHERS;
        Atomics.store(points.state, row, READY);
        return row;
      }
      if (points.ix[row] === OTHERS && points.kind[row] === kind && points.jid[row] === jid) {
        return row;
      }
    }
    return first;
  }

  #edge(point: number, jid: number): number {
    const { edges, shape, words } = this.tables;
    const first = hash(point, jid, 0, 0, 0) & (shape.edges - 1);
    for (let i = 0; i < shape.edges; i++) {
      const row = (first + i) & (shape.edges - 1);
      const state = claim(edges.state, row, words, W_EDGES, (shape.edges * 3) >> 2);
      if (state === CLAIMED) {
        edges.point[row] = point;
        edges.jid[row] = jid;
        Atomics.store(edges.state, row, READY);
        return row;
      }
      if (state === EMPTY) break; // so full that looking would take long
      if (state === READY && edges.point[row] === point && edges.jid[row] === jid) return row;
    }
    return -1; // what a snapshot does not find among the edges it lays to nobody
  }

  /** A wait of `point` begins that finds the lock in the hands of `jid`. */
  begins(point: number, jid: number, queue: number): void {
    const { points, edges } = this.tables;
    Atomics.add(points.contended, point, 1);
    if (queue > points.longest[point]) points.longest[point] = queue;
    const edge = this.#edge(point, jid);
    if (edge !== -1) Atomics.add(edges.count, edge, 1);
  }

  /** `jid` made the wait longer by `nanos`. */
  blame(point: number, jid: number, nanos: number): void {
    if (nanos <= 0) return;
    const { points, edges } = this.tables;
    const more = BigInt(Math.round(nanos));
    Atomics.add(points.waitNanos, point, more);
    const edge = this.#edge(point, jid);
    if (edge !== -1) Atomics.add(edges.nanos, edge, more);
  }

  /** A wait is over that took `nanos` in all. */
  waited(point: number, nanos: number): void {
    const { points } = this.tables;
    Atomics.add(points.over, point, 1);
    raise(points.waitMax, point, nanos);
    this.#count(points.waitHist, point, nanos);
  }

  /** What begins(), blame() and waited() do, of many waits at once; whom they are laid to comes last. */
  add(point: number, waits: Waits): void {
    const { points, edges } = this.tables;
    let sum = 0n;
    for (const { nanos } of waits.by) sum += BigInt(Math.round(nanos));
    Atomics.add(points.contended, point, waits.each.length);
    Atomics.add(points.over, point, waits.each.length);
    Atomics.add(points.waitNanos, point, sum);
    if (waits.longest > points.longest[point]) points.longest[point] = waits.longest;
    let max = 0;
    for (const nanos of waits.each) {
      max = Math.max(max, nanos);
      this.#count(points.waitHist, point, nanos);
    }
    raise(points.waitMax, point, max);
    for (const { jid, count, nanos } of waits.by) {
      const edge = this.#edge(point, jid);
      if (edge === -1) continue;
      Atomics.add(edges.count, edge, count);
      Atomics.add(edges.nanos, edge, BigInt(Math.round(nanos)));
    }
  }

  /** The lock was held for `nanos`, and is no more. */
  held(point: number, nanos: number): void {
    const { points } = this.tables;
    Atomics.add(points.holds, point, 1);
    Atomics.add(points.holdNanos, point, BigInt(Math.round(nanos)));
    raise(points.holdMax, point, nanos);
    this.#count(points.holdHist, point, nanos);
  }

  #count(hists: Int32Array, point: number, nanos: number): void {
    const row = Atomics.load(hists, point) || this.#newHist(hists, point);
    Atomics.add(this.tables.hists.counts, (row - 1) * HIST_BUCKETS + bucketOf(nanos), 1);
  }

  /** Those that come when all are taken share the last one, which nobody shows. */
  #newHist(hists: Int32Array, point: number): number {
    const { words, shape } = this.tables;
    const row = Math.min(shape.hists, Atomics.add(words, W_HISTS, 1) + 1);
    const before = Atomics.compareExchange(hists, point, 0, row);
    return before === 0 ? row : before;
  }

  /** The counts of a histogram by bucket; none for one that is shared. */
  *counts(row: number): Generator<[bucket: number, count: number]> {
    const { hists, shape } = this.tables;
    if (row === 0 || row === shape.hists) return;
    const at = (row - 1) * HIST_BUCKETS;
    for (let i = 0; i < HIST_BUCKETS; i++) {
      const count = Atomics.load(hists.counts, at + i);
      if (count !== 0) yield [i, count];
    }
  }
}

/** `ix` of points for locks that found no row of their own. */
export const OTHERS = -1;

/**
 * What the row is, once no other thread is at it: READY, or CLAIMED by this call if it was EMPTY.
 * EMPTY: it is, but `most` rows are taken. A row whose claimer died is passed over as no match.
 */
function claim(
  states: Int32Array,
  row: number,
  words: Int32Array,
  at: number,
  most: number,
): number {
  for (let look = 0; look < CLAIM_LOOKS; look++) {
    const state = Atomics.load(states, row);
    if (state === READY) return READY;
    if (state === EMPTY) {
      if (Atomics.load(words, at) >= most) return EMPTY;
      if (Atomics.compareExchange(states, row, EMPTY, CLAIMED) === EMPTY) {
        Atomics.add(words, at, 1);
        return CLAIMED;
      }
    }
  }
  return DEAD;
}
const DEAD = 3;

function raise(maxima: BigInt64Array, at: number, nanos: number): void {
  const value = BigInt(Math.round(nanos));
  for (let seen = Atomics.load(maxima, at); seen < value; ) {
    const before = Atomics.compareExchange(maxima, at, seen, value);
    if (before === seen) return;
    seen = before;
  }
}

function hash(a: number, b: number, c: number, d: number, e: number): number {
  let h = Math.imul(a ^ 0x9e3779b1, 0x85ebca6b);
  h = Math.imul(h ^ b ^ (h >>> 13), 0xc2b2ae35);
  h = Math.imul(h ^ c ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ d ^ (h >>> 13), 0xc2b2ae35);
  h = Math.imul(h ^ e ^ (h >>> 16), 0x27d4eb2f);
  return (h ^ (h >>> 15)) >>> 0;
}
