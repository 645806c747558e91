/** Who waits for which lock and because of whom, on a clock that only the test moves. */
import { type Contention, type LockStats, NOBODY } from "@jailyard/abi/contention";
import { OK } from "@jailyard/abi/errno";
import type { Sembuf } from "@jailyard/abi/sem";
import { contention } from "@jailyard/kernel/contention";
import { type KernelConfig, run } from "@jailyard/kernel/kernel";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgget } from "@jailyard/kernel/msgctl";
import { exit1 } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";
import { DeadlockWatch } from "@jailyard/kernel/waitfor";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";
import { type Semset, semset } from "../support/semset.ts";

const MS = 1_000_000;
let now = 0;
let b: Bench;
let a1: Thread;
let b1: Thread;
let c1: Thread;

const lock: Sembuf = [0, -1];
const unlock: Sembuf = [0, +1];

/** A flat kernel with a process in each of three jails. */
function start(config: KernelConfig = {}): void {
  now = 0;
  const nanos = (): number => now;
  b = bench({ model: "flat", sysvipc_allowed: true, stats: "contended", nanos, ...config });
  [a1, b1, c1] = ["a", "b", "c"].map((name) => process(b.k, { prison: jail(b.k, name) }));
}

beforeEach(() => start());
afterEach(() => tearDown(b));

const pass = (ms: number): void => {
  now += ms * MS;
};
const jids = (): Record<string, number> => ({
  a: a1.p_ucred.cr_prison.pr_id,
  b: b1.p_ucred.cr_prison.pr_id,
  c: c1.p_ucred.cr_prison.pr_id,
});
const lockOf = (all: Contention, name: RegExp): LockStats => {
  const found = all.locks.filter((one) => name.test(one.name));
  expect(found.map((one) => one.name)).toHaveLength(1);
  return found[0];
};
const snapshot = (): Contention => contention(b.k, 0);
const semOf = (set: Semset, num = 0): LockStats =>
  lockOf(snapshot(), new RegExp(`^sem ${set.id}\\[${num}\\]$`));

/** Milliseconds that `who` waited, by name of the jail to which it is laid; "-" is nobody. */
function blames(stats: LockStats, who: Thread): Record<string, number> {
  const names = Object.fromEntries(Object.entries(jids()).map(([name, jid]) => [jid, name]));
  const use = stats.uses.find(({ jid }) => jid === who.p_ucred.cr_prison.pr_id);
  return Object.fromEntries(
    (use?.blame ?? [])
      .filter(({ nanos }) => nanos > 0)
      .map(({ jid, nanos }) => [jid === NOBODY ? "-" : names[jid], nanos / MS]),
  );
}

