/**
 * Waits that are known by construction, measured. What is known has bounds that hold on any machine: the
 * clock of all threads, read by the programs before and after what they do. In some rounds at least,
 * those in which nothing else had the processors, the bounds are within 5 % of each other.
 */
import { type Contention, type LockUse, NOBODY, type Stats } from "@jailyard/abi/contention";
import type { Jail } from "@jailyard/host/jail";
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { decodeHdr, valuesOf } from "@jailyard/lab/stress/histogram";
import { afterEach, describe, expect, test } from "vitest";
import { quiet, type Running, start } from "../support/yard.ts";
import type { Span } from "./programs/metronome.ts";

let yard: Yard;
afterEach(() => yard?.shutdown());

const ROUNDS = 10;
const MS = 50;
const CLOSE = 1.05;
/** Two clock reads may be told apart by less than a rounding. */
const SLACK = 2000;

/** A flat yard with jails of these names, and a set with a semaphore for each round. */
async function jails(config: YardConfig, value: number, ...names: string[]): Promise<Jail[]> {
  yard = await quiet({ model: "flat", sysvipc_allowed: true, ...config });
  const all: Jail[] = [];
  for (const name of names) all.push(await yard.jail({ name }));
  const { process } = await enter(all[0], "setup", { value });
  expect(await process.exited).toMatchObject({ status: 0 });
  return all;
}

const enter = (jail: Jail, entry: string, arg: object = {}): Promise<Running> =>
  start(jail, entry, { rounds: ROUNDS, ms: MS, ...arg }, "metronome");

async function told<T>(running: Running): Promise<T> {
  const record = (await running.next()) as T;
  expect(await running.process.exited).toMatchObject({ status: 0 });
  return record;
}

/** What a jail had to do with the semaphore of each round. */
function usesOf({ locks }: Contention, { jid }: Jail): LockUse[] {
  const own = locks.filter(({ kind }) => kind === "sem").sort((a, b) => a.num - b.num);
  expect(own).toHaveLength(ROUNDS);
  return own.map(({ uses }) => uses.find((use) => use.jid === jid)!);
}

const blameOf = ({ blame }: LockUse, jid: number): number =>
  blame.find((one) => one.jid === jid)?.nanos ?? 0;

/** How far apart bounds are in the closest rounds: the second of all. */
function closest(shares: readonly number[]): number {
  return [...shares].sort((a, b) => a - b)[1];
}

/** Each figure lies within its bounds. */
function inside(figures: readonly number[], bounds: readonly Span[]): void {
  for (const [i, figure] of figures.entries()) {
    expect(figure).toBeGreaterThanOrEqual(bounds[i][0] - SLACK);
    expect(figure).toBeLessThanOrEqual(bounds[i][1] + SLACK);
  }
}

/** And the bounds are so close that this says something. */
function within(figures: readonly number[], bounds: readonly Span[]): void {
  inside(figures, bounds);
  expect(closest(bounds.map(([least, most]) => most / least))).toBeLessThan(CLOSE);
}

