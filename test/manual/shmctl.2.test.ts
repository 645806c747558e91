/** shmctl(2): look at a segment, change it, remove it; and what ends with its jail or module. */
import { EACCES, EBUSY, EFAULT, EINVAL, ENOSYS, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_INFO, IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import { PAGE_SIZE, SHM_INFO, SHM_LOCK, SHM_STAT, SHM_UNLOCK, shmidDs } from "@jailyard/abi/shm";
import type { Key } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import * as ctl from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { vmWrite } from "@jailyard/kernel/vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { advance, fails, ok, tearDown } from "../support/calls.ts";
import { type Bench, bench, jail, modify, process } from "../support/kernel.ts";

const KEY = 77 as Key;

let b: Bench;
let root: Thread;
let td: Thread;
let id: number;

function boot(config: KernelConfig = {}): void {
  b = bench(config);
  root = process(b.k);
  td = process(b.k, { uid: 1001, gid: 100 });
  id = segment(td);
}

beforeEach(() => boot());
afterEach(() => tearDown(b));

const segment = (by: Thread, key = KEY, mode = 0o600): number =>
  ok(b, by, shmget(b.k, by, key, PAGE_SIZE, IPC_CREAT | mode));
const shmctl = (by: Thread, shmid: number, cmd: number, buf = shmidDs()) =>
  ctl.shmctl(b.k, by, shmid, cmd, buf);
const attach = (by: Thread, shmid: number): number => ok(b, by, shmat(b.k, by, shmid, 0, 0));

function stat(by: Thread, shmid: number) {
  const ds = shmidDs();
  ok(b, by, shmctl(by, shmid, IPC_STAT, ds));
  return ds;
}

function set(by: Thread, uid: number, gid: number, mode: number) {
  const ds = shmidDs();
  Object.assign(ds.shm_perm, { uid, gid, mode });
  return shmctl(by, id, IPC_SET, ds);
}

describe("shmctl(2)", () => {
  describe("IPC_STAT", () => {
    test("shows the bit of a slot in use, and of one marked removed [SHM-2] [SHM-41]", () => {
      attach(td, id);
      expect(stat(td, id).shm_perm.mode).toBe(0o4600);
      ok(b, td, shmctl(td, id, IPC_RMID));
      expect(stat(td, id).shm_perm).toMatchObject({ mode: 0o6600, key: 0, uid: 1001 });
    });

    test("hides the key of another jail's segment, nothing else [COM-13]", () => {
      const web = jail(b.k, "web", { sysvshm: JAIL_SYS_NEW });
      const inside = process(b.k, { uid: 5, prison: web });
      const theirs = segment(inside);
      expect(stat(inside, theirs).shm_perm).toMatchObject({ key: KEY, cuid: 5 });
      expect(stat(root, theirs).shm_perm).toMatchObject({ key: 0, cuid: 5 });
    });
  });

  describe("IPC_SET", () => {
    test("takes uid, gid and nine mode bits; ctime is now [SHM-42] [COM-31]", () => {
      advance(b, 4_000);
      ok(b, td, set(td, 7, 8, 0o7777));
      const ds = stat(td, id);
      expect(ds.shm_perm).toMatchObject({ cuid: 1001, cgid: 100, uid: 7, gid: 8, mode: 0o4777 });
      expect(ds.shm_ctime).toBe(4);
    });

    test("is allowed on a removed segment [SHM-42]", () => {
      attach(td, id);
      ok(b, td, shmctl(td, id, IPC_RMID));
      expect(set(td, 7, 8, 0)).toBe(OK);
    });
  });

  describe("IPC_RMID", () => {
    test("destroys at once what nobody has attached, with the memory refunded [SHM-46]", () => {
      boot({ racct: true });
      ok(b, td, shmctl(td, id, IPC_RMID));
      expect(b.k.shm.committed).toBe(0);
      expect(b.k.racct!.used("user", "1001", "shmsize")).toBe(0);
      expect(shmctl(td, id, IPC_STAT)).toBe(EINVAL);
    });

    test("does not change ctime; a second one succeeds and changes nothing [SHM-45]", () => {
      attach(td, id);
      advance(b, 4_000);
      ok(b, td, shmctl(td, id, IPC_RMID));
      const once = stat(td, id);
      expect(once.shm_ctime).toBe(0);
      ok(b, td, shmctl(td, id, IPC_RMID));
      expect(stat(td, id)).toEqual(once);
    });

    test("a second one is EINVAL where shm_allow_removed is 0 [SHM-22]", () => {
      attach(td, id);
      b.k.shminfo.shm_allow_removed = 0;
      ok(b, td, shmctl(td, id, IPC_RMID));
      fails(b, td, EINVAL, "SHM-17", () => shmctl(td, id, IPC_RMID));
    });
  });

  describe("ERRORS", () => {
    test("[EINVAL] commands of the Linux ABI, before ENOSYS [SHM-38]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      for (const cmd of [IPC_INFO, SHM_INFO, SHM_STAT]) {
        fails(b, inside, EINVAL, "SHM-38", () => shmctl(inside, id, cmd));
      }
    });

    test("[EFAULT] IPC_SET reads its buffer before ENOSYS [SHM-39]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, EFAULT, "SHM-39", () => ctl.shmctl(b.k, inside, id, IPC_SET, null));
    });

    test("[ENOSYS] the jail has no shared memory [SHM-40]", () => {
      const inside = process(b.k, { prison: jail(b.k, "web") });
      fails(b, inside, ENOSYS, "SHM-40", () => shmctl(inside, id, IPC_STAT));
    });

    test("[EINVAL] no such segment [SHM-40]", () => {
      fails(b, td, EINVAL, "SHM-17", () => shmctl(td, id + 65536, IPC_STAT));
    });

    test("[EACCES] R for IPC_STAT, M for IPC_SET and IPC_RMID [SHM-41] to [SHM-43]", () => {
      const other = process(b.k, { uid: 1002 });
      fails(b, other, EACCES, "COM-16", () => shmctl(other, id, IPC_STAT));
      ok(b, td, set(td, 1001, 100, 0o666));
      fails(b, other, EACCES, "COM-16", () => set(other, 0, 0, 0));
      fails(b, other, EACCES, "COM-16", () => shmctl(other, id, IPC_RMID));
    });

    test("[EFAULT] IPC_STAT has nowhere to go, found after permission [SHM-41]", () => {
      const other = process(b.k, { uid: 1002 });
      fails(b, td, EFAULT, "SHM-41", () => ctl.shmctl(b.k, td, id, IPC_STAT, null));
      fails(b, other, EACCES, "COM-16", () => ctl.shmctl(b.k, other, id, IPC_STAT, null));
    });

    test("[EINVAL] any other command, SHM_LOCK for root too [SHM-44]", () => {
      for (const cmd of [SHM_LOCK, SHM_UNLOCK, 99, -1]) {
        fails(b, root, EINVAL, "SHM-44", () => shmctl(root, id, cmd));
      }
    });
  });
});