describe("a semaphore used as a lock", () => {
  test("a wait is laid to whoever holds it", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(20);
    ok(b, a1, set.semopBy(a1, unlock));
    const stats = semOf(set);
    expect(blames(stats, b1)).toEqual({ a: 20 });
    expect(stats).toMatchObject({ taken: 2, ownerChanges: 2, longestQueue: 1, owner: jids().a });
    expect(stats.uses[0]).toMatchObject({ contended: 1, over: 1, waitMaxNanos: 20 * MS });
    expect(stats.uses[0].wait).toHaveLength(1);
    expect(Math.abs(stats.uses[0].wait[0][0] - 20 * MS)).toBeLessThan((20 * MS) / 128);
  });

  test("a wait is divided among those who held it meanwhile: herd", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    sleeps(b, set.semopBy(c1, lock));
    pass(10);
    ok(b, a1, set.semopBy(a1, unlock)); // b takes it
    pass(30);
    ok(b, b1, set.semopBy(b1, unlock));
    expect(blames(semOf(set), b1)).toEqual({ a: 10 });
    expect(blames(semOf(set), c1)).toEqual({ a: 10, b: 30 });
    expect(semOf(set).longestQueue).toBe(2);
  });

  test("a wait is divided among those who held it meanwhile: handoff", () => {
    tearDown(b);
    start({ wake: "handoff" });
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    sleeps(b, set.semopBy(c1, lock));
    pass(10);
    ok(b, a1, set.semopBy(a1, unlock));
    pass(30);
    ok(b, b1, set.semopBy(b1, unlock));
    expect(blames(semOf(set), c1)).toEqual({ a: 10, b: 30 });
    expect(semOf(set)).toMatchObject({ taken: 3, ownerChanges: 3 });
  });

  test("between wake-up and going on nobody holds it", () => {
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(5);
    expect(set.semopBy(a1, unlock)).toBe(OK);
    pass(2);
    run(b.k); // only now it gets the processor
    expect(blames(semOf(set), b1)).toEqual({ a: 5, "-": 2 });
  });

  test("a vector that gets past one semaphore and stops at another waits twice", () => {
    const set = semset(b, [1, 1], c1);
    ok(b, a1, set.semopBy(a1, [0, -1]));
    sleeps(b, set.semopBy(b1, [0, -1], [1, -1]));
    pass(4);
    ok(b, c1, set.semopBy(c1, [1, -1]));
    ok(b, a1, set.semopBy(a1, [0, +1]));
    expect(snapshot().waiting).toMatchObject([{ num: 1, holder: { pid: c1.p_pid } }]);
    pass(6);
    ok(b, c1, set.semopBy(c1, [1, +1]));
    expect(blames(semOf(set, 0), b1)).toEqual({ a: 4 });
    expect(blames(semOf(set, 1), b1)).toEqual({ c: 6 });
  });

  test("a holder that ends with SEM_UNDO is to blame until then", () => {
    const set = semset(b, [1], c1);
    ok(b, a1, set.semopBy(a1, [0, -1, 0o10000]));
    sleeps(b, set.semopBy(b1, lock));
    pass(7);
    exit1(b.k, a1, 0);
    run(b.k);
    expect(blames(semOf(set), b1)).toEqual({ a: 7 });
  });

  test("waiting for zero is laid to whoever raised it", () => {
    const set = semset(b, [0], a1);
    ok(b, a1, set.semopBy(a1, [0, 0], [0, 1]));
    sleeps(b, set.semopBy(b1, [0, 0], [0, 1]));
    pass(3);
    ok(b, a1, set.semopBy(a1, [0, -1]));
    expect(blames(semOf(set), b1)).toEqual({ a: 3 });
  });

  test("a wait that ends by removal counts, and the set is known when it is gone", () => {
    const set = semset(b, [1], a1);
    b.k.book.label(b.k.sem.at(set.id)!, 0, "WALWriteLock");
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(4);
    ok(b, a1, set.remove());
    const stats = semOf(set);
    expect(blames(stats, b1)).toEqual({ a: 4 });
    expect(stats).toMatchObject({ label: "WALWriteLock", taken: 1, owner: jids().a });
  });
});

describe("a semaphore used as a signal", () => {
  test("nobody is to blame for what has not happened yet", () => {
    const set = semset(b, [0], a1);
    for (let i = 0; i < 3; i++) {
      sleeps(b, set.semopBy(b1, lock));
      pass(5);
      ok(b, a1, set.semopBy(a1, unlock));
    }
    sleeps(b, set.semopBy(c1, lock)); // b was the last to take it, and never gives it back
    pass(5);
    ok(b, a1, set.semopBy(a1, unlock));
    expect(blames(semOf(set), b1)).toEqual({ "-": 15 });
    expect(blames(semOf(set), c1)).toEqual({ "-": 5 });
  });
});

describe("a queue", () => {
  test("receivers wait for nobody, senders for whoever filled it", () => {
    const id = ok(b, a1, msgget(b.k, a1, 0 as never, 0o666));
    const send = (td: Thread): number =>
      msgsnd(b.k, td, id, { mtype: 1, mtext: new Uint8Array(1500) }, 1500, 0);
    const receive = (td: Thread): number =>
      msgrcv(b.k, td, id, { mtype: 0, mtext: new Uint8Array(1500) }, 1500, 0, 0);
    sleeps(b, receive(b1) as never);
    pass(9);
    ok(b, a1, send(a1) as never);
    ok(b, a1, send(a1) as never);
    sleeps(b, send(c1) as never);
    pass(6);
    ok(b, b1, receive(b1) as never);
    const all = snapshot();
    expect(blames(lockOf(all, /^msg \d+ empty$/), b1)).toEqual({ "-": 9 });
    expect(blames(lockOf(all, /^msg \d+ full$/), c1)).toEqual({ a: 6 });
    expect(lockOf(all, /full$/).taken).toBe(3);
    expect(lockOf(all, /empty$/).taken).toBe(2);
  });
});