describe.each<[Stats, YardConfig]>([
  ["contended", { placement: "direct" }],
  ["full", { placement: "direct" }],
  ["contended", { placement: "central" }],
  ["full", { placement: "central" }],
])("mode %s, %j", (stats, config) => {
  test("a metronome's beats are waited for, and that is because of nobody", async () => {
    const [a, b] = await jails({ stats, ...config }, 0, "a", "b");
    const running = [await enter(a, "beat"), await enter(b, "listen")];
    const { seen, beats } = await told<{ seen: number[]; beats: Span[] }>(running[0]);
    const { waits } = await told<{ waits: Span[] }>(running[1]);
    const uses = usesOf(await yard.contention(), b);
    const figures = uses.map(({ waitNanos }) => waitNanos);
    // From when it was seen asleep to the beat at least; at most the whole call.
    const bounds = waits.map(([from, to], i): Span => [beats[i][0] - seen[i], to - from]);
    inside(figures, bounds);
    expect(closest(figures.map((figure, i) => bounds[i][1] / figure))).toBeLessThan(CLOSE);
    for (const use of uses) expect(use).toMatchObject({ contended: 1, over: 1 });
    expect(uses.map((use) => blameOf(use, NOBODY))).toEqual(figures);
  });

  test("a lock that is handed on in order is waited for because of each of them in turn", async () => {
    const wake = "handoff";
    const [a, b, c] = await jails({ stats, wake, ...config }, 1, "a", "b", "c");
    const running = [await enter(a, "first"), await enter(b, "second"), await enter(c, "third")];
    const first = await told<{ seen: number[]; releases: Span[] }>(running[0]);
    const { releases } = await told<{ releases: Span[] }>(running[1]);
    const { waits } = await told<{ waits: Span[] }>(running[2]);
    const uses = usesOf(await yard.contention(), c);
    const byFirst = first.releases.map(
      ([from, to], i): Span => [from - first.seen[i], to - waits[i][0]],
    );
    within(
      uses.map((use) => blameOf(use, a.jid)),
      byFirst,
    );
    const bySecond = releases.map(
      ([from, to], i): Span => [from - first.releases[i][1], to - first.releases[i][0]],
    );
    within(
      uses.map((use) => blameOf(use, b.jid)),
      bySecond,
    );
    const longest = uses.map(({ waitNanos }, i) => waitNanos - (waits[i][1] - waits[i][0]));
    expect(Math.max(...longest)).toBeLessThanOrEqual(SLACK);
  });
});

describe("a stall of the thread in an open loop", () => {
  const [RATE, STALL_MS] = [200, 400];

  interface Stalled {
    readonly begins: number[];
    readonly ends: number[];
    readonly draw: number;
    readonly operations: number;
    readonly missed: number;
    readonly histograms: { lag?: string; latency: string; service?: string };
  }

  async function stalled(rate: number | null): Promise<Stalled> {
    yard = await quiet();
    const jail = await yard.jail({ name: "a" });
    return told<Stalled>(await enter(jail, "stall", { rate, ms: STALL_MS, seconds: 1.5 }));
  }

  const msOf = (hdr: string): number[] =>
    valuesOf(decodeHdr(hdr)).flatMap(([nanos, count]) => new Array(count).fill(nanos / 1e6));
  const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);

  test("delays every operation that was due meanwhile, and lag and latency have it", async () => {
    const { begins, ends, draw, operations, histograms } = await stalled(RATE);
    expect(operations).toBe(begins.length);
    // The schedule again, from its seed: what each operation was late, by the program's own clock.
    const due = begins.map((_, i) => ((draw + 1 + i) * 1000) / RATE);
    const late = begins.map((begin, i) => begin - due[i]).sort((a, b) => a - b);
    const took = ends.map((end, i) => end - due[i]).sort((a, b) => a - b);
    const [lag, latency] = [msOf(histograms.lag!), msOf(histograms.latency)];
    expect(late.at(-1)! + 1000 / RATE).toBeGreaterThan(STALL_MS);
    for (const [is, known] of [
      [lag, late],
      [latency, took],
    ]) {
      expect(is).toHaveLength(known.length);
      expect(Math.abs(sum(is) / sum(known) - 1)).toBeLessThan(0.05);
      expect(Math.abs(is.at(-1)! / known.at(-1)! - 1)).toBeLessThan(0.05);
    }
    const half = (all: readonly number[]): number => all.filter((ms) => ms > STALL_MS / 2).length;
    expect(half(lag)).toBeGreaterThanOrEqual((STALL_MS / 2 / 1000) * RATE * 0.95);
    expect(half(msOf(histograms.service!))).toBeLessThan(half(lag) / 4);
  });

  test("and in a closed loop one operation alone", async () => {
    const { histograms, begins, ends } = await stalled(null);
    const slow = begins.filter((begin, i) => ends[i] - begin >= STALL_MS).length;
    expect(slow).toBeGreaterThanOrEqual(1); // the one that was made to; a busy machine may add its own
    const shown = msOf(histograms.latency).filter((ms) => ms >= STALL_MS * 0.99).length;
    expect(shown).toBe(slow);
    expect(slow).toBeLessThan(5);
    expect(histograms.lag).toBeUndefined();
  });
});
