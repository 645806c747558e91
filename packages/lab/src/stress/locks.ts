/** What a yard says of its locks, as a run file has it: by name, merged over repetitions. */
import {
  type Contention,
  type Counts,
  type LockStats,
  type LockUse,
  NOBODY,
  type Waiting,
} from "@jailyard/abi/contention";
import { emptyHdr, encodeHdr, type Hdr, mergedHdr, summaryOf } from "./histogram.ts";
import type { HdrRecord, Interference, LockRow, LockUseRow, PairRow, WaitFor } from "./runfile.ts";
import { waitText } from "./waittext.ts";

/** Locks of one run that a file has; those that were waited for least are left out. */
const LOCKS_KEPT = 1000;
/** More jails than this make no matrix: those with least are "others". */
const JAILS_KEPT = 64;
const OTHERS = "others";
const PAIRS_KEPT = 500;
const EDGES_KEPT = 200;

export const sum = (numbers: readonly number[]): number =>
  numbers.reduce((all, one) => all + one, 0);
export const most = (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => Math.max(a, b), 0);

export function hdrOf(counts: Counts): HdrRecord | undefined {
  if (counts.length === 0) return undefined;
  const hdr = emptyHdr();
  for (const [nanos, count] of counts) hdr.recordValueWithCount(nanos, count);
  return recordOf(hdr);
}

const recordOf = (hdr: Hdr): HdrRecord => ({ ...summaryOf(hdr), hdr: encodeHdr(hdr) });

export function merged(all: readonly (HdrRecord | undefined)[]): HdrRecord | undefined {
  const hdr = mergedHdr(all.map((one) => one?.hdr));
  return hdr === null ? undefined : recordOf(hdr);
}

/** Locks with their figures, those that were waited for longest first. */
export function lockRows({ locks, jails }: Contention): LockRow[] {
  const nameOf = (jid: number): string | null => (jid === NOBODY ? null : (jails[jid] ?? `${jid}`));
  const rows = locks.map((lock) => lockRow(lock, nameOf));
  return rows.sort((a, b) => b.waitNanos - a.waitNanos || b.taken - a.taken).slice(0, LOCKS_KEPT);
}

function lockRow(lock: LockStats, nameOf: (jid: number) => string | null): LockRow {
  const { kind, mechanism, name, label, owner, taken, ownerChanges, longestQueue } = lock;
  const uses = lock.uses.map((use) => useRow(use, lock.uses, nameOf));
  return withSums({
    ...{ kind, mechanism, name, label, jail: nameOf(owner), taken, ownerChanges, longestQueue },
    uses,
    wait: merged(uses.map((use) => use.wait)),
    hold: merged(uses.map((use) => use.hold)),
  });
}

/** What is a sum over jails. */
function withSums(
  row: Omit<
    LockRow,
    | "contended"
    | "cntHold"
    | "cntLock"
    | "waitNanos"
    | "waitMaxNanos"
    | "holdNanos"
    | "holds"
    | "holdMaxNanos"
  >,
): LockRow {
  const { uses } = row;
  return {
    ...row,
    contended: sum(uses.map((use) => use.contended)),
    cntHold: sum(uses.map((use) => use.cntHold)),
    cntLock: sum(uses.map((use) => use.cntLock)),
    waitNanos: sum(uses.map((use) => use.waitNanos)),
    waitMaxNanos: most(uses.map((use) => use.waitMaxNanos)),
    holds: sum(uses.map((use) => use.holds)),
    holdNanos: sum(uses.map((use) => use.holdNanos)),
    holdMaxNanos: most(uses.map((use) => use.holdMaxNanos)),
  };
}

function useRow(
  use: LockUse,
  all: readonly LockUse[],
  nameOf: (jid: number) => string | null,
): LockUseRow {
  const blamed = all.flatMap(({ blame }) => blame.filter(({ jid }) => jid === use.jid));
  const { contended, waitNanos, waitMaxNanos, holds, holdNanos, holdMaxNanos } = use;
  return {
    jail: nameOf(use.jid),
    ...{ contended, waitNanos, waitMaxNanos, holds, holdNanos, holdMaxNanos },
    cntHold: use.jid === NOBODY ? 0 : sum(blamed.map(({ count }) => count)),
    cntLock: sum(use.blame.filter(({ jid }) => jid !== NOBODY).map(({ count }) => count)),
    wait: hdrOf(use.wait),
    hold: hdrOf(use.hold),
    blame: use.blame.map(({ jid, nanos }) => ({ jail: nameOf(jid), nanos })),
  };
}

/** The same lock in several repetitions is one row; histograms are added. */
export function mergedRows(all: readonly (readonly LockRow[])[]): LockRow[] {
  const groups = grouped(
    all.flat(),
    ({ kind, name, jail, label }) => `${kind} ${name} ${jail} ${label}`,
  );
  return groups
    .map((rows) => (rows.length === 1 ? rows[0] : mergedRow(rows)))
    .sort((a, b) => b.waitNanos - a.waitNanos || b.taken - a.taken)
    .slice(0, LOCKS_KEPT);
}

