/** What a run of PostgreSQL servers says of its locks: in PostgreSQL's words, and for whom backends wait. */
import { writeFileSync } from "node:fs";
import { lockText } from "@jailyard/abi/contention";
import type { RunFile } from "@jailyard/lab/stress/runfile";
import { sentencesOf } from "@jailyard/lab/stress/sentences";
import { completed, type StressSettings } from "@jailyard/lab/stress/settings";
import { stress } from "@jailyard/lab/stress/stress";
import { afterAll, describe, expect, test } from "vitest";
import { Place } from "../support/cli.ts";

const AROUND = { date: "", machine: {}, versions: {} };
const settings = (given: Partial<StressSettings>): StressSettings =>
  completed({ workloads: { postgres: 1 }, ...given });
const run = (given: Partial<StressSettings>): Promise<RunFile> =>
  stress({ log: "silent" }, settings(given), AROUND, () => {});

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const place = new Place();
afterAll(() => place.remove());

describe.each([
  { placement: "direct", version: "15" },
  { placement: "central", version: "8.1" },
] as const)("PostgreSQL $version, placement $placement", ({ placement, version }) => {
  const options = { postgres: { version, script: "tpcb" } };
  let result: RunFile;

  test("semaphores are called after their backends", async () => {
    result = await run({ jails: 2, procs: 6, seconds: 2.5, options, placement });
    expect(result.verdict).toEqual({ status: 0, reasons: [] });
    const waited = result.locks!.filter(({ kind, contended }) => kind === "sem" && contended > 0);
    expect(waited.length).toBeGreaterThan(0);
    for (const one of waited) {
      expect(lockText(one)).toMatch(
        new RegExp(`^sem \\d+\\[\\d+\\] "${one.jail} (backend [1-6]|[A-Za-z ]+)"$`),
      );
    }
    expect(waited.some(({ label }) => label?.includes("backend"))).toBe(true);
  });

  test("wait events are as many and as long as the servers' own account of them", () => {
    const { waits } = result.repetitions[0].workloads[0].server!;
    const events = Object.fromEntries(result.waitEvents!.map((row) => [row.event, row]));
    const rows = Object.entries(waits).filter(([, own]) => own.waits > 20);
    expect(rows.map(([event]) => event)).toContain("Lock:transactionid");
    for (const [event, own] of rows) {
      const { waits: count, waitNanos, wait } = events[event];
      expect({ event, near: count / own.waits }).toEqual({ event, near: expect.closeTo(1, 0) });
      expect(waitNanos / 1000 / own.micros).toBeGreaterThan(0.7);
      expect(waitNanos / 1000 / own.micros).toBeLessThan(1.05);
      expect(wait!.count).toBe(count);
    }
  });

  test("a backend waits for another of its own server: who has the lock is known", () => {
    for (const { event, uses } of result.waitEvents!) {
      for (const { jail, waitNanos, blame } of uses) {
        expect(sum(blame.map(({ nanos }) => nanos))).toBe(waitNanos);
        const own = sum(blame.filter((by) => by.jail === jail).map(({ nanos }) => nanos));
        const isRow = event.startsWith("Lock:") && waitNanos > 1e6;
        if (isRow) expect(own / waitNanos).toBeGreaterThan(0.9);
        expect(blame.every((by) => by.jail === jail || by.jail === null)).toBe(true);
      }
    }
    const sems = result.locks!.filter(({ kind }) => kind === "sem").flatMap(({ uses }) => uses);
    const known = sum(
      sems.flatMap(({ blame }) => blame.filter(({ jail }) => jail !== null).map((by) => by.nanos)),
    );
    expect(known).toBeGreaterThan(0);
  });

  test("the sentences are a database administrator's", () => {
    const text = sentencesOf(result).join("\n");
    expect(text).toContain(`2 PostgreSQL ${version} servers, one in a jail, with 6 clients each`);
    expect(text).toMatch(/\(TPC-B-like, scale 1, fsync on; .* transactions a second/);
    expect(text).toMatch(/by wait event: .*% for another transaction .*\(Lock:transactionid\)/);
    expect(text).toContain("--with postgres.scale=6 takes that queue away");
    if (version === "15") expect(text).toMatch(/woken by a signal, [\d.]+ a transaction/);
    else expect(text).toContain("most often for Lock:transactionid.");
  });

  test("lockstat has a row for each wait event and jail", async () => {
    const file = place.file("run.json");
    writeFileSync(file, JSON.stringify(result));
    const { status, out } = await place.run("lockstat", file, "--by", "event");
    expect(status).toBe(0);
    expect(out).toMatch(/^ +0 +\d+ .*Lock:transactionid \(jail[12]\)$/m);
  });
});

test("what chaos did is told, and what came of it", async () => {
  const options = { postgres: { chaos: "postmaster", every: 0.4 } };
  const result = await run({ jails: 1, procs: 2, seconds: 2.5, options });
  expect(result.verdict).toEqual({ status: 0, reasons: [] });
  const text = sentencesOf(result).join("\n");
  expect(text).toMatch(
    /^On purpose \d+ postmasters? w(as|ere) killed and up again after [\d,.]+ m?s( to [\d,.]+ m?s)?;/m,
  );
});

describe("think time", () => {
  const think = (given: Partial<StressSettings>): unknown =>
    settings({ options: {}, ...given }).options.postgres.think;

  test("few clients have none; many ask for 400 transactions a second together", () => {
    expect(think({ jails: 16, procs: 16 })).toBe(0);
    expect(think({ jails: 100, procs: 4 })).toBe(1_000_000);
    expect(think({ jails: 1000, procs: 4 })).toBe(10_000_000);
    expect(think({ jails: 4000, procs: 100 })).toBe(10_000_000);
    expect(think({ jails: 1000, workloads: { postgres: 1, sem: 3 } })).toBe(2_500_000);
  });

  test("what is asked for is had", () => {
    expect(think({ jails: 1000, options: { postgres: { think: 0 } } })).toBe(0);
  });
});
