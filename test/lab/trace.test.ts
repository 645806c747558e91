/** Every wait of a run: as a trace that strict readers take, as stacks, and the same as was counted. */
import type { LockRow, RunFile } from "@jailyard/lab/stress/runfile";
import { completed, type StressSettings } from "@jailyard/lab/stress/settings";
import { stress } from "@jailyard/lab/stress/stress";
import { traceText } from "@jailyard/lab/trace/chrometrace";
import { flameText } from "@jailyard/lab/trace/flame";
import { Recorder, WAITS_MAX } from "@jailyard/lab/trace/recorder";
import { nested } from "@jailyard/lab/trace/tracks";
import { describe, expect, test } from "vitest";
import { type TraceEvent, type TraceFile, traceProblems } from "../support/tracecheck.ts";

const AROUND = { date: "", machine: {}, versions: {} };
const MIX: Partial<StressSettings> = {
  workloads: { convoy: 1, pipeline: 1, philosophers: 1 },
  ...{ model: "flat", shared: true, jails: 2, procs: 9, seconds: 0.5 },
};

async function traced(
  given: Partial<StressSettings>,
  max = WAITS_MAX,
): Promise<{ run: RunFile; recorder: Recorder; file: TraceFile }> {
  const settings = completed(given);
  const recorder = new Recorder(max, settings.jails + 1);
  const run = await stress({ log: "silent", recorder }, settings, AROUND, () => {});
  const text = [...traceText(recorder, run.repetitions[0].events, { settings })].join("");
  return { run, recorder, file: JSON.parse(text) as TraceFile };
}

const isWait = ({ ph, cat }: TraceEvent): boolean => ph === "X" && cat !== "wakeup";

function sums(pairs: readonly (readonly [key: string, value: number])[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const [key, value] of pairs) all.set(key, (all.get(key) ?? 0) + value);
  return all;
}

/** Locks with at least a thousandth of all that was waited. */
function large(locks: readonly LockRow[]): LockRow[] {
  const all = locks.reduce((sum, { waitNanos }) => sum + waitNanos, 0);
  return locks.filter(({ waitNanos }) => waitNanos > all / 1000);
}

describe.each([
  { placement: "direct", wake: "herd", locks: "object", stats: "contended" },
  { placement: "direct", wake: "handoff", locks: "freebsd", stats: "full" },
  { placement: "central", wake: "herd", locks: "object", stats: "contended" },
] as const)("$placement, $wake, $locks, $stats", (manner) => {
  test("a trace opens without a warning, and agrees with what was counted", async () => {
    const { run, recorder, file } = await traced({ ...MIX, ...manner });
    expect(run.verdict.status).toBe(0);
    expect(traceProblems(file)).toEqual([]);
    expect(recorder.dropped).toBe(0);
    expect(file.otherData).toMatchObject({ waits_left_out: 0, waits_lost: 0 });
    const go = file.traceEvents.find(({ name, s }) => name === "go" && s === "g")!.ts;
    const waits = file.traceEvents.filter((one) => isWait(one) && one.ts + one.dur > go);
    const byLock = sums(waits.map(({ args, dur }) => [String(args.object), dur * 1000]));
    expect(large(run.locks!).length).toBeGreaterThan(2);
    for (const { name, waitNanos, contended } of large(run.locks!)) {
      const share = byLock.get(name)! / waitNanos;
      expect({ name, close: Math.abs(share - 1) < 0.01 }).toEqual({ name, close: true });
      const count = waits.filter(({ args }) => args.object === name).length;
      expect({ name, few: Math.abs(count - contended) <= 0.01 * contended }).toMatchObject({
        few: true,
      });
    }
  });
});

test("the trace has jails as processes, who holds, who wakes whom, and the events of the run", async () => {
  const { file } = await traced(MIX);
  const named = (name: string): unknown[] =>
    file.traceEvents.filter((event) => event.name === name).map(({ args }) => args.name);
  expect(named("process_name")).toEqual(expect.arrayContaining(["jail1", "jail2", "host"]));
  expect(named("thread_name")).toContainEqual(expect.stringMatching(/^convoy \d+$/));
  const wait = file.traceEvents.find(
    ({ args }) => args?.call === "semop" && args.holder && args.woken_by,
  );
  expect(wait).toMatchObject({
    cat: "sem",
    name: expect.stringMatching(/^(convoy lock|buffer|items|free slots|fork \d+)$/),
    args: { holder: expect.stringMatching(/^\w+ \d+ \(jail\d\)$/), verdict: "had it" },
  });
  const flows = file.traceEvents.filter(({ ph }) => ph === "s");
  const ends = new Map(file.traceEvents.filter(({ ph }) => ph === "f").map((one) => [one.id, one]));
  const across = flows.filter(({ id, pid }) => ends.get(id)!.pid !== pid);
  expect(across.length).toBeGreaterThan(0); // one jail wakes another
  expect(flows.every(({ id, tid }) => ends.get(id)!.tid !== tid)).toBe(true);
  const events = file.traceEvents.filter(({ ph, s }) => ph === "i" && s === "g");
  expect(events.map(({ name }) => name)).toEqual(expect.arrayContaining(["start", "go", "end"]));
});

