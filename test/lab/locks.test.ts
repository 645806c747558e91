/** Locks, interference and waits of runs: sums that have to agree, and deadlocks that have a name. */
import { writeFileSync } from "node:fs";
import { decodeHdr, valuesOf } from "@jailyard/lab/stress/histogram";
import { interferenceOf, mergedRows } from "@jailyard/lab/stress/locks";
import { SORTS, sorted, tallied } from "@jailyard/lab/stress/lockstat";
import type { LockRow, RunFile } from "@jailyard/lab/stress/runfile";
import { sentencesOf } from "@jailyard/lab/stress/sentences";
import { completed, type StressSettings } from "@jailyard/lab/stress/settings";
import { stress } from "@jailyard/lab/stress/stress";
import { afterAll, describe, expect, test } from "vitest";
import { Place } from "../support/cli.ts";

const AROUND = { date: "", machine: {}, versions: {} };
const run = (given: Partial<StressSettings>): Promise<RunFile> =>
  stress({ log: "silent" }, completed(given), AROUND, () => {});

const SHARED: Partial<StressSettings> = {
  workloads: { convoy: 2, sem: 1, pipeline: 1 },
  ...{ model: "flat", shared: true, jails: 3, procs: 4, seconds: 1 },
};

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const place = new Place();
afterAll(() => place.remove());

/** Every sum of the file that there are two ways to. */
function agrees({ locks, interference }: RunFile): void {
  const { jails, nanos, nobody, mechanisms, pairs } = interference!;
  const waited = sum(locks!.map(({ waitNanos }) => waitNanos));
  expect(waited).toBeGreaterThan(0);
  expect(sum(nanos.map(sum)) + sum(nobody)).toBe(waited);
  expect(sum(pairs.map((pair) => pair.nanos)) / waited).toBeGreaterThan(0.99);
  for (const [ix, jail] of jails.entries()) {
    const uses = locks!.flatMap((lock) => lock.uses.filter((use) => (use.jail ?? "0") === jail));
    const column = nobody[ix] + sum(nanos.map((row) => row[ix]));
    expect(column).toBe(sum(uses.map(({ waitNanos }) => waitNanos)));
    const made = locks!.flatMap(({ uses: all }) => all.flatMap(({ blame }) => blame));
    const row = sum(nanos[ix]);
    expect(row).toBe(sum(made.filter((one) => one.jail === jail).map((one) => one.nanos)));
    const parts = mechanisms.map((one) => sum(one.nanos.map((of) => of[ix])) + one.nobody[ix]);
    expect(sum(parts)).toBe(column);
  }
  for (const { name, wait, uses, contended } of locks!) {
    const over = sum(uses.map((use) => use.wait?.count ?? 0));
    expect({ name, count: wait?.count ?? 0 }).toEqual({ name, count: over });
    expect(over).toBeLessThanOrEqual(contended);
  }
}

