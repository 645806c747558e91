/** Locks and wait events of two runs side by side: what was waited for in both. */
import { type Part, quantileOf, type Ratio, rateOf, ratioOf, type Statistic } from "./bootstrap.ts";
import type { Difference } from "./compare.ts";
import { figureText } from "./figuretext.ts";
import { encodeHdr, mergedHdr } from "./histogram.ts";
import type { LockSlice, LockSlices, RunFile } from "./runfile.ts";

/** Locks, and wait events, that are compared: those with most waiting in both runs together. */
const KEPT = 12;
/** With fewer waits in a run there is no p99 to speak of. */
const WAITS_MIN = 100;

interface WaitPart extends Part {
  readonly nanos: number;
}

interface Figure extends Pick<Difference, "figure" | "unit"> {
  /** The beginning of its sentence. */
  readonly what: string;
  readonly of: (parts: readonly WaitPart[]) => Statistic | null;
}

/** `drawn`: whole repetitions are drawn again, and not slices. */
export function lockDifferences(before: RunFile, after: RunFile, drawn: boolean): Difference[] {
  return common(slicesOf(before), slicesOf(after)).flatMap(([lock, ...both]) => {
    const [a, b] = both.map((all) => partsOf(all, drawn));
    if ([a, b].some((parts) => waitsOf(parts) < WAITS_MIN)) return [];
    return differencesOf(lock, a, b, figuresOf(lock));
  });
}

const figuresOf = (lock: string): Figure[] => [
  {
    ...{ figure: "waits", unit: "waits/s", what: `the number of ${lock} waits` },
    of: (parts) => rateOf(parts, ({ operations }) => operations),
  },
  {
    ...{ figure: "time waited", unit: "s/s", what: `the time waited for ${lock}` },
    of: (parts) => rateOf(parts, ({ nanos }) => nanos / 1e9),
  },
  {
    ...{ figure: "median of a wait", unit: "ms", what: `median of ${lock} waits` },
    of: (parts) => quantileOf(parts, "wait", 50),
  },
  {
    ...{ figure: "p99 of a wait", unit: "ms", what: `p99 of ${lock} waits` },
    of: (parts) => quantileOf(parts, "wait", 99),
  },
];

const waitsOf = (parts: readonly WaitPart[]): number =>
  parts.reduce((sum, { operations }) => sum + operations, 0);

function differencesOf(
  lock: string,
  a: readonly WaitPart[],
  b: readonly WaitPart[],
  figures: readonly Figure[],
): Difference[] {
  return figures.flatMap(({ figure, unit, what, of }) => {
    const [first, second] = [of(a), of(b)];
    if (first === null || second === null) return [];
    const ratio = ratioOf({ parts: a, of: first }, { parts: b, of: second });
    if (ratio.before === 0 && ratio.after === 0) return [];
    const sentence = sentenceOf(what, ratio);
    return [{ workload: null, lock, figure, unit, moreIsBetter: false, ...ratio, sentence }];
  });
}

/** `p99 of WALWriteLock waits rose 2.1× [1.9, 2.3]`; `what`: `p99 of WALWriteLock waits`. */
export function sentenceOf(what: string, { ratio, before, interval }: Ratio): string {
  if (before === 0) return `${what} came up: there was none before`;
  const times = `${figureText(ratio)}×`;
  if (interval === null) return `${what} is ${times}; too few slices to say how sure that is`;
  const [low, high] = interval;
  const range = `[${figureText(low)}, ${figureText(high)}]`;
  if (low <= 1 && high >= 1) return `${what} did not change by more than chance: ${times} ${range}`;
  return `${what} ${ratio > 1 ? "rose" : "fell to"} ${times} ${range}`;
}

type Slices = ReadonlyMap<string, readonly (readonly LockSlice[])[]>;

/** By lock: the slices of each repetition. */
function slicesOf({ repetitions }: RunFile): Slices {
  const all = repetitions.flatMap(({ lockSlices = [] }) => lockSlices);
  const byLock = Map.groupBy(all, ({ lock }: LockSlices) => lock);
  return new Map([...byLock].map(([lock, own]) => [lock, own.map(({ slices }) => slices)]));
}

const nanosOf = (all: readonly (readonly LockSlice[])[]): number =>
  all.flat().reduce((sum, { nanos }) => sum + nanos, 0);

