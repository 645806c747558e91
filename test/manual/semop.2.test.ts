/** semop(2): all operations of a vector on a set, or none. */
import {
  E2BIG,
  EACCES,
  EAGAIN,
  EFAULT,
  EFBIG,
  EINVAL,
  ENOSYS,
  ERANGE,
  OK,
} from "@jailyard/abi/errno";
import { IPC_NOWAIT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT } from "@jailyard/abi/jail";
import type { Sembuf } from "@jailyard/abi/sem";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import type { Semid } from "@jailyard/abi/types";
import { type KernelConfig, run } from "@jailyard/kernel/kernel";
import { psignal } from "@jailyard/kernel/proc";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import * as sem from "@jailyard/kernel/sem";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, modify, process } from "../support/kernel.ts";
import { semset, vector } from "../support/semset.ts";

let b: Bench;
const boot = (config: KernelConfig = {}): void => {
  b = bench(config);
};

beforeEach(() => boot());
afterEach(() => tearDown(b));

const user = (uid = 1001): Thread => process(b.k, { uid, gid: 100 });

describe("DESCRIPTION", () => {
  test("operations are performed all together or not at all [SEM-54]", () => {
    const set = semset(b, [1, 0]);
    fails(b, set.owner, EAGAIN, "SEM-55", () => set.semop([0, -1], [1, -1, IPC_NOWAIT]));
    expect(set.getall()).toEqual([1, 0]);
  });

  test("each operation sees the ones before it [SEM-50]", () => {
    const set = semset(b, [0]);
    ok(b, set.owner, set.semop([0, +3], [0, -2], [0, -1], [0, 0]));
    expect(set.getall()).toEqual([0]);
  });

  test("pid and otime are set by a success, ctime never [SEM-63]", () => {
    b.k.now = 5;
    const set = semset(b, [0, 0, 0]);
    b.k.now = 9;
    ok(b, set.owner, set.semop([0, +1], [2, 0]));
    expect([0, 1, 2].map((num) => set.getpid(num))).toEqual([set.owner.p_pid, 0, set.owner.p_pid]);
    expect(set.stat()).toMatchObject({ sem_otime: 9, sem_ctime: 5 });
  });

  test("no operation at all needs no permission and sets otime [SEM-49]", () => {
    const set = semset(b, [1]);
    b.k.now = 7;
    ok(b, user(9), sem.semop(b.k, user(9), set.id, null, 0));
    expect(set.stat().sem_otime).toBe(7);
  });

  test("a decrement waits until the value allows it [SEM-51] [SEM-56]", () => {
    const set = semset(b, [1]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -3]));
    expect([set.getncnt(0), set.getzcnt(0)]).toEqual([1, 0]);
    ok(b, set.owner, set.semop([0, +1])); // wakes it, and it sleeps again [SEM-62]
    expect(outcome(b, td)).toBe("asleep");
    ok(b, set.owner, set.semop([0, +1]));
    expect(outcome(b, td)).toBe("OK");
    expect([set.getval(0), set.getncnt(0), set.getpid(0)]).toEqual([0, 0, td.p_pid]);
  });

  test("an operation of 0 waits for 0 [SEM-52]", () => {
    const set = semset(b, [2]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, 0]));
    expect(set.getzcnt(0)).toBe(1);
    ok(b, set.owner, set.semop([0, -2]));
    expect(outcome(b, td)).toBe("OK");
  });

  test("a waiter is counted where its last try stopped [SEM-60]", () => {
    const set = semset(b, [0, 0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -1], [1, -1]));
    ok(b, set.owner, set.semop([0, +1]));
    expect([set.getncnt(0), set.getncnt(1)]).toEqual([0, 1]);
    expect(set.getall()).toEqual([1, 0]);
  });

  test("the sleepers of a set try again in the order in which they fell asleep [COM-28]", () => {
    const set = semset(b, [0]);
    const [first, second] = [user(), user()];
    sleeps(b, set.semopBy(first, [0, -2]));
    sleeps(b, set.semopBy(second, [0, -1]));
    ok(b, set.owner, set.semop([0, +2]));
    expect([outcome(b, first), outcome(b, second)]).toEqual(["OK", "asleep"]);
  });

  test("an intermediate value wakes, even if the final one is the same [SEM-61]", () => {
    const set = semset(b, [0, 1]);
    const [td, behind] = [user(), user()];
    sleeps(b, set.semopBy(td, [0, -1]));
    sleeps(b, set.semopBy(behind, [0, -1]));
    ok(b, set.owner, set.semop([0, +1], [0, -1]));
    expect([outcome(b, td), outcome(b, behind)]).toEqual(["asleep", "asleep"]);
    expect(set.getncnt(0)).toBe(2);
  });

  test("the vector is the kernel's own while the caller sleeps", () => {
    const set = semset(b, [0, 0]);
    const td = user();
    const mine = vector([[0, -1]]);
    sleeps(b, sem.semop(b.k, td, set.id, mine, 1));
    mine.sem_num[0] = 1;
    ok(b, set.owner, set.semop([0, +1]));
    expect(outcome(b, td)).toBe("OK");
  });
});

