/** shmget(2): a segment by key, or a new one. */
import { EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOSYS, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT } from "@jailyard/abi/jail";
import { PAGE_SIZE, type ShmidDs, shmidDs } from "@jailyard/abi/shm";
import type { Key } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import * as shm from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { vmRead, vmWrite } from "@jailyard/kernel/vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, process } from "../support/kernel.ts";

const KEY = 5432001 as Key;
const CREAT = IPC_CREAT | 0o600;

let b: Bench;
let td: Thread;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  td = process(b.k, { uid: 1001, gid: 100 });
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const shmget = (key: number, size: number, shmflg = CREAT, by = td) =>
  shm.shmget(b.k, by, key as Key, size, shmflg);
const created = (key: number, size: number, shmflg = CREAT): number =>
  ok(b, td, shmget(key, size, shmflg));
const remove = (id: number): number => ok(b, td, shmctl(b.k, td, id, IPC_RMID, null));

function stat(id: number): ShmidDs {
  const ds = shmidDs();
  ok(b, td, shmctl(b.k, td, id, IPC_STAT, ds));
  return ds;
}

describe("shmget(2)", () => {
  describe("DESCRIPTION", () => {
    test("a new segment belongs to its creator and has times and pids of nobody [SHM-15]", () => {
      advance(b, 7_500);
      const id = created(KEY, 100, IPC_CREAT | 0o644);
      expect(stat(id)).toEqual({
        shm_perm: { cuid: 1001, uid: 1001, cgid: 100, gid: 100, mode: 0o4644, seq: 1, key: KEY },
        shm_segsz: PAGE_SIZE,
        shm_lpid: 0,
        shm_cpid: td.p_pid,
        shm_nattch: 0,
        shm_atime: 0,
        shm_dtime: 0,
        shm_ctime: 7,
      });
    });

    test("the size is rounded up to pages, and all of it is usable [SHM-15] [SHM-24]", () => {
      const id = created(KEY, PAGE_SIZE + 1);
      expect(stat(id).shm_segsz).toBe(2 * PAGE_SIZE);
      const addr = ok(b, td, shm.shmat(b.k, td, id, 0, 0));
      expect(vmWrite(td, addr + 2 * PAGE_SIZE - 1, Uint8Array.of(9))).toBe(true);
      expect(vmWrite(td, addr + 2 * PAGE_SIZE, Uint8Array.of(9))).toBe(false);
    });

    test("memory reads as zero, also where a dead segment was [SHM-15]", () => {
      const addr = ok(b, td, shm.shmat(b.k, td, created(IPC_PRIVATE, PAGE_SIZE), 0, 0));
      vmWrite(td, addr, Uint8Array.of(1, 2, 3));
      remove(65536);
      ok(b, td, shm.shmdt(b.k, td, addr));
      const again = ok(b, td, shm.shmat(b.k, td, created(IPC_PRIVATE, PAGE_SIZE), 0, 0));
      expect([...vmRead(td, again, 3)!]).toEqual([0, 0, 0]);
    });

    test("a key finds the segment again; IPC_PRIVATE always makes one [SHM-8] [COM-5]", () => {
      const id = created(KEY, 100);
      expect(created(KEY, 100, 0)).toBe(id);
      expect(created(IPC_PRIVATE, 100, IPC_EXCL)).not.toBe(created(IPC_PRIVATE, 100, 0));
    });

    test("size 0, or up to the rounded size, opens a segment that exists [SHM-11]", () => {
      const id = created(KEY, 100);
      expect(created(KEY, 0, 0)).toBe(id);
      expect(created(KEY, PAGE_SIZE, 0)).toBe(id);
    });

    test("no permission is tested on a segment that exists [SHM-12]", () => {
      const id = created(KEY, 100);
      const stranger = process(b.k, { uid: 1002, gid: 200 });
      expect(ok(b, stranger, shmget(KEY, 100, 0o777, stranger))).toBe(id);
    });

    test("the key of a removed segment is free at once [SHM-13]", () => {
      const id = created(KEY, 100);
      ok(b, td, shm.shmat(b.k, td, id, 0, 0));
      remove(id);
      expect(created(KEY, 100, CREAT | IPC_EXCL)).toBe(65537);
    });

    test("keys of a jail are its own, also where it inherits [COM-7]", () => {
      const host = created(KEY, 100);
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvshm: JAIL_SYS_INHERIT }) });
      const theirs = ok(b, inside, shmget(KEY, 100, CREAT | IPC_EXCL, inside));
      expect(theirs).not.toBe(host);
    });
  });

  describe("RETURN VALUES", () => {
    test("the first id of a slot is 65536 and its index; reuse counts up [COM-2] [COM-3]", () => {
      expect(created(IPC_PRIVATE, 1)).toBe(65536);
      expect(created(IPC_PRIVATE, 1)).toBe(65537);
      remove(65536);
      expect(created(IPC_PRIVATE, 1)).toBe(131072);
    });

    test("the slot freed last is taken first, then the lowest [SHM-9]", () => {
      const ids = [0, 1, 2].map(() => created(IPC_PRIVATE, 1));
      remove(ids[0]);
      remove(ids[2]);
      expect(created(IPC_PRIVATE, 1) & 0xffff).toBe(2);
      expect(created(IPC_PRIVATE, 1) & 0xffff).toBe(0);
    });

    test("a creation that fails for accounting forgets the slot freed last [SHM-10]", () => {
      boot({ racct: true });
      const ids = [0, 1, 2].map(() => created(IPC_PRIVATE, 1));
      remove(ids[0]);
      remove(ids[2]);
      rctlAddRule(b.k, null, "user:1001:nshm:deny=1");
      expect(shmget(IPC_PRIVATE, 1)).toBe(ENOSPC);
      b.k.racct!.rules.length = 0;
      expect(created(IPC_PRIVATE, 1) & 0xffff).toBe(0);
    });
  });

  describe("ERRORS", () => {
    test("[ENOSYS] the jail has no shared memory [COM-10]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvshm: JAIL_SYS_DISABLE }) });
      fails(b, inside, ENOSYS, "SHM-8", () => shmget(KEY, -1, 0, inside));
    });

    test("[ENOENT] there is no segment with the key [SHM-8]", () => {
      fails(b, td, ENOENT, "SHM-8", () => shmget(KEY, 1, 0o600));
    });

    test("[EEXIST] IPC_CREAT and IPC_EXCL on a key in use, before the size [SHM-11]", () => {
      created(KEY, 1);
      fails(b, td, EEXIST, "SHM-11", () => shmget(KEY, 99999, CREAT | IPC_EXCL));
    });

    test("[EINVAL] more than the segment has [SHM-11]", () => {
      created(KEY, 100);
      fails(b, td, EINVAL, "SHM-11", () => shmget(KEY, PAGE_SIZE + 1));
      fails(b, td, EINVAL, "SHM-11", () => shmget(KEY, -1));
    });

    test("[EINVAL] below shmmin or above shmmax; a negative size is huge [SHM-14] [SHM-16]", () => {
      boot({ limits: { "kern.ipc.shmmax": 8192, "kern.ipc.shmmin": 4 } });
      fails(b, td, EINVAL, "SHM-14, kern.ipc.shmmin", () => shmget(KEY, 0));
      fails(b, td, EINVAL, "SHM-14, kern.ipc.shmmin", () => shmget(KEY, 3));
      fails(b, td, EINVAL, "SHM-14, kern.ipc.shmmax", () => shmget(KEY, 8193));
      fails(b, td, EINVAL, "SHM-14, kern.ipc.shmmax", () => shmget(KEY, -1));
    });

    test("[ENOSPC] shmmni segments are there, removed ones counted [SHM-14] [SHM-4]", () => {
      boot({ limits: { "kern.ipc.shmmni": 1 } });
      const id = created(KEY, 1);
      ok(b, td, shm.shmat(b.k, td, id, 0, 0));
      remove(id);
      fails(b, td, ENOSPC, "SHM-14, kern.ipc.shmmni", () => shmget(KEY, 1));
    });

    test("[ENOMEM] shmall pages are committed [SHM-14]", () => {
      boot({ limits: { "kern.ipc.shmall": 3, "kern.ipc.shmmax": 99999 } });
      created(IPC_PRIVATE, 2 * PAGE_SIZE);
      fails(b, td, ENOMEM, "SHM-14, kern.ipc.shmall", () => shmget(KEY, PAGE_SIZE + 1));
      expect(shmget(KEY, PAGE_SIZE)).toBe(OK);
    });

    test("[ENOSPC] [ENOMEM] rctl denies nshm, or shmsize with nshm given back [SHM-14]", () => {
      boot({ racct: true });
      b.k.shm.lastFreed = -1; // or the failure would consume it [SHM-10]
      rctlAddRule(b.k, null, "user:1001:nshm:deny=1");
      rctlAddRule(b.k, null, `user:1001:shmsize:deny=${PAGE_SIZE}`);
      fails(b, td, ENOMEM, "SHM-14, rctl shmsize", () => shmget(KEY, PAGE_SIZE + 1));
      created(KEY, 1);
      fails(b, td, ENOSPC, "SHM-14, rctl nshm", () => shmget(IPC_PRIVATE, 1));
    });

    test("[ENOMEM] the host has no memory for it [SHM-14]", () => {
      const all = Number.MAX_SAFE_INTEGER;
      boot({ limits: { "kern.ipc.shmall": all, "kern.ipc.shmmax": all }, racct: true });
      b.k.shm.lastFreed = -1;
      fails(b, td, ENOMEM, "SHM-14", () => shmget(KEY, 2 ** 52));
    });
  });
});