describe("modes", () => {
  test("full times holds, and waits as contended does", () => {
    const waits: unknown[] = [];
    for (const stats of ["contended", "full"] as const) {
      tearDown(b);
      start({ stats });
      const set = semset(b, [1], a1);
      pass(1);
      ok(b, a1, set.semopBy(a1, lock));
      sleeps(b, set.semopBy(b1, lock));
      pass(12);
      ok(b, a1, set.semopBy(a1, unlock));
      pass(3);
      ok(b, b1, set.semopBy(b1, unlock));
      const { uses, ...lockStats } = semOf(set);
      const waited = ({ jid, contended, waitNanos, waitMaxNanos, wait, blame }: (typeof uses)[0]) =>
        contended > 0 && { jid, contended, waitNanos, waitMaxNanos, wait, blame };
      waits.push([lockStats, uses.map(waited).filter(Boolean)]);
      const holds = uses
        .filter(({ holds: n }) => n > 0)
        .map(({ jid, holdNanos }) => [jid, holdNanos / MS]);
      const { a, b: jb } = jids();
      expect(holds.sort()).toEqual(
        stats === "full"
          ? [
              [a, 12],
              [jb, 3],
            ].sort()
          : [],
      );
    }
    expect(waits[0]).toEqual(waits[1]);
  });

  test("off counts, and waits for nothing", () => {
    tearDown(b);
    start({ stats: "off" });
    const set = semset(b, [1], a1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(12);
    ok(b, a1, set.semopBy(a1, unlock));
    expect(semOf(set)).toMatchObject({ taken: 2, uses: [] });
    expect(snapshot().waiting).toEqual([]);
  });
});

describe("who waits for whom", () => {
  test("a waiter, its lock, since when, and who is likely to hold it", () => {
    const set = semset(b, [1, 0], a1);
    pass(1);
    ok(b, a1, set.semopBy(a1, lock));
    sleeps(b, set.semopBy(b1, lock));
    pass(1);
    sleeps(b, set.semopBy(c1, [1, -1]));
    expect(snapshot().waiting).toEqual([
      {
        ...{ pid: b1.p_pid, jid: jids().b, comm: "sh", lock: `sem ${set.id}[0]`, label: null },
        ...{ kind: "sem", id: set.id, num: 0, sinceNanos: MS },
        holder: { pid: a1.p_pid, jid: jids().a, ended: false, told: false },
        event: null,
      },
      {
        ...{ pid: c1.p_pid, jid: jids().c, comm: "sh", lock: `sem ${set.id}[1]`, label: null },
        ...{ kind: "sem", id: set.id, num: 1, sinceNanos: 2 * MS, holder: null },
        event: null,
      },
    ]);
    exit1(b.k, a1, 0);
    expect(snapshot().waiting[0].holder).toMatchObject({ pid: a1.p_pid, ended: true });
  });

  test("two that hold what the other wants are a deadlock, told of once", () => {
    const watch = new DeadlockWatch();
    const set = semset(b, [1, 1], c1);
    ok(b, a1, set.semopBy(a1, [0, -1]));
    ok(b, b1, set.semopBy(b1, [1, -1]));
    sleeps(b, set.semopBy(a1, [1, -1]));
    expect([watch.look(b.k), watch.look(b.k)]).toEqual([[], []]);
    sleeps(b, set.semopBy(b1, [0, -1]));
    expect(watch.look(b.k)).toEqual([]); // once might be on its way
    const found = watch.look(b.k);
    expect(found).toHaveLength(1);
    expect(found[0].ring.map(({ pid }) => pid).sort()).toEqual([a1.p_pid, b1.p_pid].sort());
    expect(watch.look(b.k)).toEqual([]);
    expect(snapshot().deadlocks).toEqual(found);
  });

  test("waiting consumers are none", () => {
    const watch = new DeadlockWatch();
    const set = semset(b, [0, 0], c1);
    for (let i = 0; i < 4; i++) {
      ok(b, c1, set.semopBy(c1, [0, 1], [1, 1]));
      ok(b, a1, set.semopBy(a1, [i % 2, -1]));
      ok(b, b1, set.semopBy(b1, [(i + 1) % 2, -1]));
    }
    sleeps(b, set.semopBy(a1, [1, -1]));
    sleeps(b, set.semopBy(b1, [0, -1]));
    expect([watch.look(b.k), watch.look(b.k)]).toEqual([[], []]);
    expect(snapshot().waiting.map(({ holder }) => holder)).toEqual([null, null]);
  });
});
