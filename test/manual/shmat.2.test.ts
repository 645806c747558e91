/** shmat(2) and shmdt(2): a segment in an address space, through fork, exec and exit. */
import { EACCES, EINVAL, EMFILE, ENOMEM, ENOSYS, OK } from "@jailyard/abi/errno";
import { IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import {
  PAGE_SIZE,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  type ShmidDs,
  shmidDs,
} from "@jailyard/abi/shm";
import { jailAttach } from "@jailyard/kernel/jail";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { exec, fork } from "@jailyard/kernel/proc";
import * as shm from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { vmRead, vmWrite } from "@jailyard/kernel/vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, tearDown } from "../support/calls.ts";
import { type Bench, bench, exit, jail, modify, process } from "../support/kernel.ts";

const ADDR = 0x2000_0000;
const BYTES = 2 * PAGE_SIZE;

let b: Bench;
let td: Thread;
let root: Thread;
let id: number;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  root = process(b.k);
  td = process(b.k, { uid: 1001, gid: 100 });
  id = segment();
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const segment = (mode = 0o600): number => ok(b, td, shm.shmget(b.k, td, IPC_PRIVATE, BYTES, mode));
const shmat = (shmid: number, addr = 0, flags = 0, by = td) =>
  shm.shmat(b.k, by, shmid, addr, flags);
const attached = (shmid: number, addr = 0, flags = 0, by = td): number =>
  ok(b, by, shmat(shmid, addr, flags, by));
const shmdt = (addr: number, by = td) => shm.shmdt(b.k, by, addr);
const remove = (shmid: number): number => ok(b, root, shmctl(b.k, root, shmid, IPC_RMID, null));

function stat(shmid: number): ShmidDs {
  const ds = shmidDs();
  ok(b, root, shmctl(b.k, root, shmid, IPC_STAT, ds));
  return ds;
}

const poke = (addr: number, text: string, by = td) => vmWrite(by, addr, Buffer.from(text));
function peek(addr: number, bytes: number, by = td): string | null {
  const found = vmRead(by, addr, bytes);
  return found === null ? null : Buffer.from(found).toString();
}

function forked(): Thread {
  const pid = ok(b, td, fork(b.k, td));
  return [...td.p_children].find((child) => child.p_pid === pid)!;
}

describe("shmat(2)", () => {
  describe("DESCRIPTION", () => {
    test("two attaches show the same memory and count twice [SHM-25] [SHM-26]", () => {
      advance(b, 3_000);
      const [one, two] = [attached(id), attached(id)];
      expect(one).not.toBe(two);
      poke(one, "shared");
      expect(peek(two, 6)).toBe("shared");
      expect(stat(id)).toMatchObject({ shm_nattch: 2, shm_lpid: td.p_pid, shm_atime: 3 });
      expect(stat(id).shm_ctime).toBe(0);
    });

    test("a free range is chosen for null, page-aligned [SHM-19]", () => {
      const [one, two] = [attached(id), attached(id)];
      expect(one % PAGE_SIZE).toBe(0);
      expect(Math.abs(one - two)).toBeGreaterThanOrEqual(BYTES);
    });

    test("SHM_RND rounds an address down to a page [SHM-19]", () => {
      expect(attached(id, ADDR + PAGE_SIZE - 1, SHM_RND)).toBe(ADDR);
    });

    test("a store through SHM_RDONLY faults, a load does not [SHM-23]", () => {
      const addr = attached(id, 0, SHM_RDONLY);
      expect(poke(addr, "x")).toBe(false);
      expect(peek(addr, 1)).toBe("\0");
    });

    test("a range is stored to as a whole or not at all", () => {
      attached(id, ADDR);
      attached(id, ADDR + BYTES, SHM_RDONLY);
      expect(poke(ADDR + BYTES - 1, "xy")).toBe(false);
      expect(peek(ADDR + BYTES - 1, 2)).toBe("\0\0");
    });

    test("loads and stores go across the border of two attaches", () => {
      attached(id, ADDR);
      attached(segment(), ADDR + BYTES);
      expect(poke(ADDR + BYTES - 2, "over")).toBe(true);
      expect(peek(ADDR + BYTES - 2, 4)).toBe("over");
      expect(peek(ADDR + 2 * BYTES - 1, 2)).toBe(null);
    });

    test("SHM_REMAP replaces a mapping, whose attach stays [SHM-21]", () => {
      const other = segment();
      attached(id, ADDR);
      poke(ADDR, "first");
      attached(other, ADDR, SHM_REMAP);
      expect(peek(ADDR, 5)).toBe("\0\0\0\0\0");
      expect([stat(id).shm_nattch, stat(other).shm_nattch]).toEqual([1, 1]);
    });

    test("SHM_REMAP with null is ignored [SHM-21]", () => {
      expect(attached(id, 0, SHM_REMAP)).toBeGreaterThan(0);
    });

    test("a removed segment can be attached by id while it lives [SHM-22]", () => {
      attached(id);
      remove(id);
      attached(id);
      expect(stat(id).shm_nattch).toBe(2);
    });

    test("later changes of mode do not touch an attach [SHM-27]", () => {
      const addr = attached(id);
      ok(b, root, shmctl(b.k, root, id, IPC_SET, shmidDs()));
      expect(poke(addr, "still")).toBe(true);
    });

    test("a segment of another jail needs only visibility and permission [SHM-57]", () => {
      const web = jail(b.k, "web", { sysvshm: JAIL_SYS_NEW });
      const inside = process(b.k, { uid: 1001, prison: web });
      const theirs = ok(b, inside, shm.shmget(b.k, inside, IPC_PRIVATE, BYTES, 0o600));
      poke(attached(theirs), "hello");
      expect(peek(attached(theirs, 0, 0, inside), 5, inside)).toBe("hello");
    });
  });

  describe("ERRORS", () => {
    test("[ENOSYS] the jail has no shared memory [SHM-18]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "SHM-18", () => shmat(id, 0, 0, inside));
    });

    test("[EINVAL] no such id: index, slot, sequence, visibility [SHM-17]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web", { sysvshm: JAIL_SYS_NEW }) });
      fails(b, td, EINVAL, "SHM-17", () => shmat(id + 999));
      fails(b, td, EINVAL, "SHM-17", () => shmat(id + 1));
      fails(b, td, EINVAL, "SHM-17", () => shmat(id + 65536));
      fails(b, td, EINVAL, "SHM-17", () => shmat(-1));
      fails(b, inside, EINVAL, "SHM-17", () => shmat(id, 0, 0, inside));
    });

    test("[EINVAL] the segment is removed and shm_allow_removed is 0 [SHM-22]", () => {
      const addr = attached(id);
      remove(id);
      b.k.shminfo.shm_allow_removed = 0;
      fails(b, td, EINVAL, "SHM-17", () => shmat(id));
      expect(poke(addr, "still")).toBe(true);
      expect(shmdt(addr)).toBe(OK);
    });

    test("[EACCES] read for SHM_RDONLY, read and write otherwise [SHM-18]", () => {
      const other = process(b.k, { uid: 1002 });
      const [readable, writable] = [segment(0o604), segment(0o602)];
      fails(b, other, EACCES, "COM-16", () => shmat(id, 0, SHM_RDONLY, other));
      fails(b, other, EACCES, "COM-16", () => shmat(readable, 0, 0, other));
      fails(b, other, EACCES, "COM-16", () => shmat(writable, 0, 0, other));
      expect(shmat(readable, 0, SHM_RDONLY, other)).toBe(OK);
    });

    test("[EMFILE] shmseg attaches are there, before the address is looked at [SHM-18]", () => {
      boot({ limits: { "kern.ipc.shmseg": 2 } });
      const addr = attached(id);
      attached(id);
      fails(b, td, EMFILE, "SHM-18, kern.ipc.shmseg", () => shmat(id, 1));
      ok(b, td, shmdt(addr));
      expect(shmat(id)).toBe(OK);
    });

    test("[EINVAL] the address is not that of a page [SHM-18]", () => {
      fails(b, td, EINVAL, "SHM-18", () => shmat(id, ADDR + 1));
    });

    test("[ENOMEM] something is mapped there, or no process may map there [SHM-20]", () => {
      attached(id, ADDR);
      fails(b, td, ENOMEM, "SHM-20", () => shmat(id, ADDR + PAGE_SIZE));
      fails(b, td, ENOMEM, "SHM-20", () => shmat(id, 0x7fff_ffff_f000));
      fails(b, td, ENOMEM, "SHM-20", () => shmat(id, 12, SHM_RND));
    });
  });
});

