/**
 * What two samples of a yard say of the time between them: rows of `jailyard top`, in figures a second.
 * A jail, lock or yard that was not there before counts from its beginning.
 */
import { lockText, type Waiting } from "@jailyard/abi/contention";
import type { JailSample, LimitSample, LockSample, YardSample } from "@jailyard/abi/yardsample";

/** Figures of the time since the last sample, a second; or all there was since the yard began. */
export const SPANS = ["interval", "totals"] as const;
export type Span = (typeof SPANS)[number];

export interface JailRow {
  readonly jid: number;
  readonly jail: string;
  readonly procs: number;
  readonly asleep: number;
  readonly calls: number;
  readonly sleeps: number;
  /** Seconds that it waited, and made others wait. */
  readonly wait: number;
  readonly caused: number;
  readonly sem: number;
  readonly shm: number;
  readonly msg: number;
}

export interface LockRow {
  readonly lock: string;
  readonly jail: string;
  readonly mechanism: string;
  readonly taken: number;
  readonly waits: number;
  /** Seconds waited for it. */
  readonly wait: number;
  /** Milliseconds: a wait of this time, and the longest that is over, of all time. */
  readonly avg: number;
  readonly max: number;
  readonly asleep: number;
  readonly longest: number;
  readonly changes: number;
  /** Seconds held; null unless holds are timed. */
  readonly hold: number | null;
  /** Who is likely to hold it now. */
  readonly holder: string;
}

export interface SleeperRow {
  readonly pid: number;
  readonly jail: string;
  readonly comm: string;
  /** Seconds that it has slept; null: it holds what others wait for, and is awake or has ended. */
  readonly slept: number | null;
  readonly lock: string;
  readonly holder: string;
  /** Processes that wait for it, or for one that does. */
  readonly blocks: number;
  readonly deadlock: boolean;
  /** How deep in the tree of who waits for whom. */
  readonly depth: number;
}

export interface LimitRow {
  readonly limit: string;
  readonly use: number;
  readonly value: number;
  /** In percent. */
  readonly share: number;
  /** By which use has changed. */
  readonly change: number;
  readonly holder: string;
  readonly amount: number;
}

export interface Look {
  readonly sample: YardSample;
  /** How long it looks back; figures of totals are not divided by it. */
  readonly seconds: number;
  readonly span: Span;
  readonly calls: number;
  readonly gateCalls: number;
  readonly waits: number;
  readonly wait: number;
  readonly jails: readonly JailRow[];
  readonly locks: readonly LockRow[];
  readonly sleepers: readonly SleeperRow[];
  readonly limits: readonly LimitRow[];
}

const NANOS = 1e9;

/** What has grown between two samples: never less than nothing, as counters are read while they grow. */
type Growth = <T>(now: T, before: T | undefined, of: (one: T) => number) => number;

/** `before`: null, or of the same yard, for what is known since it began. */
export function lookAt(now: YardSample, before: YardSample | null, span: Span): Look {
  const last = span === "totals" || before?.born !== now.born ? null : before;
  const seconds = Math.max(1e-6, (now.atNanos - (last?.atNanos ?? 0)) / NANOS);
  const by = span === "totals" ? 1 : seconds;
  const growth: Growth = (one, old, of) =>
    Math.max(0, of(one) - (old === undefined ? 0 : of(old))) / by;
  const yard = (of: (one: YardSample) => number): number => growth(now, last ?? undefined, of);
  const jails = jailRows(now, last, growth);
  return {
    ...{ sample: now, seconds, span },
    calls: jails.reduce((sum, { calls }) => sum + calls, 0),
    gateCalls: yard((one) => one.gateCalls),
    waits: yard((one) => one.contended),
    wait: yard((one) => one.waitNanos) / NANOS,
    jails,
    locks: lockRows(now, last, growth),
    sleepers: sleeperRows(now),
    limits: limitRows(now, last),
  };
}

function jailRows(now: YardSample, last: YardSample | null, growth: Growth): JailRow[] {
  const before = new Map(last?.jails.map((jail) => [jail.jid, jail]));
  return now.jails.map((jail) => {
    const { jid, name, processes: procs, sleeping: asleep, sem, shm, msg } = jail;
    const of = (field: "calls" | "sleeps" | "waitNanos" | "causedNanos"): number =>
      growth<JailSample>(jail, before.get(jid), (one) => one[field]);
    const [wait, caused] = [of("waitNanos") / NANOS, of("causedNanos") / NANOS];
    const figures = { calls: of("calls"), sleeps: of("sleeps"), wait, caused };
    return { jid, jail: jailText(name), procs, asleep, ...figures, sem, shm, msg };
  });
}

/** The host's jail is called 0. */
const jailText = (name: string): string => (name === "0" ? "host" : name);

const keyOf = ({ kind, name, owner }: LockSample): string => `${kind} ${name} ${owner}`;

