/** What a yard says of locks, where waits are known: they were made, or their maker has timed them. */
import { Worker } from "node:worker_threads";
import { type Contention, deadlockText, type LockStats, NOBODY } from "@jailyard/abi/contention";
import { IPC_PRIVATE } from "@jailyard/abi/ipc";
import type { Jail } from "@jailyard/host/jail";
import { epochNow, nanosSince } from "@jailyard/host/nanos";
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { MSQ_MTX } from "@jailyard/kernel/commons";
import { contention } from "@jailyard/kernel/contention";
import { makeCommons, makeKernel } from "@jailyard/kernel/kernel";
import { semget } from "@jailyard/kernel/semctl";
import { lockPage, lockQueues, unlockPage, unlockQueues } from "@jailyard/kernel/site";
import { afterEach, describe, expect, test } from "vitest";
import { process as proc } from "../support/kernel.ts";
import { quiet, type Running, start, until } from "../support/yard.ts";

let yard: Yard;
afterEach(() => yard?.shutdown());

const ROUNDS = 6;
/** Times are measured within this share. */
const CLOSE = 0.05;
/** Between two looks at the clock, in milliseconds. */
const BETWEEN = 0.2;

interface Held {
  readonly held: { readonly least: number; readonly most: number };
  readonly awaited: number;
}

/** A flat yard with jails a and b. */
async function twoJails(config: YardConfig): Promise<[a: Jail, b: Jail]> {
  yard = await quiet({ model: "flat", sysvipc_allowed: true, ...config });
  return [await yard.jail({ name: "a" }), await yard.jail({ name: "b" })];
}

const enter = (jail: Jail, entry: string, arg: object = {}): Promise<Running> =>
  start(jail, entry, arg, "contender");

const end = async ({ process }: Running): Promise<void> =>
  expect(await process.exited).toMatchObject({ status: 0 });

const lockOf = ({ locks }: Contention, name: RegExp): LockStats =>
  locks.find((one) => name.test(one.name))!;

/** The most by which figures of the same thing differ, as a share. */
const spread = (...figures: number[]): number => Math.max(...figures) / Math.min(...figures) - 1;

/** A figure in nanoseconds lies between two in milliseconds. */
function expectBetween(least: number, nanos: number, most: number): void {
  expect(nanos / 1e6).toBeGreaterThanOrEqual(least - BETWEEN);
  expect(nanos / 1e6).toBeLessThanOrEqual(most + BETWEEN);
}

/**
 * Measure with holds that grow until what is known of them is close enough to say something: a busy
 * machine keeps threads from their processors for some milliseconds. What `measure` expects must
 * hold each time. It answers between which times the truth lies.
 */
