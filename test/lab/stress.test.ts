/** Mixes of stressors in real yards: what they measure, and that their checks can fail. */
import type { Yard } from "@jailyard/host/yard";
import { MODELS } from "@jailyard/kernel/model";
import type { RunFile, WorkloadResult } from "@jailyard/lab/stress/runfile";
import { sentencesOf } from "@jailyard/lab/stress/sentences";
import { completed, type StressSettings } from "@jailyard/lab/stress/settings";
import { stress } from "@jailyard/lab/stress/stress";
import { WORKLOADS } from "@jailyard/lab/stress/workloads";
import { describe, expect, test } from "vitest";

const INTRUDER = new URL("./programs/intruder.ts", import.meta.url);
const AROUND = { date: "", machine: {}, versions: {} };

/** Run a mix; `spoilt` starts the intruder in the first jail as soon as work begins. */
function run(given: Partial<StressSettings>, spoilt = false): Promise<RunFile> {
  let yard: Yard | null = null;
  const onYard = (up: Yard | null): void => {
    yard = up;
  };
  let intruding = false;
  return stress({ log: "silent", onYard }, completed(given), AROUND, ({ phase }) => {
    if (!spoilt || intruding || phase !== "run") return;
    intruding = true;
    void yard!.jails.get("jail1")!.spawn({ module: INTRUDER });
  });
}

const resultOf = ({ repetitions }: RunFile, name: string): WorkloadResult =>
  repetitions[0].workloads.find((one) => one.name === name)!;

describe("every workload", () => {
  test("works beside all others, and its checks hold", async () => {
    const names = [...WORKLOADS.keys()];
    const workloads = Object.fromEntries(names.map((name) => [name, 1]));
    const result = await run({ workloads, procs: 22, seconds: 1 });
    expect(result.verdict).toEqual({ status: 0, reasons: [] });
    expect(result.partial).toBe(null);
    for (const name of names) {
      const { operations, histograms, slices, errors, unexpected } = resultOf(result, name);
      expect(operations, name).toBeGreaterThan(0);
      expect(histograms.latency?.count, name).toBe(operations);
      expect(
        slices.reduce((sum, slice) => sum + slice.operations, 0),
        name,
      ).toBe(operations);
      expect({ name, unexpected, errors: Object.keys(errors) }).toEqual({
        name,
        unexpected: 0,
        errors: Object.keys(errors).filter((code) => WORKLOADS.get(name)!.expects.includes(code)),
      });
    }
  });

  test("jails that share a name space keep their objects apart, or use the same ones", async () => {
    const shared = { workloads: { convoy: 1, philosophers: 1, readers: 1, pipeline: 1, sem: 1 } };
    const result = await run({ ...shared, shared: true, model: "flat", procs: 8, seconds: 0.5 });
    expect(result.verdict).toEqual({ status: 0, reasons: [] });
    const peak = (name: string): number | undefined =>
      result.repetitions[0].gauges.find((gauge) => gauge.name === name)?.peak;
    expect(peak("kern.ipc.semmni")).toBe(5);
    const apart = await run({ workloads: { churn: 1, convoy: 1 }, model: "flat", seconds: 0.5 });
    expect(apart.verdict).toEqual({ status: 0, reasons: [] });
  });
});

describe("checks that fail", () => {
  test.each(["sem", "shm", "msg", "pipeline", "philosophers", "readers", "convoy", "storm"])(
    "%s notices an intruder",
    async (name) => {
      const result = await run({ workloads: { [name]: 1 }, jails: 1, seconds: 1 }, true);
      expect(result.verdict.status).toBe(2);
      expect(result.verdict.reasons.join()).toContain(`${name}: `);
      expect(resultOf(result, name).wrong).toBeGreaterThan(0);
    },
  );
});

describe("statuses", () => {
  test("3: no resources to start a workload", async () => {
    const result = await run({ workloads: { sem: 1 }, limits: { "kern.ipc.semmni": 1 } });
    expect(result.verdict.status).toBe(3);
    expect(result.verdict.reasons).toEqual([
      expect.stringMatching(/^sem in jail\d cannot start: semget: No space left on device/),
    ]);
  });

  test("8: a condition holds; its figure is told", async () => {
    const fail = ["p99(convoy.wait) > 1ns && operations > 0", "errors > 1000000"];
    const result = await run({ workloads: { convoy: 1 }, seconds: 0.3, fail });
    expect(result.verdict.status).toBe(8);
    expect(result.verdict.reasons).toEqual([
      expect.stringMatching(/^--fail p99\(convoy\.wait\).* holds: p99\(wait\) is [\d.]+ ms/),
    ]);
  });
});