describe("kern.ipc.shmsegs", () => {
  test("lists what the reader's root sees, removed ones too, without permission [SHM-62]", () => {
    const web = jail(b.k, "web", { sysvshm: JAIL_SYS_NEW });
    const inside = process(b.k, { uid: 5, prison: web });
    const theirs = segment(inside);
    attach(inside, theirs);
    ok(b, inside, shmctl(inside, theirs, IPC_RMID));
    b.k.shminfo.shm_allow_removed = 0;
    const other = process(b.k, { uid: 1002 });
    const listed = ctl.shmList(b.k, other).map(({ id, ds }) => [id, ds.shm_perm.key]);
    expect(listed).toEqual([
      [id, KEY],
      [theirs, 0],
    ]);
    expect(ctl.shmList(b.k, inside)).toHaveLength(1);
    modify(b.k, web, { sysvshm: JAIL_SYS_DISABLE });
    expect(ctl.shmList(b.k, inside)).toEqual([]);
  });
});

describe("jail(8)", () => {
  test("a name space that ends removes its segments; attaches live on [SHM-55] [SHM-57]", () => {
    const web = jail(b.k, "web", { sysvshm: JAIL_SYS_NEW });
    const inside = process(b.k, { prison: web });
    const [held, idle] = [segment(inside, 1 as Key), segment(inside, 2 as Key)];
    const addr = attach(root, held);
    modify(b.k, web, { sysvshm: JAIL_SYS_INHERIT });
    expect(shmctl(root, idle, IPC_STAT)).toBe(EINVAL);
    expect(stat(root, held)).toMatchObject({ shm_nattch: 1, shm_perm: { mode: 0o6600 } });
    expect(vmWrite(root, addr, Uint8Array.of(1))).toBe(true);
    expect(shmctl(td, id, IPC_STAT)).toBe(OK);
    ok(b, root, shmdt(b.k, root, addr));
    expect(shmctl(root, held, IPC_STAT)).toBe(EINVAL);
  });
});

describe("kldunload(8)", () => {
  test("[EBUSY] while a segment lives, removed or not; then ids start again [SHM-58] [SHM-60]", () => {
    const addr = attach(td, id);
    ok(b, td, shmctl(td, id, IPC_RMID));
    fails(b, root, EBUSY, "SHM-58", () => kldunload(b.k, root, "sysvshm"));
    ok(b, td, shmdt(b.k, td, addr));
    ok(b, root, kldunload(b.k, root, "sysvshm"));
    process(b.k); // its exit meets no shared memory [SHM-59]
    ok(b, root, kldload(b.k, root, "sysvshm"));
    expect(segment(td, IPC_PRIVATE)).toBe(65536);
  });
});
