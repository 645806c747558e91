/** Locks of the simulated servers under interleavings that are drawn from a seed. */

import type { Process } from "@jailyard/trap/process";
import { runChild, SignalMask } from "@jailyard/workload/postgres/child";
import { setClock } from "@jailyard/workload/postgres/clock";
import type { Cluster } from "@jailyard/workload/postgres/cluster";
import { createCluster } from "@jailyard/workload/postgres/creation";
import { lockAcquire, lockRelease, lockReleaseAll } from "@jailyard/workload/postgres/heavy";
import { Histogram } from "@jailyard/workload/postgres/histogram";
import { FREE_CLIENT } from "@jailyard/workload/postgres/layout";
import { EXCLUSIVE_LOCK, LockTable, SHARE } from "@jailyard/workload/postgres/locktable";
import * as atomic from "@jailyard/workload/postgres/lwatomic";
import {
  lwAcquire,
  lwAcquireOrWait,
  lwConditional,
  lwRelease,
} from "@jailyard/workload/postgres/lwlock";
import { EXCLUSIVE, SHARED } from "@jailyard/workload/postgres/lwmode";
import * as spin from "@jailyard/workload/postgres/lwspin";
import type { Pgproc } from "@jailyard/workload/postgres/pgproc";
import { Counters } from "@jailyard/workload/postgres/records";
import { ServerLog } from "@jailyard/workload/postgres/report";
import type { Server } from "@jailyard/workload/postgres/server";
import { type InstanceConfig, settingsOf } from "@jailyard/workload/postgres/settings";
import { ShmemExit } from "@jailyard/workload/postgres/shmemexit";
import { afterEach, describe, expect, test } from "vitest";
import { finished, logOf, simYard } from "../support/postgres.ts";
import type { SimHandle, SimYard } from "../support/simproc.ts";

afterEach(() => setClock(null));

type Body = (me: Pgproc) => Promise<void>;

interface Outcome {
  readonly yard: SimYard;
  readonly handle: SimHandle;
  readonly counters: Counters;
  /** Values of all semaphores of slots that were used, once all are done. */
  readonly semvals: number[];
  readonly statuses: (number | null)[];
  /** What `inspect` said after the end of all. */
  readonly seen: unknown;
}

/** Run each body as a backend of one server without any other process. */
async function backends(
  config: InstanceConfig,
  seed: number,
  bodies: readonly Body[],
  inspect: (me: Pgproc) => unknown = () => null,
): Promise<Outcome> {
  const yard = simYard({}, seed);
  const counters = new Counters();
  const semvals: number[] = [];
  const statuses: (number | null)[] = [];
  let seen: unknown = null;
  const main = async (p: Process): Promise<number> => {
    const settings = settingsOf({ maxConnections: 20, sliceMicros: 5, seed, ...config }, "test");
    const log = new ServerLog(p, "test");
    const server: Server = { p, settings, log, exit: new ShmemExit(), counters };
    const cluster = await createCluster(server, null, () => {});
    const start = (body: Body): Promise<unknown> => fork(p, cluster, counters, body);
    for (const body of bodies) await start(body);
    for (const _ of bodies) statuses.push((await p.wait())!.status);
    await start(async (me) => {
      seen = inspect(me);
    });
    await p.wait();
    for (const set of yard.k.sem.slots) {
      if (set !== null) semvals.push(...set.page.sem.semval.slice(0, 16));
    }
    await server.exit.run();
    return 0;
  };
  const handle = yard.start(main, null);
  await finished(yard, handle);
  expect(handle.errors).toEqual([]);
  return { yard, handle, counters, semvals, statuses, seen };
}

function fork(p: Process, cluster: Cluster, counters: Counters, body: Body): Promise<unknown> {
  return p.fork((child) =>
    runChild(child, {
      ordinal: child.pid,
      title: "server process",
      mask: new SignalMask(),
      cluster,
      counters,
      list: FREE_CLIENT,
      terminates: true,
      flag: -1,
      body: async (me) => {
        await body(me);
        return 0;
      },
    }),
  );
}

const repeat = (count: number, body: Body): Body[] => Array.from({ length: count }, () => body);

/** Slots were reset to 0 when taken; those that nobody took are 1. */
const unbalanced = ({ semvals }: Outcome): number[] => semvals.filter((value) => value > 1);