describe("an open loop", () => {
  test("latency counts from when an operation was due, and what was never begun is told", async () => {
    const options = { convoy: { hold: 20_000 } };
    const result = await run({
      ...{ workloads: { convoy: 1 }, options, jails: 1, procs: 2 },
      ...{ seconds: 1, rate: 1000 },
    });
    const { operations, missed, histograms } = resultOf(result, "convoy");
    expect(operations).toBeLessThan(120); // 50 holds of 20 ms fit in a second
    expect(operations + missed).toBeGreaterThan(900);
    expect(histograms.lag!.p50Ms).toBeGreaterThan(100);
    expect(histograms.latency!.p99Ms).toBeGreaterThan(histograms.service!.p99Ms * 2);
    expect(histograms.latency!.count).toBe(operations);
  });

  test("a schedule that can be kept is kept", async () => {
    const result = await run({ workloads: { sem: 1 }, jails: 1, rate: 100, seconds: 1 });
    const { operations, errors, missed } = resultOf(result, "sem");
    const all = operations + (errors.EAGAIN ?? 0) + missed;
    expect(all).toBeGreaterThanOrEqual(96);
    expect(all).toBeLessThanOrEqual(100);
  });
});

test("a neighbour that eats a limit has others refused, and the gauge full", async () => {
  const result = await run({ workloads: { noisy: 1 }, jails: 3, procs: 1, seconds: 1 });
  expect(result.verdict).toEqual({ status: 0, reasons: [] });
  expect(resultOf(result, "noisy").errors.ENOSPC).toBeGreaterThan(0);
  const refused = result.repetitions[0].events.find(({ what }) => what === "refusal")!;
  expect(refused.text).toMatch(/^ENOSPC semget: .*kern\.ipc\.semm/);
  expect(["jail2", "jail3"]).toContain(refused.jail);
});

test.each(MODELS)(
  "%s: the host's limits are seen in use, whoever the jails' keys are for",
  async (model) => {
    const result = await run({ workloads: { convoy: 1 }, model, jails: 3, seconds: 0.5 });
    expect(result.verdict).toEqual({ status: 0, reasons: [] });
    const sets = result.repetitions[0].gauges.find(({ name }) => name === "kern.ipc.semmni")!;
    expect(sets.peak).toBe(3);
  },
);

test("of a neighbour whose jails differ by design nobody is told that they do", async () => {
  const result = await run({ workloads: { noisy: 1 }, wake: "handoff", seconds: 0.5 });
  expect(resultOf(result, "noisy").unfairness).toBeGreaterThan(2);
  const text = sentencesOf(result).join("\n");
  expect(text).not.toMatch(/The jail that did most/);
  expect(text).toMatch(/\(noisy; model jail-keyed, wake handoff\)/);
  expect(text).toMatch(/noisy got ENOSPC [\d,]+ times?, in [\d.]+ % of what it tried\./);
});

test("an interruption leaves a partial result, and nothing that runs", async () => {
  const controller = new AbortController();
  let up: Yard | null = null;
  const cx = {
    log: "silent" as const,
    signal: controller.signal,
    onYard: (yard: Yard | null) => {
      up = yard;
    },
  };
  const settings = completed({ workloads: { convoy: 1, storm: 1 }, seconds: 600, repeat: 3 });
  const result = await stress(cx, settings, AROUND, ({ phase, operations }) => {
    if (phase === "run" && operations > 0) controller.abort();
  });
  expect(up).toBe(null);
  expect(result.partial).toMatch(/^interrupted after [\d.]+ of 600 s of repetition 1 of 3$/);
  expect(result.verdict).toEqual({ status: 0, reasons: [] });
  expect(resultOf(result, "convoy").operations).toBeGreaterThan(0);
  expect(result.repetitions[0].events.map(({ what }) => what)).toContain("stop");
});

test("servers that share a name space collide, and events and a sentence say so", async () => {
  const options = { postgres: { version: "8.1" } };
  const result = await run({
    ...{ workloads: { postgres: 1 }, options, model: "flat", jails: 2, procs: 2, seconds: 2 },
  });
  const found = result.repetitions[0].events.filter(({ what }) => what === "collision");
  expect(found.map(({ jail }) => jail)).toContain("jail1"); // jail2 came later, and took its sets
  expect(found[0].text).toMatch(
    /^somebody removed what this server uses: FATAL: {2}sem\w+\(.*\) failed: I\w+ \w+$/,
  );
  expect(sentencesOf(result)).toContainEqual(expect.stringMatching(/^Collision in jail\d: some/));
});