async function untilClose(measure: (holdMs: number) => Promise<[number, number]>): Promise<void> {
  let holdMs = 40;
  while (spread(...(await measure(holdMs))) > CLOSE) {
    expect(holdMs).toBeLessThan(2000);
    holdMs *= 2;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

describe.each([
  { placement: "direct", wake: "herd", stats: "contended" },
  { placement: "direct", wake: "handoff", stats: "full" },
  { placement: "central", wake: "herd", stats: "full" },
] as const)("$placement, $wake, $stats", (config) => {
  test("a wait is as long as the hold, and laid to the jail that held", async () => {
    await untilClose(async (holdMs) => {
      const [a, b] = await twoJails(config);
      await end(await enter(a, "setup"));
      const arg = { rounds: ROUNDS, holdMs };
      const running = [await enter(a, "hold", arg), await enter(b, "wait", arg)];
      const { held, awaited } = (await running[0].next()) as Held;
      const { waited } = (await running[1].next()) as { waited: number };
      for (const one of running) await end(one);
      const lock = lockOf(await yard.contention(), /^sem \d+\[0\]$/);
      await yard.shutdown();
      const use = lock.uses.find(({ jid }) => jid === b.jid)!;
      const ofA = use.blame.find(({ jid }) => jid === a.jid)!;
      expect(lock).toMatchObject({ label: "WALWriteLock", taken: 2 * ROUNDS, owner: a.jid });
      expect(use).toMatchObject({ contended: ROUNDS, over: ROUNDS });
      expectBetween(awaited, use.waitNanos, waited);
      expectBetween(awaited, ofA.nanos, waited);
      expect(sum(use.blame.map(({ nanos }) => nanos))).toBe(use.waitNanos);
      const inHistogram = sum(use.wait.map(([nanos, count]) => nanos * count));
      expect(inHistogram / use.waitNanos).toBeCloseTo(1, 1);
      const holds = lock.uses.find(({ jid }) => jid === a.jid);
      if (config.stats === "full") expectBetween(held.least, holds!.holdNanos, held.most);
      else expect(holds).toBeUndefined();
      return [awaited, waited];
    });
  });

  test("two processes that hold what the other wants are named while they wait", async () => {
    const [a, b] = await twoJails(config);
    const found: string[] = [];
    yard.deadlockListeners.add((deadlock, jails) => found.push(deadlockText(deadlock, jails)));
    await end(await enter(a, "both"));
    const one = await enter(a, "grab", { first: 0, second: 1 });
    await enter(b, "grab", { first: 1, second: 0 });
    await until(() => found.length > 0);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/\(a\) waits for sem \d+\[1\], which .* \(b\) holds/);
    expect(found[0]).toMatch(/\(b\) waits for sem \d+\[0\], which .* \(a\) holds/);
    const { waiting, deadlocks } = await yard.contention();
    expect(waiting.map(({ holder }) => holder?.jid).sort()).toEqual([a.jid, b.jid].sort());
    expect(deadlocks).toHaveLength(1);
    await one.process.kill("SIGKILL");
    await one.process.exited;
    await until(async () => (await yard.contention()).waiting[0]?.holder?.ended === true);
  });
});

/** Hold the mutex in `buffer` as another thread does that is known as `owner`. */
const HOLDER = `
const { workerData: { buffer, offset, row, owner, ms }, parentPort } = require("node:worker_threads");
const mtx = new Int32Array(buffer, offset);
Atomics.store(mtx, row, owner);
parentPort.postMessage("held");
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
if (Atomics.exchange(mtx, row, 0) < 0) Atomics.notify(mtx, row, 1);
`;

async function heldBy(owner: number, mtx: Int32Array, row: number, ms: number): Promise<void> {
  const { buffer, byteOffset: offset } = mtx;
  const workerData = { buffer, offset, row, owner, ms };
  const worker = new Worker(HOLDER, { eval: true, workerData });
  await new Promise((resolve) => worker.once("message", resolve));
}

test.each(["page of sem", "mutex msq"])(
  "%s: a thread waits for the jail of its owner",
  async (name) => {
    await untilClose(async (holdMs) => {
      const config = {
        stats: "contended",
        locks: "freebsd",
        nanos: nanosSince(epochNow()),
      } as const;
      const k = makeKernel({ ...config, commons: makeCommons(config, 8) });
      const td = proc(k);
      semget(k, td, IPC_PRIVATE, 1, 0o600);
      const { page } = k.sem.slots[0]!;
      k.profile.setHome(1, 5);
      k.profile.serving = 7;
      const isPage = name === "page of sem";
      const [mtx, row] = isPage ? [page.mtx, 0] : [k.commons.locks, MSQ_MTX];
      await heldBy(1, mtx, row, holdMs);
      const from = k.profile.nanos();
      if (isPage) lockPage(k, page);
      else lockQueues(k);
      const waited = k.profile.nanos() - from;
      if (isPage) unlockPage(page);
      else unlockQueues(k);
      const [use] = lockOf(contention(k, 0), new RegExp(`^${name}`)).uses;
      expect(use).toMatchObject({ jid: 7, contended: 1, over: 1 });
      expect(use.blame.map(({ jid }) => jid)).toEqual([5]);
      expect(use.waitNanos).toBeLessThanOrEqual(waited);
      return [use.waitNanos, waited];
    });
  },
);

test("waits for the gate are laid to those whose calls came before", async () => {
  const [a, b] = await twoJails({ placement: "central" });
  await end(await enter(a, "setup"));
  const arg = { rounds: 300 };
  const running = [await enter(a, "call", arg), await enter(b, "call", arg)];
  for (const one of running) await end(one);
  const gate = lockOf(await yard.contention(), /^gate$/);
  expect(gate.taken).toBeGreaterThan(600);
  for (const use of gate.uses) {
    expect(sum(use.blame.map(({ nanos }) => nanos))).toBe(use.waitNanos);
    expect(use.over).toBe(use.contended);
    expect(use.blame.every(({ jid }) => [NOBODY, 0, a.jid, b.jid].includes(jid))).toBe(true);
  }
  expect(sum(gate.uses.map(({ contended }) => contended))).toBeGreaterThan(0);
});
