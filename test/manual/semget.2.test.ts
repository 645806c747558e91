/** semget(2): a set by its key, or a new one. */
import { EACCES, EEXIST, EINVAL, ENOENT, ENOSPC, ENOSYS } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IPC_RMID } from "@jailyard/abi/ipc";
import { JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { semidDs } from "@jailyard/abi/sem";
import type { Key } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import * as sem from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fails, ok, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";

const KEY = 5432001;
const CREATE = IPC_CREAT | 0o600;

let b: Bench;
let td: Thread;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  td = process(b.k, { uid: 1001, gid: 100, groups: [200] });
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const semget = (by: Thread, key: number, nsems: number, flags: number) =>
  sem.semget(b.k, by, key as Key, nsems, flags);
const got = (key: number, nsems: number, flags = CREATE, by = td): number =>
  ok(b, by, semget(by, key, nsems, flags));
const remove = (id: number): number =>
  ok(b, td, sem.semctl(b.k, td, id, 0, IPC_RMID, { val: 0, buf: null, array: null }));

function stat(id: number) {
  const buf = semidDs();
  ok(b, td, sem.semctl(b.k, td, id, 0, 2, { val: 0, buf, array: null }));
  return buf;
}

describe("DESCRIPTION", () => {
  test("a key that nobody has makes a set, and then finds it [SEM-17]", () => {
    const id = got(KEY, 3);
    expect(got(KEY, 3, 0)).toBe(id);
    expect(got(KEY, 1, CREATE)).toBe(id);
  });

  test("IPC_PRIVATE always makes a set, IPC_EXCL or not [COM-5]", () => {
    const ids = [got(IPC_PRIVATE, 1, 0), got(IPC_PRIVATE, 1, IPC_EXCL | IPC_CREAT)];
    expect(new Set(ids).size).toBe(2);
  });

  test("a new set belongs to the caller, in use, its values 0, the time set [SEM-21]", () => {
    b.k.now = 1000;
    const ds = stat(got(KEY, 3, IPC_CREAT | 0o640));
    const perm = { cuid: 1001, uid: 1001, cgid: 100, gid: 100, mode: 0o1640, seq: 1, key: KEY };
    expect(ds).toEqual({ sem_perm: perm, sem_nsems: 3, sem_otime: 0, sem_ctime: 1000 });
  });

  test("the first id of slot i is 65536 + i, the next one there 65536 more [COM-3] [COM-4]", () => {
    const [first, second] = [got(1, 1), got(2, 1)];
    expect([first, second]).toEqual([65536, 65537]);
    remove(first);
    expect(got(3, 1)).toBe(131072);
  });

  test("after 32767 sets in a slot its sequence is 0, and the id is the index [COM-3]", () => {
    for (let i = 1; i < 0x8000; i++) remove(got(IPC_PRIVATE, 1));
    expect(got(IPC_PRIVATE, 1)).toBe(0);
  });

  test("nsems of 0 or less opens a set that exists [SEM-17]", () => {
    const id = got(KEY, 2);
    expect([got(KEY, 0, 0), got(KEY, -5, 0)]).toEqual([id, id]);
  });

  test("keys are searched in the caller's own jail, also when it inherits [COM-7]", () => {
    const id = got(KEY, 1);
    const there = process(b.k, { prison: jail(b.k, "c", { sysvsem: JAIL_SYS_INHERIT }) });
    fails(b, there, ENOENT, "SEM-19", () => semget(there, KEY, 1, 0));
    expect(got(KEY, 1, CREATE | IPC_EXCL, there)).not.toBe(id);
  });
});

describe("ERRORS", () => {
  test("[ENOSYS] the jail has no semaphores [SEM-16]", () => {
    const there = process(b.k, { prison: jail(b.k, "none") });
    fails(b, there, ENOSYS, "SEM-16", () => semget(there, KEY, 1, CREATE));
  });

  test("[EEXIST] IPC_CREAT and IPC_EXCL, and there is one: before EACCES [SEM-18]", () => {
    got(KEY, 1);
    const other = process(b.k, { uid: 7 });
    fails(b, other, EEXIST, "SEM-17", () => semget(other, KEY, 9, CREATE | IPC_EXCL));
  });

  test("[EACCES] the mode does not give what is asked: before EINVAL for the size [SEM-17]", () => {
    got(KEY, 1);
    const other = process(b.k, { uid: 7 });
    fails(b, other, EACCES, "COM-16", () => semget(other, KEY, 9, 0o400));
  });

  test("[EACCES] 0100 is granted to nobody, not to the owner, not to root [COM-20]", () => {
    got(KEY, 1, IPC_CREAT | 0o777);
    const root = process(b.k);
    fails(b, td, EACCES, "COM-16", () => semget(td, KEY, 1, 0o777));
    fails(b, root, EACCES, "COM-16", () => semget(root, KEY, 1, 0o700));
  });

  test("[EINVAL] the set has fewer semaphores [SEM-17]", () => {
    got(KEY, 2);
    fails(b, td, EINVAL, "SEM-17", () => semget(td, KEY, 3, 0));
  });

  test("[ENOENT] no set has the key, and IPC_CREAT is not there [SEM-19]", () => {
    fails(b, td, ENOENT, "SEM-19", () => semget(td, KEY, 1, 0o600));
  });

  test.each([0, -1])("[EINVAL] a new set of %i [SEM-20]", (nsems) => {
    fails(b, td, EINVAL, "SEM-20", () => semget(td, KEY, nsems, CREATE));
  });

  test("[EINVAL] more than semmsl, before ENOSPC for semmns [SEM-20]", () => {
    fails(b, td, EINVAL, "SEM-20, kern.ipc.semmsl", () => semget(td, KEY, 341, CREATE));
  });

  test("[ENOSPC] more than is left of semmns, in all jails together [SEM-20] [COM-1]", () => {
    const there = process(b.k, { prison: jail(b.k, "a", { sysvsem: JAIL_SYS_NEW }) });
    got(KEY, 300, CREATE, there);
    fails(b, td, ENOSPC, "SEM-20, kern.ipc.semmns", () => semget(td, KEY, 41, CREATE));
    expect(got(KEY, 40)).toBe(65537);
  });

  test("[ENOSPC] semmni sets are there [SEM-20]", () => {
    tearDown(b);
    boot({ limits: { "kern.ipc.semmni": 2 } });
    got(1, 1);
    got(2, 1);
    fails(b, td, ENOSPC, "SEM-20, kern.ipc.semmni", () => semget(td, 3, 1, CREATE));
  });

  test("[ENOSPC] a rule of rctl denies nsem [SEM-20]", () => {
    tearDown(b);
    boot({ racct: true });
    rctlAddRule(b.k, null, "user:1001:nsem:deny=3");
    got(KEY, 3);
    fails(b, td, ENOSPC, "SEM-20, rctl nsem", () => semget(td, 7, 1, CREATE));
  });
});