describe("shmdt(2)", () => {
  describe("DESCRIPTION", () => {
    test("the memory goes, dtime is set, lpid stays [SHM-30] [SHM-31]", () => {
      const addr = attached(id, 0, 0, root);
      attached(id, ADDR);
      advance(b, 5_000);
      ok(b, root, shmdt(addr, root));
      expect(peek(addr, 1, root)).toBe(null);
      expect(stat(id)).toMatchObject({ shm_nattch: 1, shm_lpid: td.p_pid, shm_dtime: 5 });
    });

    test("the last detach ends a removed segment, whose slot is used next [SHM-30] [SHM-46]", () => {
      const next = segment();
      const addr = attached(next);
      remove(next);
      expect(stat(next).shm_perm.mode).toBe(0o6600);
      ok(b, td, shmdt(addr));
      expect(shmat(next)).toBe(EINVAL);
      expect(segment()).toBe(next + 65536);
    });

    test("what the range shows by now is unmapped [SHM-30]", () => {
      const other = segment();
      attached(id, ADDR);
      attached(other, ADDR + PAGE_SIZE, SHM_REMAP);
      ok(b, td, shmdt(ADDR));
      expect(peek(ADDR + PAGE_SIZE, 1)).toBe(null);
      expect(peek(ADDR + BYTES, 1)).toBe("\0");
      expect([stat(id).shm_nattch, stat(other).shm_nattch]).toEqual([0, 1]);
    });

    test("of two attaches at one address the first in the table goes [SHM-28]", () => {
      const other = segment();
      attached(id, ADDR);
      attached(other, ADDR, SHM_REMAP);
      ok(b, td, shmdt(ADDR));
      expect([stat(id).shm_nattch, stat(other).shm_nattch]).toEqual([0, 1]);
      ok(b, td, shmdt(ADDR));
      expect(stat(other).shm_nattch).toBe(0);
    });

    test("a process may detach what it brought into another jail [SHM-29] [SHM-37]", () => {
      const addr = attached(id, 0, 0, root);
      ok(b, root, jailAttach(b.k, root, jail(b.k, "web", { sysvshm: JAIL_SYS_NEW }).pr_id));
      expect(poke(addr, "mine", root)).toBe(true);
      expect(shmdt(addr, root)).toBe(OK);
    });
  });

  describe("ERRORS", () => {
    test("[ENOSYS] the jail was switched to disable: only exit detaches [SHM-28]", () => {
      const web = jail(b.k, "web", { sysvshm: JAIL_SYS_INHERIT });
      const inside = process(b.k, { prison: web });
      const addr = attached(id, 0, 0, inside);
      modify(b.k, web, { sysvshm: JAIL_SYS_DISABLE });
      fails(b, inside, ENOSYS, "SHM-28", () => shmdt(addr, inside));
      exit(b.k, inside);
      expect(stat(id).shm_nattch).toBe(0);
    });

    test("[EINVAL] nothing is attached at exactly this address [SHM-28]", () => {
      fails(b, td, EINVAL, "SHM-28", () => shmdt(ADDR));
      attached(id, ADDR);
      fails(b, td, EINVAL, "SHM-28", () => shmdt(ADDR + 1));
      fails(b, td, EINVAL, "SHM-28", () => shmdt(ADDR + PAGE_SIZE));
    });
  });
});