test("stacks are as flamegraph.pl reads them, and add up to the waits", async () => {
  const { run, recorder } = await traced(MIX, 0);
  const lines = flameText(recorder, "time").trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^[^;\s][^;]*(;[^;]+){2,4} \d+$/);
  expect(new Set(lines.map((line) => line.replace(/ \d+$/, ""))).size).toBe(lines.length);
  expect(lines).toContainEqual(
    expect.stringMatching(/^jail1;convoy;pid \d+;semop;sem \d+\[0\] "convoy lock" \d+$/),
  );
  const nanos = sums(
    lines.map((line) => [/;([^;"]+)( ".*")? \d+$/.exec(line)![1], Number(/\d+$/.exec(line)![0])]),
  );
  for (const { name, waitNanos } of large(run.locks!)) {
    expect({ name, close: Math.abs(nanos.get(name)! / waitNanos - 1) < 0.01 }).toMatchObject({
      close: true,
    });
  }
  const counts = flameText(recorder, "count").trimEnd().split("\n");
  const total = counts.reduce((sum, line) => sum + Number(/\d+$/.exec(line)![0]), 0);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual(recorder.left); // no wait was to be kept whole
  expect([...recorder.waits()]).toEqual([]);
});

test("a trace that may not have all waits says so, and how far it goes", async () => {
  const { recorder, file } = await traced(MIX, 40);
  expect(traceProblems(file)).toEqual([]);
  expect(file.traceEvents.filter(isWait)).toHaveLength(40);
  expect(recorder.left).toBeGreaterThan(0);
  expect(file.otherData).toMatchObject({ waits_left_out: recorder.left });
  expect(file.otherData.complete_until_ns).toBeGreaterThan(0);
});

test("the checker finds what is wrong", async () => {
  const { file } = await traced(MIX, 100);
  const at = (want: (event: TraceEvent) => boolean, change: object): string[] => {
    const ix = file.traceEvents.findIndex(want);
    const events = file.traceEvents.with(ix, { ...file.traceEvents[ix], ...change });
    return traceProblems({ ...file, traceEvents: events });
  };
  const woken = ({ name }: TraceEvent): boolean => name === "woken, not yet running";
  const found = (text: RegExp): unknown => expect.arrayContaining([expect.stringMatching(text)]);
  expect(at(woken, { dur: 9e9 })).toEqual(found(/does not end within/));
  expect(at(woken, { ts: -1 })).toEqual(found(/^bad ts/));
  expect(at(({ ph }) => ph === "s", { id: 0 })).toEqual(found(/has 0 begins and 1 ends/));
  expect(at(({ ph }) => ph === "f", { ts: 0 })).toEqual(found(/in no slice/));
  expect(at(({ name }) => name === "thread_name", { args: { name: "" } })).toEqual(found(/empty/));
  expect(at(({ name }) => name === "process_name", { pid: 77 })).toEqual(found(/has no name/));
});

test("slices that overlap go on lanes of their own; marks give way", () => {
  const slice = (start: number, end: number, mark = false) => ({ start, end, mark, what: null });
  const lanes = nested([slice(0, 10), slice(5, 15), slice(6, 8), slice(12, 14), slice(20, 30)]);
  expect(lanes.map(({ start, lane }) => [start, lane])).toEqual([
    [0, 0],
    [5, 1],
    [6, 0],
    [12, 0],
    [20, 0],
  ]);
  const marks = nested([slice(0, 10), slice(9, 12, true), slice(11, 14, true), slice(13, 20)]);
  expect(marks.map(({ start, end }) => [start, end])).toEqual([
    [0, 10],
    [9, 10],
    [11, 13],
    [13, 20],
  ]);
});