export function grouped<T>(all: readonly T[], keyOf: (one: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

function mergedRow(rows: readonly LockRow[]): LockRow {
  return withSums({
    ...rows[0],
    taken: sum(rows.map((row) => row.taken)),
    ownerChanges: sum(rows.map((row) => row.ownerChanges)),
    longestQueue: most(rows.map((row) => row.longestQueue)),
    wait: merged(rows.map((row) => row.wait)),
    hold: merged(rows.map((row) => row.hold)),
    uses: grouped(
      rows.flatMap((row) => row.uses),
      ({ jail }) => `${jail}`,
    ).map(mergedUse),
  });
}

function mergedUse(uses: readonly LockUseRow[]): LockUseRow {
  const total = (
    field: "contended" | "waitNanos" | "holds" | "holdNanos" | "cntHold" | "cntLock",
  ) => sum(uses.map((use) => use[field]));
  return {
    jail: uses[0].jail,
    contended: total("contended"),
    cntHold: total("cntHold"),
    cntLock: total("cntLock"),
    waitNanos: total("waitNanos"),
    waitMaxNanos: most(uses.map((use) => use.waitMaxNanos)),
    holds: total("holds"),
    holdNanos: total("holdNanos"),
    holdMaxNanos: most(uses.map((use) => use.holdMaxNanos)),
    wait: merged(uses.map((use) => use.wait)),
    hold: merged(uses.map((use) => use.hold)),
    blame: grouped(
      uses.flatMap((use) => use.blame),
      ({ jail }) => `${jail}`,
    ).map((same) => ({
      jail: same[0].jail,
      nanos: sum(same.map(({ nanos }) => nanos)),
    })),
  };
}

/** Who made whom wait for which lock, longest first; `from` null: nobody is known. */
export function pairsOf(locks: readonly LockRow[]): PairRow[] {
  return locks
    .flatMap(({ name, label, kind, mechanism, uses }) =>
      uses.flatMap(({ jail: to, blame }) =>
        blame.map(({ jail: from, nanos }) => ({ name, label, kind, mechanism, from, to, nanos })),
      ),
    )
    .filter(({ nanos }) => nanos > 0)
    .sort((a, b) => b.nanos - a.nanos);
}

/** The matrix of all locks, that of each mechanism, and its largest parts. */
export function interferenceOf(locks: readonly LockRow[]): Interference {
  const pairs = pairsOf(locks);
  const jails = jailsOf(pairs);
  const parts = grouped(pairs, ({ mechanism }) => mechanism).map((own) => ({
    mechanism: own[0].mechanism,
    ...matrixOf(own, jails),
  }));
  return { jails, ...matrixOf(pairs, jails), mechanisms: parts, pairs: pairs.slice(0, PAIRS_KEPT) };
}

const HOST = "0";
/** The kernel waits in nobody's name, too: for locks that it passes through when processes end. */
const nameFor = (to: string | null): string => to ?? HOST;

/** Those with most of it; the rest are others. By name, numbers in their order. */
function jailsOf(pairs: readonly PairRow[]): string[] {
  const part = new Map<string, number>();
  const add = (jail: string, nanos: number): void =>
    void part.set(jail, (part.get(jail) ?? 0) + nanos);
  for (const { from, to, nanos } of pairs) {
    add(nameFor(to), nanos);
    if (from !== null) add(from, nanos);
  }
  const all = [...part.keys()].sort((a, b) => part.get(b)! - part.get(a)!);
  const kept = all.slice(0, JAILS_KEPT).sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return all.length > JAILS_KEPT ? [...kept, OTHERS] : kept;
}

function matrixOf(
  pairs: readonly PairRow[],
  jails: readonly string[],
): Pick<Interference, "nanos" | "nobody"> {
  const at = new Map(jails.map((jail, ix) => [jail, ix]));
  const ixOf = (jail: string): number => at.get(jail) ?? jails.length - 1;
  const nanos = jails.map(() => new Array<number>(jails.length).fill(0));
  const nobody = new Array<number>(jails.length).fill(0);
  for (const { from, to, nanos: n } of pairs) {
    const row = from === null ? nobody : nanos[ixOf(from)];
    row[ixOf(nameFor(to))] += n;
  }
  return { nanos, nobody };
}

/** Who waits for whom at one moment of the run, `at` seconds in. */
export function waitForOf(
  at: number,
  waiting: readonly Waiting[],
  jails: Contention["jails"],
  deadlock: boolean,
): WaitFor {
  const who = (pid: number, jid: number): string => `${jails[jid] ?? jid}[${pid}]`;
  const edges = waiting.flatMap((one) => {
    const { pid, jid, holder } = one;
    if (holder === null) return [];
    const by = `${who(holder.pid, holder.jid)}${holder.ended ? ", ended" : ""}`;
    return [{ waiter: who(pid, jid), holder: by, lock: waitText(one) }];
  });
  const events = waiting.length - edges.length;
  return { at, edges: edges.slice(0, EDGES_KEPT), deadlock, events };
}