describe("fork(2), execve(2), exit(2)", () => {
  test("a child has every attach of its parent, and each counts [SHM-33]", () => {
    const addr = attached(id);
    attached(id, ADDR);
    const { shm_lpid } = stat(id);
    const child = forked();
    poke(addr, "inherited", child);
    expect(peek(ADDR, 9)).toBe("inherited");
    expect(stat(id)).toMatchObject({ shm_nattch: 4, shm_lpid });
    ok(b, child, shmdt(addr, child));
    expect(peek(addr, 1)).toBe("i");
  });

  test("exec detaches all, the process lives on [SHM-35]", () => {
    const addr = attached(id);
    advance(b, 2_000);
    exec(b.k, td, "postgres");
    expect(stat(id)).toMatchObject({ shm_nattch: 0, shm_dtime: 2 });
    expect(peek(addr, 1)).toBe(null);
    expect(shmat(id)).toBe(OK);
  });

  test("exit detaches in table order; a removed segment ends with its last attach [SHM-36]", () => {
    const [one, two] = [segment(), segment()];
    attached(two);
    attached(one);
    remove(one);
    remove(two);
    exit(b.k, td);
    expect(b.k.shm.table.live).toBe(1);
    expect(b.k.shm.lastFreed).toBe(one & 0xffff);
  });
});