describe.each(["8.1", "9.2", "9.6", "15", "18"] as const)("lightweight locks of %s", (version) => {
  const generation = version === "8.1" || version === "9.2" ? spin : atomic;

  test.each([1, 2, 3, 4, 5])(
    "writers alone, readers together, everybody in the end; seed %d [PG-42] [PG-45]",
    async (seed) => {
      let writers = 0;
      let readers = 0;
      let most = 0;
      let done = 0;
      const body: Body = async (me) => {
        const lock = me.layout.single("ProcArray");
        for (let i = 0; i < 60; i++) {
          const mode = me.rng() < 0.4 ? EXCLUSIVE : SHARED;
          await lwAcquire(me, lock, mode);
          if (mode === EXCLUSIVE) writers++;
          else readers++;
          most = Math.max(most, readers);
          expect(writers === 0 || (writers === 1 && readers === 0)).toBe(true);
          await me.cpu(3);
          if (mode === EXCLUSIVE) writers--;
          else readers--;
          await lwRelease(me, lock);
          await me.cpu(2);
        }
        done++;
      };
      const outcome = await backends({ version }, seed, repeat(8, body), (me) =>
        generation.isHeld(me, me.layout.single("ProcArray")),
      );
      expect(outcome.statuses).toEqual(Array(8).fill(0));
      expect(done).toBe(8);
      expect(most).toBeGreaterThan(1);
      expect(outcome.counters.sleeps).toBeGreaterThan(20);
      expect(unbalanced(outcome)).toEqual([]);
      expect(outcome.seen).toBe(false);
    },
  );

  test("a conditional attempt never waits", async () => {
    let got = 0;
    const body: Body = async (me) => {
      for (let i = 0; i < 40; i++) {
        if (!(await lwConditional(me, me.layout.single("XidGen"), EXCLUSIVE))) continue;
        got++;
        await me.cpu(3);
        await lwRelease(me, me.layout.single("XidGen"));
      }
    };
    const outcome = await backends({ version }, 9, repeat(4, body));
    expect(got).toBeGreaterThan(0);
    expect(outcome.counters.sleeps).toBe(0);
  });
});

describe.each(["9.2", "9.6", "18"] as const)("more of %s", (version) => {
  test.each([1, 2, 3])(
    "acquire-or-wait comes back without the lock; seed %d [PG-47]",
    async (seed) => {
      let flushes = 0;
      let without = 0;
      const body: Body = async (me) => {
        const lock = me.layout.single("WALWrite");
        for (let i = 0; i < 30; i++) {
          if (await lwAcquireOrWait(me, lock)) {
            flushes++;
            await me.cpu(8);
            await lwRelease(me, lock);
          } else without++;
          await me.cpu(2);
        }
      };
      const outcome = await backends({ version }, seed, repeat(6, body));
      expect(flushes + without).toBe(180);
      expect(without).toBeGreaterThan(10);
      expect(unbalanced(outcome)).toEqual([]);
    },
  );
});

describe("waits for a variable [PG-48]", () => {
  test.each([1, 2, 3, 4])(
    "they end when it changes, or with the release; seed %d",
    async (seed) => {
      let position = 0;
      let over = false;
      const writer: Body = async (me) => {
        const lock = me.layout.one("WALInsert", 0);
        for (let i = 0; i < 30; i++) {
          await lwAcquire(me, lock, EXCLUSIVE);
          await me.cpu(4);
          await atomic.updateVar(me, lock, ++position);
          await me.cpu(4);
          atomic.clearVar(me, lock);
          await lwRelease(me, lock);
          await me.cpu(3);
        }
        over = true;
      };
      const reader: Body = async (me) => {
        for (let at = 0; !over; await me.cpu(1)) {
          const seen = at;
          at = await atomic.waitForVar(me, me.layout.one("WALInsert", 0), seen);
          expect(at === 0 || at !== seen).toBe(true);
        }
      };
      const outcome = await backends({ version: "15" }, seed, [writer, ...repeat(4, reader)]);
      expect(outcome.statuses).toEqual(Array(5).fill(0));
      expect(unbalanced(outcome)).toEqual([]);
    },
  );
});