function common(
  a: Slices,
  b: Slices,
): [lock: string, before: readonly LockSlice[][], after: readonly LockSlice[][]][] {
  return [...a]
    .filter(([lock]) => b.has(lock))
    .sort(([x, p], [y, q]) => nanosOf(q) + nanosOf(b.get(y)!) - nanosOf(p) - nanosOf(b.get(x)!))
    .slice(0, KEPT)
    .map(([lock, before]) => [lock, before as LockSlice[][], b.get(lock) as LockSlice[][]]);
}

/** A lock that one run waited for, and the other not at all, or too little for its file to have it. */
export interface OneSided {
  readonly lock: string;
  readonly run: "before" | "after";
  /** How many processes waited for it on average. */
  readonly waiting: number;
  readonly sentence: string;
}

/** Those with most waiting first. */
export function oneSided(before: RunFile, after: RunFile): OneSided[] {
  const [a, b] = [slicesOf(before), slicesOf(after)];
  return [...onlyIn(a, b, "before"), ...onlyIn(b, a, "after")]
    .sort((x, y) => y.waiting - x.waiting)
    .slice(0, KEPT);
}

function onlyIn(own: Slices, other: Slices, run: OneSided["run"]): OneSided[] {
  return [...own].flatMap(([lock, all]) => {
    const part = wholePart(all.flat());
    if (other.has(lock) || part.operations < WAITS_MIN) return [];
    const waiting = part.nanos / 1e9 / part.seconds;
    const [which, rest] = run === "before" ? ["first", "second"] : ["second", "first"];
    const waits = `${figureText(part.operations / part.seconds)} waits/s, ${figureText(waiting)} s/s`;
    const sentence = `${lock} was waited for in the ${which} run (${waits}), and in the ${rest} hardly or not at all`;
    return [{ lock, run, waiting, sentence }];
  });
}

function partsOf(all: readonly (readonly LockSlice[])[], drawn: boolean): WaitPart[] {
  return drawn ? all.map(wholePart) : all.flat().map(partOf);
}

const partOf = ({ seconds, count, nanos, hdr }: LockSlice): WaitPart => ({
  ...{ seconds, operations: count, errors: 0, nanos },
  hdrs: hdr === undefined ? {} : { wait: hdr },
});

function wholePart(slices: readonly LockSlice[]): WaitPart {
  const hdr = mergedHdr(slices.map((slice) => slice.hdr));
  const sum = (of: (slice: LockSlice) => number): number =>
    slices.reduce((all, slice) => all + of(slice), 0);
  return {
    ...{ seconds: sum(({ seconds }) => seconds), operations: sum(({ count }) => count), errors: 0 },
    nanos: sum(({ nanos }) => nanos),
    hdrs: hdr === null ? {} : { wait: encodeHdr(hdr) },
  };
}

/** PostgreSQL's wait events: what a transaction waited for each, on average. Parts are repetitions. */
export function eventDifferences(before: RunFile, after: RunFile): Difference[] {
  const [a, b] = [before, after].map(eventsOf);
  const total = (event: string): number =>
    [a, b].flatMap((all) => all.get(event)!).reduce((sum, { nanos }) => sum + nanos, 0);
  return [...a.keys()]
    .filter((event) => b.has(event))
    .sort((x, y) => total(y) - total(x))
    .slice(0, KEPT)
    .flatMap((event) => differencesOf(event, a.get(event)!, b.get(event)!, [eventFigure(event)]));
}

const eventFigure = (event: string): Figure => ({
  ...{ figure: "waited a transaction", unit: "ms" },
  what: `the time that a transaction waits for ${event}`,
  of: (parts) => rateOf(parts, ({ nanos }) => nanos / 1e6),
});

/** For `rateOf`, which divides by seconds, transactions stand in their place. */
function eventsOf({ repetitions }: RunFile): Map<string, WaitPart[]> {
  const events = new Map<string, WaitPart[]>();
  for (const { workloads } of repetitions) {
    for (const { server } of workloads) {
      if (server === undefined || server.transactions === 0) continue;
      for (const [event, { micros, waits }] of Object.entries(server.waits)) {
        const parts = events.get(event) ?? [];
        events.set(event, parts);
        const part = { seconds: server.transactions, operations: waits, errors: 0, hdrs: {} };
        parts.push({ ...part, nanos: micros * 1000 });
      }
    }
  }
  return events;
}