function lockRows(now: YardSample, last: YardSample | null, growth: Growth): LockRow[] {
  const before = new Map(last?.locks.map((lock) => [keyOf(lock), lock]));
  const holders = new Map<string, string>();
  for (const one of now.waiting) {
    if (one.holder !== null) holders.set(one.lock, holderText(now, one.holder));
  }
  return now.locks.map((lock) => {
    const of = (
      field: "taken" | "contended" | "waitNanos" | "ownerChanges" | "holdNanos",
    ): number => growth<LockSample>(lock, before.get(keyOf(lock)), (one) => one[field]);
    const [waits, wait] = [of("contended"), of("waitNanos") / NANOS];
    const { mechanism, owner, sleeping: asleep, longestQueue: longest } = lock;
    return {
      lock: lockText(lock),
      jail: jailText(now.names[owner] ?? "-"),
      ...{ mechanism, taken: of("taken"), waits, wait },
      avg: waits === 0 ? 0 : (wait / waits) * 1000,
      max: lock.waitMaxNanos / 1e6,
      ...{ asleep, longest, changes: of("ownerChanges") },
      hold: now.stats === "full" ? of("holdNanos") / NANOS : null,
      holder: holders.get(lock.name) ?? "",
    };
  });
}

const jailOf = ({ names }: YardSample, jid: number): string => jailText(names[jid] ?? `${jid}`);

function holderText(now: YardSample, { pid, jid, ended }: NonNullable<Waiting["holder"]>): string {
  return `${pid} (${jailOf(now, jid)}${ended ? ", ended" : ""})`;
}

function sleeperRows(now: YardSample): SleeperRow[] {
  const deadlocked = new Set(now.deadlocks.flatMap(({ pids }) => pids));
  const blocked = blockedBy(now.waiting);
  return now.waiting.map((one) => ({
    pid: one.pid,
    jail: jailOf(now, one.jid),
    comm: one.comm,
    slept: Math.max(0, now.atNanos - one.sinceNanos) / NANOS,
    lock: lockText({ name: one.lock, label: one.label }),
    holder: one.holder === null ? "" : holderText(now, one.holder),
    blocks: blocked.get(one.pid) ?? 0,
    deadlock: deadlocked.has(one.pid),
    depth: 0,
  }));
}

/** How many wait for each holder, or for one that waits for it, by pid. */
function blockedBy(waiting: readonly Waiting[]): Map<number, number> {
  const holderOf = new Map(waiting.map(({ pid, holder }) => [pid as number, holder?.pid]));
  const blocked = new Map<number, number>();
  for (const { pid } of waiting) {
    const passed = new Set<number>([pid]);
    let next: number | undefined = holderOf.get(pid);
    while (next !== undefined && !passed.has(next)) {
      blocked.set(next, (blocked.get(next) ?? 0) + 1);
      passed.add(next);
      next = holderOf.get(next);
    }
  }
  return blocked;
}

/** Each sleeper below whom it waits for; holders that are awake or gone have a row of their own. */
export function treeOf({ sample }: Look, rows: readonly SleeperRow[]): SleeperRow[] {
  const own = new Map(rows.map((row) => [row.pid, row]));
  const blocked = blockedBy(sample.waiting);
  const below = new Map<number, SleeperRow[]>();
  const roots: SleeperRow[] = [];
  for (const { pid, holder } of sample.waiting) {
    const row = own.get(pid);
    if (row === undefined) continue;
    if (holder === null) roots.push(row);
    else {
      below.set(holder.pid, [...(below.get(holder.pid) ?? []), row]);
      if (own.has(holder.pid)) continue;
      const awake = awakeRow(sample, holder, blocked.get(holder.pid) ?? 0);
      own.set(holder.pid, awake);
      roots.push(awake);
    }
  }
  const order = new Map([...own.keys()].map((pid, ix) => [pid, ix]));
  const sorted = (all: SleeperRow[]): SleeperRow[] =>
    all.sort((a, b) => order.get(a.pid)! - order.get(b.pid)!);
  const shown = new Set<number>();
  const tree: SleeperRow[] = [];
  const show = (row: SleeperRow, depth: number): void => {
    if (shown.has(row.pid)) return;
    shown.add(row.pid);
    tree.push({ ...row, depth });
    for (const child of sorted(below.get(row.pid) ?? [])) show(child, depth + 1);
  };
  for (const row of sorted(roots)) show(row, 0);
  for (const row of rows) show(row, 0); // rings have no root
  return tree;
}

function awakeRow(
  now: YardSample,
  { pid, jid, ended }: NonNullable<Waiting["holder"]>,
  blocks: number,
): SleeperRow {
  const jail = jailOf(now, jid);
  const comm = ended ? "(ended)" : "(awake)";
  return { pid, jail, comm, slept: null, lock: "", holder: "", blocks, deadlock: false, depth: 0 };
}

function limitRows(now: YardSample, last: YardSample | null): LimitRow[] {
  const before = new Map(last?.limits.map((limit) => [limit.name, limit]));
  return now.limits.map((limit: LimitSample) => {
    const { name, value, use, holder, holderUse: amount } = limit;
    const share = value === 0 ? 0 : (use / value) * 100;
    const change = use - (before.get(name)?.use ?? use);
    const who = holder === null ? "" : jailText(holder);
    return { limit: name, use, value, share, change, holder: who, amount };
  });
}
