/** The views of `jailyard top`: their columns, how they are sorted and filtered, and their text. */
import { figureText, timeText } from "../stress/figuretext.ts";
import type { JailRow, LimitRow, LockRow, Look, SleeperRow } from "./look.ts";
import { treeOf } from "./look.ts";

export const VIEWS = ["jails", "locks", "sleepers", "limits"] as const;
export type View = (typeof VIEWS)[number];

export interface Column<Row = never> {
  /** As --sort and JSON have it. */
  readonly key: string;
  readonly head: string;
  readonly about: string;
  /** Columns of the terminal; a text takes more if there is room. */
  readonly width: number;
  readonly isText?: boolean;
  /** What has most is left out first where there is no room. */
  readonly rank: number;
  value(row: Row): number | string;
  text(row: Row, look: Look): string;
}

/** Numbers of up to seven characters. */
export function shortText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e5) return `${Math.round(value / 1000)}k`;
  return figureText(value);
}

/** Counts of a second have a digit behind the point, so that columns are read at a glance. */
export const rateText = (value: number, { span }: Pick<Look, "span">): string =>
  span === "totals" || value === 0 || value >= 1000 ? shortText(value) : value.toFixed(1);

const tight = (ms: number): string => timeText(ms).replace(" ", "");

type Fields<Row> = { readonly [K in keyof Row]: Row[K] };
type Options = Pick<Column, "width" | "rank">;

function number<Row>(
  key: keyof Fields<Row> & string,
  head: string,
  about: string,
  { width, rank }: Options,
  text: (value: number, look: Look) => string = shortText,
): Column<Row> {
  const value = (row: Row): number => (row[key] as number | null) ?? Number.NEGATIVE_INFINITY;
  return {
    ...{ key, head, about, width, rank, value },
    text: (row, look) => (row[key] === null ? "-" : text(value(row), look)),
  };
}

function word<Row>(
  key: keyof Fields<Row> & string,
  head: string,
  about: string,
  { width, rank }: Options,
): Column<Row> {
  const value = (row: Row): string => String(row[key]);
  return { key, head, about, width, rank, isText: true, value, text: value };
}

/** Seconds of a second, which is how many waited on average; or seconds in all. */
const seconds = (value: number, { span }: Look): string =>
  span === "totals" ? tight(value * 1000) : value < 1000 ? value.toFixed(2) : shortText(value);
const millis = (value: number): string => (value === 0 ? "-" : tight(value));
const signed = (value: number): string => (value > 0 ? `+${value}` : value === 0 ? "" : `${value}`);

const JAILS: readonly Column<JailRow>[] = [
  number("jid", "JID", "jail id", { width: 5, rank: 9 }, String),
  word("jail", "JAIL", "name; host is the host", { width: 12, rank: 0 }),
  number("procs", "PROCS", "processes", { width: 6, rank: 6 }),
  number("asleep", "ASLEEP", "of these, asleep for a semaphore or queue", { width: 6, rank: 5 }),
  number("calls", "CALLS", "system calls", { width: 8, rank: 1 }, rateText),
  number("sleeps", "SLEEPS", "calls that slept", { width: 7, rank: 4 }, rateText),
  number("wait", "WAIT", "seconds that it waited for locks", { width: 7, rank: 2 }, seconds),
  number("caused", "CAUSED", "and made others wait", { width: 7, rank: 3 }, seconds),
  number("sem", "SEM", "semaphore sets that it made", { width: 6, rank: 7 }),
  number("shm", "SHM", "segments", { width: 6, rank: 7 }),
  number("msg", "MSG", "queues", { width: 6, rank: 8 }),
];

const LOCKS: readonly Column<LockRow>[] = [
  word("lock", "LOCK", "name and label", { width: 28, rank: 0 }),
  word("jail", "JAIL", "whose object it is", { width: 8, rank: 4 }),
  number("taken", "TAKEN", "times that it was taken", { width: 7, rank: 3 }, rateText),
  number("waits", "WAITS", "waits that began", { width: 7, rank: 2 }, rateText),
  number("wait", "WAIT", "seconds waited", { width: 7, rank: 1 }, seconds),
  number("avg", "AVG", "seconds by waits", { width: 7, rank: 5 }, millis),
  number("max", "MAX", "longest wait of all time", { width: 7, rank: 6 }, millis),
  number("asleep", "ASLEEP", "who sleep for it now", { width: 6, rank: 2 }),
  number("longest", "QUEUE", "longest queue of all time", { width: 5, rank: 8 }),
  number("changes", "OWNERS", "changes of owner", { width: 7, rank: 9 }, rateText),
  number("hold", "HELD", "seconds held; - unless --stats full", { width: 6, rank: 10 }, seconds),
  word("holder", "HOLDER", "who is likely to hold it now", { width: 14, rank: 7 }),
];