describe.each([
  { placement: "direct", wake: "herd", locks: "object", stats: "contended" },
  { placement: "direct", wake: "handoff", locks: "freebsd", stats: "full" },
  { placement: "central", wake: "herd", locks: "object", stats: "contended" },
] as const)("$placement, $wake, $locks, $stats", (manner) => {
  test("rows and columns add up to what was waited for", async () => {
    const result = await run({ ...SHARED, ...manner });
    expect(result.verdict.status).toBe(0);
    agrees(result);
    const { interference } = result;
    const jails = interference!.jails.filter((name) => name.startsWith("jail"));
    expect(jails).toEqual(["jail1", "jail2", "jail3"]);
    const others = interference!.pairs.filter(({ from, to }) => from !== null && from !== to);
    expect(others.length).toBeGreaterThan(0);
    expect(sentencesOf(result).join("\n")).toMatch(/^jail\d made jail\d wait .* on sem \d+\[/m);
    const held = sum(result.locks!.map(({ holds }) => holds));
    if (manner.stats === "full") expect(held).toBeGreaterThan(0);
    else expect(held).toBe(0);
  });
});

test("private jails wait for one another's calls, and for locks that FreeBSD has one of", async () => {
  const mine = { workloads: { msg: 1 }, jails: 2, procs: 6, seconds: 1 };
  const result = await run({ ...mine, locks: "freebsd" });
  agrees(result);
  const mutex = result.locks!.find(({ name }) => name === "mutex msq")!;
  expect(mutex.taken).toBeGreaterThan(1000);
  const across = mutex.uses.flatMap(({ jail, blame }) => blame.filter((one) => one.jail !== jail));
  expect(sum(across.map(({ nanos }) => nanos))).toBeGreaterThan(0);
});

test.each(["contended", "full"] as const)(
  "%s: what the yard says of waits is what the processes have timed themselves",
  async (stats) => {
    const options = { convoy: { hold: 3000, think: 0 } };
    const mix = { workloads: { convoy: 1 }, options, jails: 2, procs: 4, seconds: 1 };
    const { locks, repetitions } = await run({ ...mix, stats });
    const [{ histograms }] = repetitions[0].workloads;
    const timed = sum(valuesOf(decodeHdr(histograms.wait!.hdr)).map(([nanos, n]) => nanos * n));
    const own = locks!.filter(({ kind, waitNanos }) => kind === "sem" && waitNanos > 1e8);
    expect(own.map(({ jail }) => jail).sort()).toEqual(["jail1", "jail2"]);
    expect(Math.abs(sum(own.map(({ waitNanos }) => waitNanos)) / timed - 1)).toBeLessThan(0.05);
    expect(sum(own.map(({ taken }) => taken))).toBeGreaterThanOrEqual(histograms.latency!.count);
  },
);

test("off: nothing was waited for, and the file says how often locks were taken", async () => {
  const { locks, interference, waitFor } = await run({ ...SHARED, stats: "off", seconds: 0.3 });
  expect(sum(locks!.map(({ waitNanos }) => waitNanos))).toBe(0);
  expect(sum(locks!.map(({ taken }) => taken))).toBeGreaterThan(100);
  expect(interference).toMatchObject({ jails: [], pairs: [] });
  expect(waitFor).toEqual([]);
});

test("philosophers who take the left fork first are found in their ring", async () => {
  const options = { philosophers: { order: "left", eat: 0, think: 0 } };
  const table = { workloads: { philosophers: 1 }, options, jails: 1, procs: 3, seconds: 2 };
  const result = await run({ ...table, repeat: 1 });
  const events = result.repetitions[0].events.filter(({ what }) => what === "deadlock");
  expect(events.length).toBeGreaterThan(0);
  expect(events[0].text).toMatch(
    /^deadlock: .*jail1.* waits for sem \d+\[\d\] "fork \d", which .* holds/,
  );
  expect(result.waitFor!.some(({ deadlock, edges }) => deadlock && edges.length >= 2)).toBe(true);
  expect(sentencesOf(result).some((text) => text.startsWith("A deadlock: "))).toBe(true);
});

describe("lockstat", () => {
  const file = place.file("run.json");
  let locks: readonly LockRow[];

  test("has what the run file has, by lock, point, jail and mechanism", async () => {
    const result = await run({ ...SHARED, seconds: 0.5 });
    writeFileSync(file, JSON.stringify(result));
    locks = result.locks!;
    const waited = sum(locks.map(({ waitNanos }) => waitNanos)) / 1000;
    for (const view of ["lock", "point", "jail", "mechanism"] as const) {
      const rows = tallied(locks, view);
      expect(sum(rows.map((row) => row.wait_total)) / waited).toBeCloseTo(1, 9);
      for (const by of SORTS) {
        const values = sorted(rows, by).map((row) => row[by]);
        expect(values).toEqual([...values].sort((a, b) => b - a));
      }
    }
    const both = mergedRows([locks, locks]);
    expect(both[0].waitNanos).toBe(2 * locks[0].waitNanos);
    expect(both[0].wait?.count).toBe(2 * locks[0].wait!.count);
    expect(both[0].wait?.p99Ms).toBe(locks[0].wait!.p99Ms);
    expect(interferenceOf(both).pairs[0].nanos).toBe(2 * interferenceOf(locks).pairs[0].nanos);
  });

  test("prints FreeBSD's columns, or JSON", async () => {
    const { status, out, err } = await place.run("lockstat", file);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const [heads, first] = out.split("\n");
    expect(heads.trim().split(/ +/).slice(0, 5)).toEqual(
      ["max", "wait_max", "total", "wait_total", "count"], // as debug.lock.prof.stats
    );
    expect(first).toContain(locks[0].name);
    const json = await place.run("lockstat", file, "--by", "jail", "--sort", "wait_max", "--json");
    const rows = JSON.parse(json.out) as { jail: string }[];
    expect(rows.map(({ jail }) => jail)).toContain("jail1");
  });
});
