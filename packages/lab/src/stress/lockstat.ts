/** Locks in the columns of FreeBSD's lock profiling, LOCK_PROFILING(9); times in microseconds. */
import type { Mechanism } from "@jailyard/abi/contention";
import type { LockRow, LockUseRow, WaitEventRow } from "./runfile.ts";

export const SORTS = [
  "max",
  "wait_max",
  "total",
  "wait_total",
  "count",
  "avg",
  "wait_avg",
  "cnt_hold",
  "cnt_lock",
  "queue",
  "owners",
] as const satisfies readonly (keyof Figures)[];
export type SortName = (typeof SORTS)[number];

export const VIEWS = ["lock", "point", "jail", "mechanism", "event"] as const;
/**
 * A row for each lock, each lock and jail, each mechanism and jail, each mechanism; or each named wait
 * and jail.
 */
export type View = (typeof VIEWS)[number];

interface Figures {
  readonly max: number;
  readonly wait_max: number;
  readonly total: number;
  readonly wait_total: number;
  readonly count: number;
  readonly avg: number;
  readonly wait_avg: number;
  readonly cnt_hold: number;
  readonly cnt_lock: number;
  readonly queue: number;
  readonly owners: number;
}

export interface LockstatRow extends Figures {
  readonly name: string;
  readonly label: string | null;
  /** null: a named wait, which is of none. */
  readonly mechanism: Mechanism | null;
  readonly jail: string | null;
}

/** Who waits in no jail's name. */
const KERNEL = "kernel";

type Part = Pick<
  LockUseRow,
  | "contended"
  | "cntHold"
  | "cntLock"
  | "waitNanos"
  | "waitMaxNanos"
  | "holds"
  | "holdNanos"
  | "holdMaxNanos"
> & { readonly taken: number; readonly queue: number; readonly owners: number };

const micros = (nanos: number): number => nanos / 1000;

function figuresOf(parts: readonly Part[]): Figures {
  const sum = (of: (part: Part) => number): number =>
    parts.reduce((all, part) => all + of(part), 0);
  const most = (of: (part: Part) => number): number =>
    parts.reduce((all, part) => Math.max(all, of(part)), 0);
  const [total, wait_total] = [sum((p) => p.holdNanos), sum((p) => p.waitNanos)].map(micros);
  return {
    max: micros(most((p) => p.holdMaxNanos)),
    wait_max: micros(most((p) => p.waitMaxNanos)),
    total,
    wait_total,
    count: sum((p) => p.taken),
    avg:
      total /
      Math.max(
        1,
        sum((p) => p.holds),
      ),
    wait_avg:
      wait_total /
      Math.max(
        1,
        sum((p) => p.contended),
      ),
    cnt_hold: sum((p) => p.cntHold),
    cnt_lock: sum((p) => p.cntLock),
    queue: most((p) => p.queue),
    owners: sum((p) => p.owners),
  };
}

interface Piece {
  readonly key: string;
  readonly of: Pick<LockstatRow, "name" | "label" | "mechanism" | "jail">;
  readonly part: Part;
}

/** Named waits: nobody takes or holds them. */
export const eventsTallied = (events: readonly WaitEventRow[]): LockstatRow[] =>
  events.flatMap(({ event: name, longestQueue: queue, uses }) =>
    uses.map(({ jail, waits, waitNanos, waitMaxNanos }) => ({
      ...{ name, label: null, mechanism: null, jail: jail ?? KERNEL },
      ...{ max: 0, total: 0, avg: 0, cnt_hold: 0, cnt_lock: 0, owners: 0, queue },
      ...{ count: waits, wait_total: micros(waitNanos), wait_max: micros(waitMaxNanos) },
      wait_avg: micros(waitNanos) / Math.max(1, waits),
    })),
  );

export function tallied(locks: readonly LockRow[], view: Exclude<View, "event">): LockstatRow[] {
  const groups = new Map<string, Piece[]>();
  for (const lock of locks) {
    for (const piece of pieces(lock, view)) {
      const group = groups.get(piece.key);
      if (group === undefined) groups.set(piece.key, [piece]);
      else group.push(piece);
    }
  }
  return [...groups.values()].map((group) => ({
    ...group[0].of,
    ...figuresOf(group.map(({ part }) => part)),
  }));
}

function pieces(lock: LockRow, view: Exclude<View, "event">): Piece[] {
  const { name, label, mechanism, jail, taken, longestQueue: queue, ownerChanges: owners } = lock;
  const whole = { ...lock, taken, queue, owners };
  if (view === "lock") {
    return [{ key: `${name} ${jail}`, of: { name, label, mechanism, jail }, part: whole }];
  }
  const none = { name: mechanism, label: null, mechanism };
  if (view === "mechanism") return [{ key: mechanism, of: { ...none, jail: null }, part: whole }];
  return lock.uses.map((use) => {
    const part = { ...use, taken: Math.max(use.contended, use.holds), queue, owners: 0 };
    const who = use.jail ?? KERNEL;
    if (view === "jail") return { key: `${mechanism} ${who}`, of: { ...none, jail: who }, part };
    return { key: `${name} ${who}`, of: { name, label, mechanism, jail: who }, part };
  });
}

export const sorted = (rows: readonly LockstatRow[], by: SortName): LockstatRow[] =>
  [...rows].sort((a, b) => b[by] - a[by]);
