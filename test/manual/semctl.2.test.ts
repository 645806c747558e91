/** semctl(2): what can be asked of a set, and done to it. */
import { EACCES, EFAULT, EINVAL, ENOSYS, ERANGE } from "@jailyard/abi/errno";
import { IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { GETALL, GETVAL, SEM_INFO, SEM_STAT, SETALL, SETVAL, semidDs } from "@jailyard/abi/sem";
import { semctl, semList } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fails, ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";
import { semset } from "../support/semset.ts";

let b: Bench;

beforeEach(() => {
  b = bench();
});
afterEach(() => tearDown(b));

const user = (uid = 1001): Thread => process(b.k, { uid, gid: 100 });
const NOTHING = { val: 0, buf: null, array: null };

describe("COMMANDS", () => {
  test("IPC_STAT gives the structure; the key of another jail's set is 0 [SEM-27] [COM-13]", () => {
    const there = process(b.k, { prison: jail(b.k, "a", { sysvsem: JAIL_SYS_NEW }) });
    const set = semset(b, [0, 0], there);
    const buf = semidDs();
    const host = process(b.k);
    ok(b, host, set.ctl(host, IPC_STAT, 0, { buf }));
    expect(buf).toMatchObject({ sem_nsems: 2, sem_perm: { key: 0, mode: 0o1600, seq: 1 } });
  });

  test("IPC_SET changes owner, group, nine mode bits and ctime [SEM-26] [COM-31]", () => {
    const set = semset(b, [0]);
    b.k.now = 50;
    const buf = semidDs();
    Object.assign(buf.sem_perm, { uid: 7, gid: 8, mode: 0o7777 });
    ok(b, set.owner, set.ctl(set.owner, IPC_SET, 0, { buf }));
    expect(set.stat()).toMatchObject({
      sem_ctime: 50,
      sem_perm: { uid: 7, gid: 8, cuid: 1001, cgid: 100, mode: 0o1777 },
    });
  });

  test("GETVAL, GETPID, GETNCNT, GETZCNT tell of one semaphore [SEM-28]", () => {
    const set = semset(b, [3, 0]);
    sleeps(b, set.semopBy(user(), [1, -1]));
    sleeps(b, set.semopBy(user(), [0, 0]));
    expect([set.getval(0), set.getpid(0), set.getncnt(1), set.getzcnt(0)]).toEqual([3, 0, 1, 1]);
  });

  test("SETVAL wakes everybody and leaves pid and times alone [SEM-33]", () => {
    const set = semset(b, [0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -2]));
    b.k.now = 9;
    ok(b, set.owner, set.setval(0, 5));
    expect(outcome(b, td)).toBe("OK");
    expect([set.getval(0), set.stat().sem_ctime]).toEqual([3, 0]);
  });

  test("SETALL stores what comes before a value that is too large, and wakes [SEM-35]", () => {
    const set = semset(b, [0, 0, 0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -1]));
    expect(set.setall([4, 40000, 6])).toBe(ERANGE);
    ok(b, set.owner, set.semop());
    expect(outcome(b, td)).toBe("OK");
    expect(set.getall()).toEqual([3, 0, 0]);
  });

  test("IPC_RMID frees semaphores and slot; sleepers get EIDRM [SEM-32] [SEM-79]", () => {
    const set = semset(b, [0]);
    const td = user();
    sleeps(b, set.semopBy(td, [0, -1]));
    ok(b, set.owner, set.remove());
    expect(outcome(b, td)).toBe("EIDRM");
    expect([b.k.semtot, b.k.sem.live]).toEqual([0, 0]);
  });

  test("SEM_STAT takes an index and returns the id [SEM-37]", () => {
    const set = semset(b, [0, 0]);
    const buf = semidDs();
    expect(ok(b, set.owner, semctl(b.k, set.owner, 0, 0, SEM_STAT, { ...NOTHING, buf }))).toBe(
      set.id,
    );
    expect(buf.sem_nsems).toBe(2);
  });

  test("IPC_INFO has the number of GETNCNT [SEM-38]", () => {
    const set = semset(b, [0]);
    sleeps(b, set.semopBy(user(), [0, -1]));
    expect(ok(b, set.owner, set.ctl(set.owner, IPC_INFO))).toBe(1);
  });

  test("the creator keeps its rights when uid and gid move on [COM-18]", () => {
    const set = semset(b, [0]);
    const buf = semidDs();
    Object.assign(buf.sem_perm, { uid: 7, gid: 8, mode: 0o600 });
    ok(b, set.owner, set.ctl(set.owner, IPC_SET, 0, { buf }));
    ok(b, set.owner, set.semop([0, +1]));
  });

  test("root of a jail may do everything there [COM-21]", () => {
    const pr = jail(b.k, "a", { sysvsem: JAIL_SYS_NEW });
    const set = semset(b, [0], process(b.k, { uid: 5, prison: pr }));
    const root = process(b.k, { prison: pr });
    ok(b, root, set.ctl(root, SETVAL, 0, { val: 3 }));
  });
});