const SLEEPERS: readonly Column<SleeperRow>[] = [
  number("pid", "PID", "process", { width: 6, rank: 0 }, String),
  word("jail", "JAIL", "its jail", { width: 8, rank: 3 }),
  number("slept", "SLEPT", "since when it sleeps", { width: 7, rank: 2 }, (s) =>
    Number.isFinite(s) ? tight(s * 1000) : "-",
  ),
  number("blocks", "BLOCKS", "who wait for it, and for those", { width: 6, rank: 4 }),
  word("comm", "COMMAND", "its program; ! in a deadlock", { width: 12, rank: 1 }),
  word("lock", "LOCK", "what it waits for", { width: 30, rank: 0 }),
  word("holder", "HOLDER", "who is likely to hold that; none: an event", { width: 12, rank: 1 }),
];

const LIMITS: readonly Column<LimitRow>[] = [
  word("limit", "NAME", "name; rules of rctl(8) too", { width: 17, rank: 0 }),
  number("share", "FULL", "use in percent", { width: 5, rank: 0 }, (n) => `${Math.floor(n)}%`),
  number("use", "USE", "what is used, by all", { width: 8, rank: 1 }),
  number("value", "LIMIT", "and may be", { width: 8, rank: 2 }),
  number("change", "CHANGE", "use now, less the last", { width: 7, rank: 4 }, signed),
  word("holder", "MOST", "the jail that uses most", { width: 12, rank: 3 }),
  number("amount", "AMOUNT", "and how much", { width: 8, rank: 4 }),
];

type AnyRow = JailRow | LockRow | SleeperRow | LimitRow;
export type AnyColumn = Column<AnyRow>;

/** Columns by view, each with the one that it is sorted by at first. */
export const COLUMNS: Readonly<Record<View, readonly AnyColumn[]>> = {
  jails: JAILS as unknown as readonly AnyColumn[],
  locks: LOCKS as unknown as readonly AnyColumn[],
  sleepers: SLEEPERS as unknown as readonly AnyColumn[],
  limits: LIMITS as unknown as readonly AnyColumn[],
};
export const FIRST_SORT: Readonly<Record<View, string>> = {
  jails: "wait",
  locks: "wait",
  sleepers: "slept",
  limits: "share",
};

export interface Choice {
  readonly view: View;
  /** Key of a column. */
  readonly sort: string;
  readonly reversed: boolean;
  /** Rows that have this in one of their words; empty: all. */
  readonly filter: string;
  /** Leave out what does nothing. */
  readonly busy: boolean;
  /** Sleepers below whom they wait for. */
  readonly tree: boolean;
}

/** What a look says of one view: numbers, largest first; words by the alphabet. */
export function rowsOf(look: Look, choice: Choice): readonly AnyRow[] {
  const { view, filter, sort, reversed, busy, tree } = choice;
  const columns = COLUMNS[view];
  const words = columns.filter(({ isText }) => isText === true);
  const wanted = filter.toLowerCase();
  const found = (look[view] as readonly AnyRow[]).filter(
    (row) =>
      (!busy || isBusy(row)) &&
      words.some((column) => String(column.value(row)).toLowerCase().includes(wanted)),
  );
  const column = columns.find(({ key }) => key === sort)!;
  const sign = reversed ? -1 : 1;
  const sorted = found.sort((a, b) => sign * order(column.value(a), column.value(b)));
  return view === "sleepers" && tree ? treeOf(look, sorted as SleeperRow[]) : sorted;
}

function order(a: number | string, b: number | string): number {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : b - a;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function isBusy(row: AnyRow): boolean {
  if ("calls" in row) return row.calls > 0 || row.asleep > 0;
  if ("taken" in row) return row.taken > 0 || row.waits > 0 || row.wait > 0 || row.asleep > 0;
  return "slept" in row || row.use > 0;
}