describe.each(["8.1", "9.6", "15"] as const)("heavyweight locks of %s", (version) => {
  test("exclusive is alone; all get their turn [PG-55] [PG-56]", async () => {
    let holders = 0;
    let done = 0;
    const body: Body = async (me) => {
      for (let i = 0; i < 20; i++) {
        await lockAcquire(me, "tuple branches 0", EXCLUSIVE_LOCK);
        holders++;
        expect(holders).toBe(1);
        await me.cpu(10);
        holders--;
        await lockRelease(me, "tuple branches 0");
      }
      done++;
    };
    const outcome = await backends({ version }, 5, repeat(6, body), (me) => me.cluster.locks.size);
    expect(done).toBe(6);
    expect(outcome.seen).toBe(0);
    expect(unbalanced(outcome)).toEqual([]);
    expect(outcome.counters.waits.has("Lock:tuple")).toBe(true);
  });

  test("a waiter for a lock sleeps in semop up to 9.4, on its latch since [PG-55]", async () => {
    const body: Body = async (me) => {
      for (let i = 0; i < 10; i++) {
        await lockAcquire(me, "relation t", EXCLUSIVE_LOCK);
        await me.p.sleep(1);
        await lockRelease(me, "relation t");
      }
    };
    const { counters } = await backends({ version }, 6, repeat(3, body));
    const waits = counters.waits.get("Lock:relation")!.waits;
    expect(waits).toBeGreaterThan(5);
    if (version === "8.1") expect(counters.latchSignals).toBe(0);
    else expect(counters.latchSignals).toBeGreaterThan(5);
    const light = [...counters.waits].filter(([event]) => event.startsWith("LWLock"));
    const lightWaits = light.reduce((sum, [, { waits }]) => sum + waits, 0);
    expect(counters.sleeps).toBe(lightWaits + (version === "8.1" ? waits : 0));
  });

  test("a deadlock ends one of the two after deadlock_timeout [PG-57]", async () => {
    const pair =
      (first: string, second: string): Body =>
      async (me) => {
        await lockAcquire(me, first, EXCLUSIVE_LOCK);
        await me.p.sleep(50);
        await lockAcquire(me, second, EXCLUSIVE_LOCK);
        await lockReleaseAll(me);
      };
    const alarm: Body = async (me) => {
      // the postmaster's part: timers of those who sleep in semop
      for (let i = 0; i < 40; i++) {
        await me.p.sleep(50);
        for (const pid of (await import("@jailyard/workload/postgres/heavy")).dueAlarms(
          me.cluster,
          me.words,
        )) {
          await me.p.kill(pid, "SIGALRM");
        }
      }
    };
    const bodies = [pair("tuple a 1", "tuple b 1"), pair("tuple b 1", "tuple a 1"), alarm];
    const outcome = await backends({ version }, 8, bodies, (me) => me.cluster.locks.size);
    expect(outcome.statuses.toSorted()).toEqual([0, 0, 1]);
    expect(outcome.counters.deadlocks).toBe(1);
    expect(logOf(outcome.handle)[0]).toBe("ERROR: deadlock detected");
    expect(logOf(outcome.handle)[1]).toMatch(
      /^DETAIL: Process \d+ waits for ExclusiveLock on tuple . 1; blocked by process \d+\.\nProcess/,
    );
    expect(outcome.seen).toBe(0);
    expect(outcome.yard.now).toBeGreaterThan(1000);
  });
});

describe("lock table", () => {
  test("sharers of a transaction are granted together, a later writer waits [PG-56]", () => {
    const table = new LockTable();
    const lock = table.open("transactionid 5");
    table.grant(lock, 0, EXCLUSIVE_LOCK);
    table.enqueue(lock, 1, SHARE);
    table.enqueue(lock, 2, SHARE);
    table.enqueue(lock, 3, EXCLUSIVE_LOCK);
    lock.holders.delete(0);
    expect(table.wakeable(lock)).toEqual([1, 2]);
    expect(lock.queue.map(({ slot }) => slot)).toEqual([3]);
  });

  test("who holds a lock queues before those that it blocks [PG-56]", () => {
    const table = new LockTable();
    const lock = table.open("relation t");
    table.grant(lock, 0, SHARE);
    table.grant(lock, 1, SHARE);
    table.enqueue(lock, 2, EXCLUSIVE_LOCK);
    table.enqueue(lock, 1, EXCLUSIVE_LOCK);
    expect(lock.queue.map(({ slot }) => slot)).toEqual([1, 2]);
  });

  test("a cycle through a queue position is soft, and overtaking solves it [PG-57]", () => {
    const table = new LockTable();
    const a = table.open("relation a");
    const b = table.open("relation b");
    table.grant(a, 0, SHARE);
    table.grant(b, 1, SHARE);
    table.enqueue(b, 0, EXCLUSIVE_LOCK); // waits for 1
    table.enqueue(a, 2, EXCLUSIVE_LOCK); // waits for 0
    table.enqueue(a, 1, SHARE); // waits behind 2 only
    const cycle = table.cycle(1)!;
    const soft = cycle.find((edge) => edge.soft)!;
    expect(soft).toMatchObject({ slot: 1, by: 2 });
    table.overtake(soft);
    expect(table.cycle(1)).toBe(null);
    expect(table.wakeable(a)).toEqual([1]);
  });
});

describe("histogram", () => {
  test("merging loses nothing, quantiles are within a sixteenth", () => {
    const all = new Histogram();
    const halves = [new Histogram(), new Histogram()];
    for (let i = 1; i <= 10_000; i++) {
      all.add(i);
      halves[i % 2].add(i);
    }
    const merged = new Histogram();
    for (const half of halves) merged.addRecord(half.record());
    expect(merged.record()).toEqual(all.record());
    for (const q of [0.5, 0.99]) {
      expect(Math.abs(all.quantile(q) - q * 10_000)).toBeLessThan((q * 10_000) / 16);
    }
    expect(all.quantile(1)).toBe(10_000);
  });
});