describe("waking for another reason", () => {
  test("[EIDRM] the set is removed, before EINTR [SEM-57] [SEM-58]", () => {
    const set = semset(b, [0]);
    const td = user();
    td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    sleeps(b, set.semopBy(td, [0, -1]));
    expect(set.remove()).toBe(OK);
    psignal(b.k, td, SIGNALS.SIGUSR1);
    run(b.k);
    expect(outcome(b, td)).toBe("EIDRM");
  });

  test("[EINTR] a caught signal; the count is taken back [SEM-57] [COM-29]", () => {
    const set = semset(b, [0]);
    const td = user();
    td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    sleeps(b, set.semopBy(td, [0, -1]));
    psignal(b.k, td, SIGNALS.SIGUSR1);
    run(b.k);
    expect(outcome(b, td)).toBe("EINTR");
    expect(set.getncnt(0)).toBe(0);
  });

  test("a killed sleeper takes its count back and ends [COM-36]", () => {
    const set = semset(b, [0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -1]));
    psignal(b.k, td, SIGKILL);
    run(b.k);
    expect(set.getncnt(0)).toBe(0);
    expect(b.k.procs.has(td.p_pid)).toBe(false);
  });

  test("a sleeper finishes though its jail has no semaphores any more [SEM-59] [JAIL-27]", () => {
    const host = semset(b, [0], process(b.k));
    const pr = jail(b.k, "c", { sysvsem: JAIL_SYS_INHERIT });
    const td = process(b.k, { prison: pr });
    sleeps(b, host.semopBy(td, [0, -1]));
    expect(modify(b.k, pr, { sysvsem: JAIL_SYS_DISABLE })).toBe(OK);
    ok(b, host.owner, host.semop([0, +1]));
    expect(outcome(b, td)).toBe("OK");
  });
});

describe("ERRORS", () => {
  const many = (count: number): Sembuf[] => Array.from({ length: count }, () => [0, 0] as const);

  test("[ENOSYS] the jail has no semaphores [SEM-40]", () => {
    const set = semset(b, [0]);
    const td = process(b.k, { prison: jail(b.k, "none") });
    fails(b, td, ENOSYS, "SEM-40", () => set.semopBy(td, [0, 0]));
  });

  test("[EINVAL] the index of the id is not below semmni, before E2BIG [SEM-41]", () => {
    const td = user();
    const call = () => sem.semop(b.k, td, (65536 + 50) as Semid, null, 1000);
    fails(b, td, EINVAL, "SEM-41", call);
  });

  test("[E2BIG] more than semopm; eight are never too many [SEM-42] [SEM-43]", () => {
    tearDown(b);
    boot({ limits: { "kern.ipc.semopm": 3 } });
    const set = semset(b, [0]);
    fails(b, set.owner, E2BIG, "SEM-43, kern.ipc.semopm", () => set.semop(...many(9)));
    ok(b, set.owner, set.semop(...many(8)));
    fails(
      b,
      set.owner,
      E2BIG,
      "SEM-43, kern.ipc.semopm",
      () => sem.semop(b.k, set.owner, set.id, null, -1), // a size_t: huge, and before EFAULT
    );
  });

  test("[E2BIG] rctl nsemop, for more than eight only [SEM-44]", () => {
    tearDown(b);
    boot({ racct: true });
    rctlAddRule(b.k, null, "user:1001:nsemop:deny=4");
    const set = semset(b, [0]);
    fails(b, set.owner, E2BIG, "SEM-44, rctl nsemop", () => set.semop(...many(9)));
    ok(b, set.owner, set.semop(...many(8)));
  });

  test("[EFAULT] the vector is not mapped, before EINVAL for the id [SEM-45]", () => {
    const td = user();
    fails(b, td, EFAULT, "SEM-45", () => sem.semop(b.k, td, 65536 as Semid, null, 1));
  });

  test("[EINVAL] no such set, or one of an earlier life of the slot [SEM-46]", () => {
    const set = semset(b, [0]);
    expect(set.remove()).toBe(OK);
    semset(b, [0]);
    fails(b, set.owner, EINVAL, "SEM-46", () => set.semop([0, 0]));
  });

  test("[EFBIG] sem_num is not below sem_nsems, before EACCES [SEM-47]", () => {
    const set = semset(b, [0]);
    const stranger = user(9);
    fails(b, stranger, EFBIG, "SEM-47", () => set.semopBy(stranger, [0, 0], [1, +1]));
  });

  test("[EACCES] a zero needs R, all else needs W [SEM-48]", () => {
    const set = semset(b, [0]);
    set.chmod(0o640);
    const stranger = user(9);
    ok(b, stranger, set.semopBy(stranger, [0, 0]));
    fails(b, stranger, EACCES, "COM-16", () => set.semopBy(stranger, [0, 0], [0, +1]));
  });

  test("[ERANGE] above semvmx, also beside IPC_NOWAIT; an earlier block hides it [SEM-53]", () => {
    const set = semset(b, [32767, 0]);
    const why = "SEM-53, kern.ipc.semvmx";
    fails(b, set.owner, ERANGE, why, () => set.semop([1, +1], [0, +1, IPC_NOWAIT]));
    fails(b, set.owner, EAGAIN, "SEM-55", () => set.semop([1, -1, IPC_NOWAIT], [0, +1]));
  });

  test("[EAGAIN] the operation that blocks has IPC_NOWAIT; others' flags do not matter [SEM-55]", () => {
    const set = semset(b, [0, 0]);
    fails(b, set.owner, EAGAIN, "SEM-55", () => set.semop([0, -1, IPC_NOWAIT]));
    const td = user();
    sleeps(b, set.semopBy(td, [0, 0, IPC_NOWAIT], [1, -1]));
  });
});
