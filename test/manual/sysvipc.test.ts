/** What the three facilities have in common: absent, disabled, invisible, shared; and who wakes. */
import { EFAULT, EINVAL, ENOSYS, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_INFO, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { msqidDs } from "@jailyard/abi/msg";
import { GETALL, GETNCNT, type Semun, semidDs } from "@jailyard/abi/sem";
import { type ShmidDs, shmidDs } from "@jailyard/abi/shm";
import { SIGSYS } from "@jailyard/abi/signal";
import { SYS_msgget, SYS_semget, SYS_shmget } from "@jailyard/abi/syscall";
import type { Facility, Key, Pid, Semid } from "@jailyard/abi/types";
import { FRAME_WORDS, type Frame } from "@jailyard/abi/wire";
import { syscall, trapframe } from "@jailyard/kernel/dispatch";
import { jailRemove } from "@jailyard/kernel/jail";
import { run, tick } from "@jailyard/kernel/kernel";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { PRISON_DYING } from "@jailyard/kernel/prison";
import { exec, exit1, fork } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import { type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok, outcome, sleeps, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";
import { semset, vector } from "../support/semset.ts";

const KEY = 77 as Key;
const NEW = { sysvsem: JAIL_SYS_NEW, sysvshm: JAIL_SYS_NEW, sysvmsg: JAIL_SYS_NEW };
const MODE = IPC_CREAT | 0o600;

let b: Bench;
beforeEach(() => {
  b = bench();
});
afterEach(() => tearDown(b));

const semun = (part: Partial<Semun> = {}): Semun => ({ val: 0, buf: null, array: null, ...part });

/** Every call by id, with memory that is mapped: each of them must tell what it finds. */
function callsById(td: Thread, id: number): Errno[] {
  const { k } = b;
  const message = { mtype: 1, mtext: new Uint8Array(1) };
  return [
    semop(k, td, id as Semid, vector([[0, 1]]), 1),
    semctl(k, td, id, 0, IPC_STAT, semun({ buf: semidDs() })),
    semctl(k, td, id, 0, IPC_RMID, semun()),
    semctl(k, td, id, 0, GETALL, semun({ array: new Uint16Array(1) })),
    shmat(k, td, id, 0, 0),
    shmctl(k, td, id, IPC_STAT, shmidDs()),
    shmctl(k, td, id, IPC_RMID, null),
    msgsnd(k, td, id, message, 1, 0),
    msgrcv(k, td, id, message, 1, 0, 0),
    msgctl(k, td, id, IPC_STAT, msqidDs()),
    msgctl(k, td, id, IPC_RMID, null),
  ];
}

const gets = (td: Thread, key: Key, flags: number): Errno[] => [
  semget(b.k, td, key, 1, flags),
  shmget(b.k, td, key, 4096, flags),
  msgget(b.k, td, key, flags),
];

describe("a facility that is disabled or absent", () => {
  test("[ENOSYS] disabled: every call, no signal; earlier tests win [JAIL-71]", () => {
    const { k } = b;
    const td = process(k, { prison: jail(k, "none") });
    const all = [...callsById(td, 65536), ...gets(td, KEY, MODE), shmdt(k, td, 4096)];
    expect(new Set(all)).toEqual(new Set([ENOSYS]));
    expect(semctl(k, td, 0, 0, IPC_SET, semun())).toBe(EFAULT); // [SEM-22]
    expect(shmctl(k, td, 0, IPC_SET, null)).toBe(EFAULT); // [SHM-39]
    expect(shmctl(k, td, 0, IPC_INFO, null)).toBe(EINVAL); // [SHM-38]
    expect(msgctl(k, td, 0, IPC_SET, null)).toBe(EFAULT); // [MSG-19]
    expect(msgsnd(k, td, 0, null, 1, 0)).toBe(EFAULT); // [MSG-31]
    expect(td.p_state).not.toBe(ZOMBIE);
  });

  test.each<[Facility, number]>([
    ["sem", SYS_semget],
    ["shm", SYS_shmget],
    ["msg", SYS_msgget],
  ])("absent, %s: SIGSYS as well, in host and jail [JAIL-72] [SHM-61]", (f, sysno) => {
    b = bench({ modules: (["sem", "shm", "msg"] as const).filter((one) => one !== f) });
    const { k } = b;
    const parent = process(k);
    const child = k.procs.get(ok(b, parent, fork(k, parent)) as Pid)!;
    const data = new ArrayBuffer(64);
    const frame: Frame = {
      a: new Float64Array(FRAME_WORDS),
      u8: new Uint8Array(data),
      i16: new Int16Array(data),
      u16: new Uint16Array(data),
      f64: new Float64Array(data),
    };
    expect(syscall(k, trapframe(child, frame, 0), sysno)).toBe(ENOSYS);
    expect(child).toMatchObject({ p_state: ZOMBIE, p_xstat: SIGSYS });
  });
});

describe("objects of another jail", () => {
  test("[EINVAL] every call with the id of an invisible one [JAIL-73]", () => {
    const { k } = b;
    const owner = process(k, { prison: jail(k, "a", NEW) });
    const other = process(k, { prison: jail(k, "b", NEW) });
    expect(gets(owner, KEY, MODE)).toEqual([OK, OK, OK]); // three times the id 65536
    expect(new Set(callsById(other, 65536))).toEqual(new Set([EINVAL]));
    expect(semctl(k, owner, 65536, 0, IPC_STAT, semun({ buf: semidDs() }))).toBe(OK);
  });

  test("ids, uids and modes are shown as they are, keys are not [JAIL-30] [JAIL-31] [JAIL-32]", () => {
    const { k } = b;
    const inside = process(k, { uid: 1001, gid: 5, prison: jail(k, "a", NEW) });
    const id = ok(b, inside, semget(k, inside, KEY, 1, MODE));
    const host = process(k);
    const buf = semidDs();
    ok(b, host, semctl(k, host, id, 0, IPC_STAT, semun({ buf })));
    expect(buf.sem_perm).toMatchObject({ uid: 1001, gid: 5, cuid: 1001, seq: 1, key: 0 });
    expect(semget(k, host, KEY, 0, 0)).not.toBe(OK);
    ok(b, host, semctl(k, host, id, 0, IPC_RMID, semun()));
  });

  test("a user of the host with the same uid is their owner [JAIL-34] [COM-22]", () => {
    const { k } = b;
    const inside = process(k, { uid: 1001, prison: jail(k, "a", NEW) });
    const id = ok(b, inside, semget(k, inside, KEY, 1, MODE));
    const same = process(k, { uid: 1001 });
    ok(b, same, semop(k, same, id as Semid, vector([[0, 1]]), 1));
    ok(b, same, semctl(k, same, id, 0, IPC_RMID, semun()));
  });
});

describe("who wakes whom", () => {
  test("IPC_SET, IPC_STAT, GET* and a failed semop wake nobody [SEM-80]", () => {
    const set = semset(b, [0, 0]);
    const waiter = process(b.k, { uid: 1001 });
    sleeps(b, set.semopBy(waiter, [0, -1]));
    b.k.sem.slots[0]!.page.sem.semval[0] = 1; // it would go on if it looked
    set.chmod(0o660);
    set.getall();
    set.semop([1, 1], [1, 32_767]);
    run(b.k);
    expect(outcome(b, waiter)).toBe("asleep");
  });

  test("the counts of a removed set vanish with it [SEM-81]", () => {
    const set = semset(b, [0]);
    const waiter = process(b.k, { uid: 1001 });
    sleeps(b, set.semopBy(waiter, [0, -1]));
    ok(b, set.owner, set.remove());
    expect(outcome(b, waiter)).toBe("EIDRM");
    const next = semset(b, [0]);
    expect(next.id & 0xffff).toBe(set.id & 0xffff);
    expect(ok(b, next.owner, next.ctl(next.owner, GETNCNT))).toBe(0);
  });
});

describe("the fields of a segment", () => {
  test("what each event changes [SHM-48] [SHM-49] [SHM-50] [SHM-51] [SHM-52] [SHM-53]", () => {
    const { k } = b;
    const td = process(k);
    const at = (second: number): void => tick(k, second * 1000);
    const ds = shmidDs();
    const changed = (): Partial<ShmidDs> => {
      const { shm_perm: _, shm_segsz: __, ...before } = { ...ds };
      ok(b, td, shmctl(k, td, id, IPC_STAT, ds));
      const now = Object.entries(ds).filter(([name]) => name in before);
      return Object.fromEntries(now.filter(([name, value]) => value !== before[name as never]));
    };
    at(1);
    const id = ok(b, td, shmget(k, td, IPC_PRIVATE, 1, 0o600));
    expect(changed()).toEqual({ shm_cpid: td.p_pid, shm_ctime: 1 });
    at(2);
    const addr = ok(b, td, shmat(k, td, id, 0, 0));
    expect(changed()).toEqual({ shm_nattch: 1, shm_lpid: td.p_pid, shm_atime: 2 });
    at(3);
    const child = k.procs.get(ok(b, td, fork(k, td)) as Pid)!;
    expect(changed()).toEqual({ shm_nattch: 2 });
    at(4);
    ok(b, child, exec(k, child, "sh"));
    expect(changed()).toEqual({ shm_nattch: 1, shm_dtime: 4 });
    ok(b, child, shmat(k, child, id, 0, 0));
    expect(changed()).toEqual({ shm_nattch: 2, shm_lpid: child.p_pid, shm_atime: 4 });
    at(5);
    exit1(k, child, 0);
    expect(changed()).toEqual({ shm_nattch: 1, shm_dtime: 5 });
    at(6);
    ok(b, td, shmctl(k, td, id, IPC_SET, { ...shmidDs(), shm_perm: { ...ds.shm_perm } }));
    expect(changed()).toEqual({ shm_ctime: 6 });
    at(7);
    ok(b, td, shmctl(k, td, id, IPC_RMID, null));
    expect(changed()).toEqual({});
    ok(b, td, shmdt(k, td, addr));
  });

  test("a removed one that is attached keeps its jail dying [SHM-56] [JAIL-60]", () => {
    const { k } = b;
    const prison = jail(k, "a", NEW);
    const inside = process(k, { prison });
    const id = ok(b, inside, shmget(k, inside, KEY, 1, MODE));
    const host = process(k);
    const addr = ok(b, host, shmat(k, host, id, 0, 0));
    expect(jailRemove(k, null, prison.pr_id)).toBe(OK);
    expect(prison.pr_state).toBe(PRISON_DYING);
    ok(b, host, shmdt(k, host, addr));
    expect(k.prisons.has(prison)).toBe(false);
  });
});
