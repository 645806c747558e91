/** Waits that programs name, and for whom they say that they wait, on a clock that only the test moves. */
import { LABEL_MAX, type LockUse, NOBODY } from "@jailyard/abi/contention";
import { contention } from "@jailyard/kernel/contention";
import { EventWaits } from "@jailyard/kernel/eventwait";
import { exit1 } from "@jailyard/kernel/proc";
import { NAMES_MAX } from "@jailyard/kernel/profile";
import type { Thread } from "@jailyard/kernel/thread";
import { DeadlockWatch } from "@jailyard/kernel/waitfor";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";
import { semset } from "../support/semset.ts";

const MS = 1_000_000;
let now = 0;
let b: Bench;
let sleeper: Thread;
let holder: Thread;
let other: Thread;
let events: EventWaits;

beforeEach(() => {
  now = 0;
  const flat = { model: "flat", sysvipc_allowed: true } as const;
  b = bench({ ...flat, stats: "contended", nanos: () => now });
  const names = ["sleeper", "holder", "other"];
  [sleeper, holder, other] = names.map((name) => process(b.k, { prison: jail(b.k, name) }));
  events = new EventWaits(b.k.profile);
});
afterEach(() => tearDown(b));

const jidOf = ({ p_ucred }: Thread): number => p_ucred.cr_prison.pr_id;
const useOf = (event: string, td = sleeper): LockUse | undefined =>
  contention(b.k, 0)
    .events.find((one) => one.event === event)
    ?.uses.find(({ jid }) => jid === jidOf(td));

describe("a named wait", () => {
  test("is counted by name and jail, and laid to whom its program names", () => {
    for (const ms of [3, 5]) {
      events.begin(sleeper.p_pid, "LWLock:WALWrite", holder.p_pid);
      now += ms * MS;
      events.end(sleeper.p_pid);
    }
    const use = useOf("LWLock:WALWrite");
    expect(use).toMatchObject({ contended: 2, over: 2, waitNanos: 8 * MS, waitMaxNanos: 5 * MS });
    expect(use?.blame).toEqual([{ jid: jidOf(holder), count: 2, nanos: 8 * MS }]);
    expect(use?.wait.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
  });

  test("is no lock: sums over locks are without it", () => {
    events.begin(sleeper.p_pid, "Lock:tuple", holder.p_pid);
    now += MS;
    events.end(sleeper.p_pid);
    expect(contention(b.k, 0).locks).toEqual([]);
  });

  test("for oneself, or for nobody, is nobody's", () => {
    for (const owner of [0, sleeper.p_pid]) {
      events.begin(sleeper.p_pid, "IO:WALSync", owner);
      now += MS;
      events.end(sleeper.p_pid);
    }
    expect(useOf("IO:WALSync")?.blame).toEqual([{ jid: NOBODY, count: 2, nanos: 2 * MS }]);
  });

  test("a second one ends the first; the end of none is nothing; the process's end is its end", () => {
    events.end(sleeper.p_pid);
    events.begin(sleeper.p_pid, "first", 0);
    now += MS;
    events.begin(sleeper.p_pid, "second", 0);
    now += 2 * MS;
    exit1(b.k, sleeper, 0);
    now += 4 * MS;
    events.end(sleeper.p_pid);
    expect(useOf("first")).toMatchObject({ over: 1, waitNanos: MS });
    expect(useOf("second")).toMatchObject({ over: 1, waitNanos: 2 * MS });
    expect(contention(b.k, 0).waiting).toEqual([]);
  });

  test("how many of a jail waited at once", () => {
    const second = process(b.k, { prison: sleeper.p_ucred.cr_prison });
    for (const td of [sleeper, second, other]) events.begin(td.p_pid, "crowd", 0);
    for (const td of [sleeper, second]) events.end(td.p_pid);
    events.begin(sleeper.p_pid, "crowd", 0);
    expect(contention(b.k, 0).events).toMatchObject([{ event: "crowd", longestQueue: 2 }]);
  });

  test("names are kept whole, and those that find no room are left out", () => {
    const long = "é".repeat(LABEL_MAX);
    for (let i = 0; i < NAMES_MAX + 10; i++) {
      events.begin(sleeper.p_pid, i === 0 ? long : `wait ${i}`, 0);
      events.end(sleeper.p_pid);
    }
    const all = contention(b.k, 0).events.map(({ event }) => event);
    expect(all).toHaveLength(NAMES_MAX);
    expect(all).toContain(long);
  });
});

describe("a sleeper that says for whom it waits", () => {
  /** A signal: the last to change it is the sleeper itself, so nobody is found who holds it. */
  const bed = () => semset(b, [0], sleeper);

  test("its wait for a semaphore that nobody holds is laid to that one", () => {
    const set = bed();
    events.begin(sleeper.p_pid, "LWLock:ProcArray", holder.p_pid);
    sleeps(b, set.semopBy(sleeper, [0, -1]));
    expect(contention(b.k, 0).waiting).toMatchObject([
      {
        ...{ pid: sleeper.p_pid, kind: "sem", event: "LWLock:ProcArray" },
        holder: { pid: holder.p_pid, jid: jidOf(holder), told: true },
      },
    ]);
    now += 7 * MS;
    ok(b, other, set.semopBy(other, [0, +1]));
    const { locks } = contention(b.k, 0);
    const use = locks.find(({ kind }) => kind === "sem")?.uses[0];
    expect(use?.blame).toEqual([{ jid: jidOf(holder), count: 1, nanos: 7 * MS }]);
  });

  test("who is found to hold a lock comes before who is named", () => {
    const set = semset(b, [1], other);
    ok(b, holder, set.semopBy(holder, [0, -1]));
    events.begin(sleeper.p_pid, "mistaken", other.p_pid);
    sleeps(b, set.semopBy(sleeper, [0, -1]));
    const [waiting] = contention(b.k, 0).waiting;
    expect(waiting.holder).toMatchObject({ pid: holder.p_pid, told: false });
  });

  test("without a lock of the kernel's it is in the graph by what it says", () => {
    events.begin(sleeper.p_pid, "Lock:transactionid", holder.p_pid);
    expect(contention(b.k, 0).waiting).toMatchObject([
      {
        ...{ pid: sleeper.p_pid, kind: "event", lock: "Lock:transactionid" },
        holder: { pid: holder.p_pid, ended: false, told: true },
      },
    ]);
  });

  test("rings of what processes say are no deadlocks: it was true when they fell asleep", () => {
    const [set, second] = [bed(), semset(b, [0], holder)];
    events.begin(sleeper.p_pid, "one", holder.p_pid);
    sleeps(b, set.semopBy(sleeper, [0, -1]));
    events.begin(holder.p_pid, "two", sleeper.p_pid);
    sleeps(b, second.semopBy(holder, [0, -1]));
    const watch = new DeadlockWatch();
    expect([watch.look(b.k), watch.look(b.k)]).toEqual([[], []]);
  });
});
