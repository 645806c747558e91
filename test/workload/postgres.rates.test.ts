/**
 * Calls of a transaction by kind, beside what was measured on PostgreSQL 15.18 with System V
 * semaphores on two cores. [PG-54] [PG-55] [PG-59]
 *
 * Two series of the same machine differ by a factor of up to two, which is the range given here. The
 * simulation has to lie within it, or off by at most another factor of two: that it does for the
 * same reason is not shown by it, only that no kind of wait has become a sleep that is none.
 */
import { setClock } from "@jailyard/workload/postgres/clock";
import type { ResultRecord } from "@jailyard/workload/postgres/records";
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { afterEach, describe, expect, test } from "vitest";
import { finished, resultOf, simYard, startServer } from "../support/postgres.ts";

afterEach(() => setClock(null));

/** How far from the measured range a figure may be. */
const FACTOR = 2;
/** Sleeps a transaction that are as good as none. */
const NONE = 0.05;
const TRANSACTIONS = 400;

async function resultWith(config: Partial<InstanceConfig>): Promise<ResultRecord> {
  const yard = simYard({}, 1);
  const each = Math.max(15, Math.ceil(TRANSACTIONS / (config.backends ?? 8)));
  const server = startServer(yard, { version: "15", transactions: each, ...config });
  await finished(yard, server);
  return resultOf(server);
}

const within = (value: number, [least, most]: readonly [number, number]): void => {
  expect(value).toBeGreaterThanOrEqual(least / FACTOR - NONE);
  expect(value).toBeLessThanOrEqual(most * FACTOR + NONE);
};

const N = { workload: "simple-update" } as const;
const LAZY = { fsync: false } as const;

describe("sleeps on a semaphore", () => {
  test.each<[string, number, readonly [number, number], Partial<InstanceConfig>]>([
    ["TPC-B, fsync off", 1, [0, 0], LAZY],
    ["TPC-B, fsync off", 2, [0.065, 0.065], LAZY],
    ["TPC-B, fsync off", 4, [0.213, 0.37], LAZY],
    ["TPC-B, fsync off", 8, [0.76, 1.2], LAZY],
    ["TPC-B, fsync off", 16, [1.69, 2.4], LAZY],
    ["TPC-B, fsync off", 32, [3.31, 3.31], LAZY],
    ["TPC-B, scale 10, fsync off", 8, [0.087, 0.087], { ...LAZY, scale: 10 }],
    ["TPC-B, scale 10, fsync off", 32, [0.35, 0.35], { ...LAZY, scale: 10 }],
    ["TPC-B, fsync on", 1, [0, 0.002], {}],
    ["TPC-B, fsync on", 4, [0.4, 0.4], {}],
    ["TPC-B, fsync on", 8, [0.93, 1], {}],
    ["TPC-B, fsync on", 16, [1.8, 3.59], {}],
    ["TPC-B, fsync on", 32, [5.97, 5.97], {}],
    ["simple-update, fsync off", 8, [0.033, 0.033], { ...N, ...LAZY }],
    ["simple-update, fsync on", 8, [1.1, 1.37], N],
    ["simple-update, fsync on", 16, [1.35, 1.47], N],
    ["simple-update, fsync on", 32, [1.5, 1.56], N],
    ["select-only", 8, [0, 0], { workload: "select-only" }],
  ])("%s, %d clients: near %j a transaction", async (_, backends, measured, config) => {
    const { sleeps, transactions } = await resultWith({ ...config, backends });
    within(sleeps / transactions, measured);
  });
});

describe("other kinds, TPC-B with 8 clients", () => {
  test("a sleep has one wake; signals to latches as recorded; no semctl but one a process", async () => {
    const result = await resultWith({ backends: 8 });
    const { semops, sleeps, semctls, transactions, latchSignals } = result;
    expect(semops).toBeGreaterThanOrEqual(2 * sleeps);
    expect(semops).toBeLessThan(2 * sleeps + 30);
    within(latchSignals / transactions, [3.7, 3.7]); // 10,014 in 2,681 transactions
    expect(semctls).toBeLessThan(200); // 127 slots, 16 that check a set, 15 processes
  });

  test("most waiting is for rows, not for lightweight locks [PG-59]", async () => {
    const { waits } = await resultWith({ ...LAZY, backends: 8 });
    const micros = (kind: string): number =>
      Object.entries(waits).reduce(
        (sum, [event, w]) => sum + (event.startsWith(kind) ? w.micros : 0),
        0,
      );
    const all = micros("Lock:") + micros("LWLock:") + micros("IPC:");
    expect(micros("Lock:") / all).toBeGreaterThan(0.75); // measured: 95 % of samples
  });
});
