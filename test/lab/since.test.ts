/** Statistics of a stretch of time: the end less the begin. */
import type { Contention, LockStats, LockUse } from "@jailyard/abi/contention";
import { since } from "@jailyard/lab/stress/since";
import { expect, test } from "vitest";

const use = (given: Partial<LockUse>): LockUse => ({
  ...{ jid: 1, contended: 0, over: 0, waitNanos: 0, waitMaxNanos: 0, wait: [] },
  ...{ holds: 0, holdNanos: 0, holdMaxNanos: 0, hold: [], blame: [] },
  ...given,
});
const lock = (taken: number, uses: readonly LockUse[], name = "gate"): LockStats => ({
  ...{ kind: "gate", mechanism: "gate", name, label: null, id: -1, num: 0, owner: -1 },
  ...{ taken, ownerChanges: 0, longestQueue: 1, uses },
});
const at = (...locks: LockStats[]): Contention => ({
  ...{ stats: "contended", atNanos: 0, jails: {}, waiting: [], deadlocks: [] },
  ...{ locks, events: [{ event: "io", longestQueue: 1, uses: locks[0]?.uses ?? [] }] },
});

const before = use({
  ...{ contended: 3, over: 2, waitNanos: 50, waitMaxNanos: 30 },
  wait: [
    [20, 1],
    [30, 1],
  ],
  blame: [{ jid: 2, count: 3, nanos: 50 }],
});
const after = use({
  ...{ contended: 5, over: 5, waitNanos: 95, waitMaxNanos: 30 },
  wait: [
    [15, 2],
    [20, 2],
    [30, 1],
  ],
  blame: [
    { jid: 2, count: 4, nanos: 60 },
    { jid: 3, count: 1, nanos: 35 },
  ],
});

test("sums and histograms are subtracted; a wait that lasted at the begin is one of both", () => {
  const [{ taken, uses }] = since(at(lock(10, [before])), at(lock(17, [after]))).locks;
  expect(taken).toBe(7);
  expect(uses).toEqual([
    use({
      ...{ contended: 3, over: 3, waitNanos: 45, waitMaxNanos: 20 },
      wait: [
        [15, 2],
        [20, 1],
      ],
      blame: [
        { jid: 2, count: 1, nanos: 10 },
        { jid: 3, count: 1, nanos: 35 },
      ],
    }),
  ]);
});

test("a maximum that has grown is kept to the nanosecond", () => {
  const more = { ...after, waitMaxNanos: 31 };
  const [{ uses }] = since(at(lock(1, [before])), at(lock(2, [more]))).locks;
  expect(uses[0].waitMaxNanos).toBe(31);
});

test("what nobody used since is left out, what is new is whole", () => {
  const done = use({ contended: 2, over: 2 });
  const all = since(at(lock(4, [done])), at(lock(4, [done]), lock(1, [after], "sem 1[0]")));
  expect(all.locks).toEqual([lock(1, [after], "sem 1[0]")]);
  expect(all.events).toEqual([]);
  const end = at(lock(1, [after]));
  expect(since(null, end)).toBe(end);
});
