/** Histograms that merge without loss, and comparisons of runs whose difference is known. */

import { partsOf, quantileOf, type Ratio, ratioOf } from "@jailyard/lab/stress/bootstrap";
import { compare } from "@jailyard/lab/stress/compare";
import {
  decodeHdr,
  emptyHdr,
  encodeHdr,
  mergedHdr,
  summaryOf,
  valuesOf,
} from "@jailyard/lab/stress/histogram";
import { FORMAT, FORMAT_VERSION, type RunFile, type Slice } from "@jailyard/lab/stress/runfile";
import type { ServerFigures } from "@jailyard/lab/stress/serverfigures";
import { DEFAULTS } from "@jailyard/lab/stress/settings";
import { random } from "@jailyard/workload/postgres/random";
import { Measure } from "@jailyard/workload/stress/measure";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

describe("histograms", () => {
  test("merged from any parts they are what one would have been", () => {
    const times = fc.array(fc.array(fc.double({ min: 0, max: 4e6, noNaN: true })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(times, (parts) => {
        const whole = new Measure();
        const texts = parts.map((part) => {
          const measure = new Measure();
          for (const ms of part) for (const m of [measure, whole]) m.time("wait", ms);
          return measure.take().histograms.wait;
        });
        const expected = whole.take().histograms.wait;
        const merged = mergedHdr(texts);
        expect(merged === null ? [] : valuesOf(merged)).toEqual(
          expected === undefined ? [] : valuesOf(decodeHdr(expected)),
        );
      }),
    );
  });

  test("a value is off by one part in 128 at most", () => {
    for (const ms of [0.0001, 0.123, 1, 17.5, 999, 60_000]) {
      const measure = new Measure();
      measure.time("latency", ms);
      const { p50Ms, maxMs, count } = summaryOf(decodeHdr(measure.take().histograms.latency!));
      expect(count).toBe(1);
      expect(Math.abs(p50Ms - ms) / ms).toBeLessThan(1 / 128 + 0.01 * Number(ms < 0.001));
      expect(Math.abs(maxMs - ms) / ms).toBeLessThan(1 / 64);
    }
  });

  test("what was taken is gone", () => {
    const measure = new Measure();
    measure.error("EAGAIN");
    measure.time("lag", 1);
    measure.take();
    expect(measure.take()).toEqual({ operations: 0, missed: 0, errors: {}, histograms: {} });
  });
});

/** A run whose waits are exponential, with this mean, in so many slices of a second. */
function runOf(meanMs: number, { slices = 30, seed = 1, perSlice = 400, lock = "" } = {}): RunFile {
  const rng = random(seed);
  const all: Slice[] = Array.from({ length: slices }, (_, at) => {
    const hdr = emptyHdr();
    const operations = Math.round(perSlice * (0.9 + 0.2 * rng()));
    for (let n = 0; n < operations; n++) {
      hdr.recordValue(Math.round(-Math.log(1 - rng()) * meanMs * 1e6));
    }
    const wait = { ...summaryOf(hdr), hdr: encodeHdr(hdr) };
    return { at, seconds: 1, operations, errors: 0, histograms: { wait } };
  });
  const workload = {
    ...{ name: "sem", procs: 1, seconds: slices, throughput: 0, errors: {}, unexpected: 0 },
    ...{ wrong: 0, missed: 0, unfairness: null, histograms: {}, slices: all },
    operations: all.reduce((sum, { operations }) => sum + operations, 0),
  };
  const lockSlices = all.map(({ operations, histograms: { wait } }) => ({
    ...{ seconds: 1, count: operations, nanos: operations * wait!.meanMs * 1e6, hdr: wait!.hdr },
  }));
  const repetition = {
    ...{ seed, workloads: [workload], jails: [], events: [], gauges: [] },
    lockSlices: lock === "" ? [] : [{ lock, kind: "sem", slices: lockSlices } as const],
  };
  return {
    ...{ format: FORMAT, formatVersion: FORMAT_VERSION, date: "", machine: {}, versions: {} },
    ...{ partial: null, settings: DEFAULTS, limits: {}, sliceSeconds: 1 },
    verdict: { status: 0, reasons: [] },
    repetitions: [repetition],
  };
}

const differenceOf = (a: RunFile, b: RunFile, figure: string) =>
  compare(a, b).differences.find((one) => one.figure === figure)!;

/** The one figure alone, of which the tests below want many. */
function medianRatio(a: RunFile, b: RunFile, repetitions = false): Ratio {
  const [before, after] = [a, b].map((run) => {
    const parts = partsOf(run, "sem", repetitions);
    return { parts, of: quantileOf(parts, "wait", 50)! };
  });
  return ratioOf(before, after);
}

describe("compare", () => {
  test("a run and itself: all ratios are 1, and their intervals hold 1", () => {
    const run = runOf(2);
    for (const { ratio, interval, sentence } of compare(run, run).differences) {
      expect(ratio).toBe(1);
      expect(interval![0]).toBeLessThanOrEqual(1);
      expect(interval![1]).toBeGreaterThanOrEqual(1);
      expect(sentence).toContain("did not change by more than chance");
    }
  });

  test("intervals hold a difference that is known about as often as they say", () => {
    let held = 0;
    let noise = 0;
    const times = 40;
    for (let seed = 0; seed < times; seed++) {
      const one = (mean: number, from: number): RunFile =>
        runOf(mean, { seed: seed + from, slices: 12 });
      const [a, b] = [one(1, 0), one(2, 1000)];
      const [low, high] = medianRatio(a, b).interval!;
      if (low <= 2 && 2 <= high) held++;
      const same = medianRatio(a, one(1, 2000)).interval!;
      if (same[0] > 1 || same[1] < 1) noise++;
    }
    expect(held).toBeGreaterThan(times * 0.85);
    expect(noise).toBeLessThan(times * 0.15);
  });

  test("five repetitions are enough for intervals that hold as often as they say", () => {
    const one = (scale: number, seed: number): RunFile["repetitions"][number] => {
      const [repetition] = runOf(scale, { seed, slices: 1 }).repetitions;
      const [workload] = repetition.workloads;
      const { histograms } = workload.slices[0];
      return { ...repetition, workloads: [{ ...workload, histograms }] };
    };
    const five = (scale: number, seed: number): RunFile => ({
      ...runOf(scale),
      repetitions: [0, 1, 2, 3, 4].map((ix) => one(scale, seed + ix)),
    });
    let held = 0;
    const times = 30;
    for (let ix = 0; ix < times; ix++) {
      const { interval } = medianRatio(five(1, ix * 10), five(2, 5000 + ix * 10), true);
      const [low, high] = interval!;
      expect(low).toBeGreaterThan(1);
      if (low <= 2 && 2 <= high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(times * 0.85);
  });

  test("says it in a sentence", () => {
    const { sentence, ratio } = differenceOf(runOf(1), runOf(2, { seed: 5 }), "p99 of waits");
    expect(ratio).toBeGreaterThan(1.8);
    expect(sentence).toMatch(/^p99 of waits of sem rose [12]\.\d+× \[1\.\d+, 2\.\d+\]$/);
    const fell = differenceOf(runOf(1), runOf(1, { perSlice: 100 }), "throughput");
    expect(fell.sentence).toMatch(/^throughput of sem fell to 0\.2\d*× \[0\.2\d*, 0\.2\d*\]$/);
  });

  test("the same of a lock, by the name that programs gave it", () => {
    const lock = "WALWriteLock";
    const [a, b] = [runOf(1, { lock }), runOf(2, { seed: 5, lock })];
    const locks = compare(a, b).differences.filter((one) => one.lock === lock);
    expect(locks.map(({ workload, figure }) => [workload, figure])).toEqual([
      [null, "waits"],
      [null, "time waited"],
      [null, "median of a wait"],
      [null, "p99 of a wait"],
    ]);
    const [waits, time, , p99] = locks;
    expect(waits.sentence).toMatch(/^the number of WALWriteLock waits did not change by more/);
    expect(time).toMatchObject({ unit: "s/s", ratio: expect.closeTo(2, 0) });
    expect(p99.sentence).toMatch(/^p99 of WALWriteLock waits rose [12]\.\d+× \[1\.\d+, 2\.\d+\]$/);
    const none = (one: RunFile): unknown[] => compare(a, one).differences.filter((d) => d.lock);
    expect(none(runOf(2))).toEqual([]); // nobody waited for it there
    expect(none(runOf(2, { lock: "another" }))).toEqual([]);
    expect(none(runOf(2, { lock, slices: 3, perSlice: 20 }))).toEqual([]); // too few for a p99
  });

  test("a lock that one run alone waited for is told of", () => {
    const told = compare(runOf(1), runOf(2, { lock: "mutex msq" })).oneSided;
    expect(told).toMatchObject([{ lock: "mutex msq", run: "after" }]);
    expect(told[0].sentence).toMatch(
      /^mutex msq was waited for in the second run \(.* waits\/s, .* s\/s\), and in the first hardly or not at all$/,
    );
    expect(compare(runOf(1, { lock: "x" }), runOf(2, { lock: "x" })).oneSided).toEqual([]);
    const few = runOf(2, { lock: "x", slices: 3, perSlice: 20 });
    expect(compare(few, runOf(1)).oneSided).toEqual([]);
  });

  test("a lock in five repetitions is drawn by repetition", () => {
    const lock = "pool";
    const one = (scale: number, seed: number) =>
      runOf(scale, { seed, slices: 2, lock }).repetitions[0];
    const five = (scale: number, from: number): RunFile => ({
      ...runOf(scale),
      repetitions: [0, 1, 2, 3, 4].map((ix) => one(scale, from + ix)),
    });
    const all = compare(five(1, 1), five(3, 100)).differences;
    const [low, high] = all.find((d) => d.lock === lock && d.figure === "p99 of a wait")!.interval!;
    expect(low).toBeGreaterThan(1.5);
    expect(low).toBeLessThan(3);
    expect(high).toBeGreaterThan(3);
  });

  test("wait events of PostgreSQL, by the transaction", () => {
    const server = (micros: number): ServerFigures => ({
      ...{ transactions: 1000, semops: 0, sleeps: 0, latchSignals: 0, fsyncs: 0, deadlocks: 0 },
      ...{ checkpoints: 0, vacuums: 0, crashes: 0, aborted: 0, lost: 0 },
      waits: { "LWLock:WALWrite": { waits: 500, micros } },
    });
    const made = (micros: number, repeat: number): RunFile => {
      const run = runOf(1);
      const [repetition] = run.repetitions;
      const [workload] = repetition.workloads;
      const repetitions = Array.from({ length: repeat }, (_, ix) => ({
        ...repetition,
        workloads: [{ ...workload, server: server(micros * (1 + ix / 100)) }],
      }));
      return { ...run, repetitions };
    };
    const found = (repeat: number) =>
      compare(made(1e6, repeat), made(2e6, repeat)).differences.find((one) => one.lock !== null)!;
    expect(found(5)).toMatchObject({
      lock: "LWLock:WALWrite",
      unit: "ms",
      ratio: expect.closeTo(2),
    });
    expect(found(5).sentence).toMatch(
      /^the time that a transaction waits for LWLock:WALWrite rose 2×/,
    );
    expect(found(1).interval).toBeNull();
    expect(found(1).sentence).toMatch(/too few slices/);
  });

  test("tells what is not the same, and what to beware of", () => {
    const a = runOf(1, { slices: 3 });
    const b: RunFile = {
      ...a,
      settings: { ...a.settings, jails: 9, model: "flat" },
      machine: { ...a.machine, model: "a faster one" },
      partial: "interrupted",
    };
    const { changed, cautions } = compare(a, b);
    expect(changed).toEqual([
      { name: "jails", before: "2", after: "9" },
      { name: "model", before: "jail-keyed", after: "flat" },
      { name: "machine: model", before: String(a.machine.model), after: "a faster one" },
    ]);
    expect(cautions.join("\n")).toMatch(/second run is partial/);
    expect(cautions.join("\n")).toMatch(/an interval needs 5 slices/);
  });
});
