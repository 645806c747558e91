/** SEM_UNDO: what a process takes back when it ends, and where FreeBSD slips. */
import { EINVAL, ENOSPC, ERANGE, OK } from "@jailyard/abi/errno";
import { SEM_UNDO } from "@jailyard/abi/sem";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { exec, fork } from "@jailyard/kernel/proc";
import { semundoClear, structuresInUse } from "@jailyard/kernel/semundo";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, exit, process } from "../support/kernel.ts";
import { semset } from "../support/semset.ts";

let b: Bench;
const boot = (config: KernelConfig = {}): void => {
  b = bench(config);
};

beforeEach(() => boot());
afterEach(() => tearDown(b));

const user = (): Thread => process(b.k, { uid: 1001, gid: 100 });
const entries = ({ p_semundo: un }: Thread): number[][] =>
  un === null
    ? []
    : Array.from({ length: un.un_cnt }, (_, i) => [un.un_ix[i], un.un_num[i], un.un_adjval[i]]);

describe("at exit", () => {
  test("the adjustments are applied, in order, and every sleeper looks again [SEM-73]", () => {
    const set = semset(b, [5, 0]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, -3, SEM_UNDO], [1, +2, SEM_UNDO]));
    const waiter = user();
    sleeps(b, set.semopBy(waiter, [0, -5]));
    exit(b.k, td);
    expect(outcome(b, waiter)).toBe("OK");
    expect(set.getall()).toEqual([0, 0]);
  });

  test("a negative one stops at 0, a positive one passes semvmx [SEM-73] [SEM-75]", () => {
    const set = semset(b, [0, 32760]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, +4, SEM_UNDO], [1, -100, SEM_UNDO]));
    ok(b, set.owner, set.semop([0, -3], [1, +100]));
    exit(b.k, td);
    expect(set.getall()).toEqual([0, 32860]);
  });

  test("pids and times are not touched [SEM-73]", () => {
    const set = semset(b, [1]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, -1, SEM_UNDO]));
    const { sem_otime } = set.stat();
    b.k.now = 77;
    exit(b.k, td);
    expect([set.getpid(0), set.stat().sem_otime]).toEqual([td.p_pid, sem_otime]);
  });

  test("a set that is gone is skipped, also when its slot has another [SEM-72]", () => {
    const set = semset(b, [1]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, -1, SEM_UNDO]));
    expect(set.remove()).toBe(OK);
    const next = semset(b, [1]);
    exit(b.k, td);
    expect(next.getall()).toEqual([1]);
  });
});

describe("the vector", () => {
  test("fork does not copy it, exec keeps it [SEM-64]", () => {
    const set = semset(b, [1]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, -1, SEM_UNDO]));
    const child = b.k.procs.get(ok(b, td, fork(b.k, td)) as Thread["p_pid"])!;
    expect(entries(child)).toEqual([]);
    ok(b, td, exec(b.k, td, "other"));
    exit(b.k, td);
    expect(set.getall()).toEqual([1]);
  });

  test("an operation and its inverse leave nothing, and the vector is free again [SEM-66]", () => {
    const set = semset(b, [1]);
    ok(b, set.owner, set.semop([0, -1, SEM_UNDO]));
    ok(b, set.owner, set.semop([0, +1, SEM_UNDO]));
    expect(structuresInUse(b.k.commons)).toBe(0);
  });

  test("emptied in the middle of a call, the rest of the call is lost [SEM-68]", () => {
    const set = semset(b, [0, 0]);
    ok(b, set.owner, set.semop([0, +1, SEM_UNDO], [0, -1, SEM_UNDO], [1, +1, SEM_UNDO]));
    expect(entries(set.owner)).toEqual([]);
  });

  test("ERANGE leaves an empty vector, which counts against semmnu [SEM-69]", () => {
    tearDown(b);
    boot({ limits: { "kern.ipc.semmnu": 1, "kern.ipc.semaem": 3 } });
    const set = semset(b, [0]);
    const why = "SEM-66, kern.ipc.semaem";
    fails(b, set.owner, ERANGE, why, () => set.semop([0, +4, SEM_UNDO]));
    const other = user();
    const full = "SEM-66, kern.ipc.semmnu";
    fails(b, other, ENOSPC, full, () => set.semopBy(other, [0, +1, SEM_UNDO]));
  });

  test("[EINVAL] semume entries are there; the whole call is taken back [SEM-67]", () => {
    tearDown(b);
    boot({ limits: { "kern.ipc.semume": 1 } });
    const set = semset(b, [0, 0]);
    const sops = () => set.semop([0, +1, SEM_UNDO], [1, +1, SEM_UNDO]);
    fails(b, set.owner, EINVAL, "SEM-66, kern.ipc.semume", sops);
    expect(entries(set.owner)).toEqual([]);
  });
});

describe("clearing", () => {
  /** Four semaphores of three sets, entries as (set, semnum) in this order; the vector after it. */
  function cleared(order: readonly (readonly [number, number])[], ix: number, which: number) {
    const sets = [semset(b, [0, 0, 0, 0]), semset(b, [0, 0, 0, 0])];
    const td = user();
    for (const [set, num] of order) ok(b, td, sets[set].semopBy(td, [num, +1, SEM_UNDO]));
    semundoClear(b.k.commons, td.td_undo!, ix, which);
    return entries(td).map(([set, num]) => [set, num]);
  }
  const ALL = -1;

  test.each([
    {
      order: [
        [0, 0],
        [0, 1],
      ],
      which: 1,
      left: [
        [0, 0],
        [0, 1],
      ],
    },
    {
      order: [
        [0, 0],
        [0, 1],
      ],
      which: 0,
      left: [[0, 1]],
    },
    {
      order: [
        [0, 0],
        [1, 3],
        [0, 1],
      ],
      which: 0,
      left: [
        [0, 1],
        [1, 3],
      ],
    },
    {
      order: [
        [1, 0],
        [0, 1],
        [0, 0],
      ],
      which: 0,
      left: [
        [1, 0],
        [0, 1],
        [0, 0],
      ],
    },
    {
      order: [
        [0, 0],
        [0, 1],
        [0, 2],
        [0, 3],
      ],
      which: ALL,
      left: [
        [0, 3],
        [0, 2],
      ],
    },
  ] as const)("$order without $which is $left [SEM-84]", ({ order, which, left }) => {
    expect(cleared(order, 0, which)).toEqual(left);
  });

  test("SETVAL forgets the adjustment of its semaphore, SETALL about half of all [SEM-71]", () => {
    const set = semset(b, [0, 0]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, +1, SEM_UNDO], [1, +1, SEM_UNDO]));
    ok(b, set.owner, set.setval(0, 1));
    expect(entries(td)).toEqual([[0, 1, -1]]);
    ok(b, set.owner, set.setall([5, 5]));
    expect(structuresInUse(b.k.commons)).toBe(0);
  });

  test("an entry that survives removal swallows the undo of the next set there [SEM-72]", () => {
    const set = semset(b, [0, 0]);
    const td = user();
    ok(b, td, set.semopBy(td, [0, +1, SEM_UNDO], [1, +1, SEM_UNDO]));
    expect(set.remove()).toBe(OK);
    const next = semset(b, [0, 0]);
    ok(b, td, next.semopBy(td, [1, +1, SEM_UNDO]));
    exit(b.k, td);
    expect(next.getall()).toEqual([0, 1]);
  });
});