describe("the listing", () => {
  test("rows in use and visible, without permission, keys blanked [SEM-82]", () => {
    const pr = jail(b.k, "a", { sysvsem: JAIL_SYS_NEW });
    const there = process(b.k, { uid: 5, prison: pr });
    const [mine, theirs] = [semset(b, [0]), semset(b, [0], there)];
    const ids = (td: Thread) => semList(b.k, td).map(({ id }) => id);
    expect(ids(user(9))).toEqual([mine.id, theirs.id]);
    expect(ids(there)).toEqual([theirs.id]);
    expect(ids(process(b.k, { prison: jail(b.k, "none") }))).toEqual([]);
  });
});

describe("ERRORS", () => {
  test("[EFAULT] IPC_SET without a structure: before ENOSYS [SEM-22]", () => {
    const td = process(b.k, { prison: jail(b.k, "none") });
    fails(b, td, EFAULT, "SEM-22", () => semctl(b.k, td, 0, 0, IPC_SET, NOTHING));
  });

  test("[ENOSYS] the jail has no semaphores [SEM-23]", () => {
    const td = process(b.k, { prison: jail(b.k, "none") });
    fails(b, td, ENOSYS, "SEM-23", () => semctl(b.k, td, 65536, 0, GETVAL, NOTHING));
    fails(b, td, ENOSYS, "SEM-23", () => semctl(b.k, td, 0, 0, SEM_STAT, NOTHING));
  });

  test("[EINVAL] no such set, index too large, or of another jail [SEM-24] [COM-11]", () => {
    const set = semset(b, [0]);
    const td = process(b.k, { prison: jail(b.k, "a", { sysvsem: JAIL_SYS_NEW }) });
    fails(b, td, EINVAL, "SEM-24", () => set.ctl(td, GETVAL));
    fails(b, td, EINVAL, "SEM-23", () => semctl(b.k, td, 65535, 0, GETVAL, NOTHING));
    fails(b, td, EINVAL, "SEM-24", () => semctl(b.k, td, -1 & ~0xffff, 0, GETVAL, NOTHING));
  });

  test.each([SEM_INFO, 99, -1])("[EINVAL] command %i does not exist [SEM-38]", (cmd) => {
    const set = semset(b, [0]);
    fails(b, set.owner, EINVAL, "SEM-38", () => set.ctl(set.owner, cmd));
  });

  test("[EINVAL] semnum is not a semaphore of the set, after EACCES [SEM-28] [SEM-30]", () => {
    const set = semset(b, [0]);
    const stranger = user(9);
    fails(b, set.owner, EINVAL, "SEM-28", () => set.ctl(set.owner, GETVAL, 1));
    fails(b, set.owner, EINVAL, "SEM-30", () => set.ctl(set.owner, SETVAL, -1));
    fails(b, stranger, EACCES, "COM-16", () => set.ctl(stranger, GETVAL, 1));
  });

  test("[EACCES] a stranger may not remove or set: not EPERM [SEM-25] [COM-16]", () => {
    const set = semset(b, [0]);
    set.chmod(0o666);
    const stranger = user(9);
    fails(b, stranger, EACCES, "COM-16", () => set.ctl(stranger, IPC_RMID));
    const set_ = () => set.ctl(stranger, IPC_SET, 0, { buf: semidDs() });
    fails(b, stranger, EACCES, "COM-16", set_);
  });

  test("[EACCES] who may only write cannot read values [SEM-39]", () => {
    const set = semset(b, [0]);
    set.chmod(0o620);
    const member = user(9);
    ok(b, member, set.ctl(member, SETVAL, 0, { val: 1 }));
    fails(b, member, EACCES, "COM-16", () => set.ctl(member, GETVAL));
  });

  test("[EFAULT] after all else for what is copied out, after EINVAL for SETALL [SEM-34]", () => {
    const set = semset(b, [0]);
    const stranger = user(9);
    fails(b, set.owner, EFAULT, "SEM-27", () => set.ctl(set.owner, IPC_STAT));
    fails(b, set.owner, EFAULT, "SEM-29", () => set.ctl(set.owner, GETALL));
    fails(b, stranger, EACCES, "COM-16", () => set.ctl(stranger, GETALL));
    fails(b, stranger, EFAULT, "SEM-34", () => set.ctl(stranger, SETALL));
  });

  test.each([-1, 32768])("[ERANGE] SETVAL %i [SEM-30]", (val) => {
    const set = semset(b, [0]);
    const why = "SEM-30, kern.ipc.semvmx";
    fails(b, set.owner, ERANGE, why, () => set.ctl(set.owner, SETVAL, 0, { val }));
  });

  test("[EINVAL] SEM_STAT of an index that is free, or not there [SEM-37]", () => {
    const td = user();
    for (const ix of [0, -1, 50]) {
      fails(b, td, EINVAL, "SEM-37", () => semctl(b.k, td, ix, 0, SEM_STAT, NOTHING));
    }
  });
});
