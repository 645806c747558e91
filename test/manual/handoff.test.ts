/** Wake policy `handoff`: whoever changes an object serves its sleepers, first in, first out. */
import { IPC_PRIVATE } from "@jailyard/abi/ipc";
import { SEM_UNDO } from "@jailyard/abi/sem";
import { SIGKILL } from "@jailyard/abi/signal";
import { run } from "@jailyard/kernel/kernel";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgget } from "@jailyard/kernel/msgctl";
import { psignal } from "@jailyard/kernel/proc";
import { sysctlWrite } from "@jailyard/kernel/sysctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, exit, process } from "../support/kernel.ts";
import { semset } from "../support/semset.ts";

let b: Bench;
beforeEach(() => {
  b = bench({ wake: "handoff" });
});
afterEach(() => tearDown(b));

const user = (): Thread => process(b.k, { uid: 1001, gid: 100 });
const outcomes = (all: readonly Thread[]): string[] => all.map((td) => outcome(b, td));

describe("semop(2)", () => {
  test("the first that can go on does, and only as far as the value reaches", () => {
    const set = semset(b, [0]);
    const [two, one, other] = [user(), user(), user()];
    sleeps(b, set.semopBy(two, [0, -2]));
    sleeps(b, set.semopBy(one, [0, -1]));
    sleeps(b, set.semopBy(other, [0, -1]));
    ok(b, set.owner, set.semop([0, 1]));
    expect(outcomes([two, one, other])).toEqual(["asleep", "OK", "asleep"]);
    expect([set.getval(0), set.getncnt(0), set.getpid(0)]).toEqual([0, 2, one.p_pid]);
    ok(b, set.owner, set.semop([0, 2]));
    expect(outcomes([two, other])).toEqual(["OK", "asleep"]);
  });

  test("one that is served may serve the next", () => {
    const set = semset(b, [0, 0]);
    const [second, first] = [user(), user()];
    sleeps(b, set.semopBy(second, [1, -1]));
    sleeps(b, set.semopBy(first, [0, -1], [1, 1]));
    ok(b, set.owner, set.semop([0, 1]));
    expect(outcomes([second, first])).toEqual(["OK", "OK"]);
    expect(set.getall()).toEqual([0, 0]);
  });

  test("a value above semvmx, as an exit may leave it, serves who takes from it [SEM-73]", () => {
    const set = semset(b, [10]);
    const [holder, taker] = [user(), user()];
    ok(b, holder, set.semopBy(holder, [0, -10, SEM_UNDO]));
    sysctlWrite(b.k, null, "kern.ipc.semvmx", 3);
    sleeps(b, set.semopBy(taker, [0, -1]));
    exit(b.k, holder);
    expect(outcome(b, taker)).toBe("OK");
    expect(set.getall()).toEqual([9]);
  });

  test("SEM_UNDO of one that was served is undone at its exit, once", () => {
    const set = semset(b, [0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -1, SEM_UNDO]));
    ok(b, set.owner, set.semop([0, 1]));
    expect(outcome(b, td)).toBe("OK");
    exit(b.k, td);
    expect(set.getall()).toEqual([1]);
  });

  test("a vector that is too long to be seen looks for itself", () => {
    const set = semset(b, [0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const td = user();
    sleeps(b, set.semopBy(td, ...Array.from({ length: 9 }, (_, num) => [num, -1] as const)));
    ok(b, set.owner, set.setall(new Array(9).fill(1)));
    expect(outcome(b, td)).toBe("OK");
  });
});

describe("msgsnd(2) and msgrcv(2)", () => {
  const text = (length: number) => ({ mtype: 1, mtext: new Uint8Array(length) });

  test("a message is kept for the first receiver that wants it", () => {
    const td = user();
    const id = ok(b, td, msgget(b.k, td, IPC_PRIVATE, 0o600));
    const [typed, first, second] = [user(), user(), user()];
    sleeps(b, msgrcv(b.k, typed, id, text(8), 8, 7, 0));
    sleeps(b, msgrcv(b.k, first, id, text(8), 8, 0, 0));
    sleeps(b, msgrcv(b.k, second, id, text(8), 8, 0, 0));
    ok(b, td, msgsnd(b.k, td, id, text(4), 4, 0));
    expect(outcomes([typed, first, second])).toEqual(["asleep", "OK", "asleep"]);
  });

  test("a receiver that was killed is passed over", () => {
    const td = user();
    const id = ok(b, td, msgget(b.k, td, IPC_PRIVATE, 0o600));
    const [first, second] = [user(), user()];
    sleeps(b, msgrcv(b.k, first, id, text(8), 8, 0, 0));
    sleeps(b, msgrcv(b.k, second, id, text(8), 8, 0, 0));
    psignal(b.k, first, SIGKILL);
    run(b.k);
    ok(b, td, msgsnd(b.k, td, id, text(4), 4, 0));
    expect(outcome(b, second)).toBe("OK");
  });

  test("room goes to the sender that waits longest", () => {
    const td = user();
    const id = ok(b, td, msgget(b.k, td, IPC_PRIVATE, 0o600));
    ok(b, td, msgsnd(b.k, td, id, text(2048), 2048, 0));
    const [first, second] = [user(), user()];
    sleeps(b, msgsnd(b.k, first, id, text(2048), 2048, 0));
    sleeps(b, msgsnd(b.k, second, id, text(2048), 2048, 0));
    ok(b, td, msgrcv(b.k, td, id, text(2048), 2048, 0, 0));
    expect(outcomes([first, second])).toEqual(["OK", "asleep"]);
  });
});
