/** ipcns_create(2), ipcns_enter(2), ipcns_list(2), under model `disjoint`. */
import {
  EEXIST,
  EIDRM,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOSYS,
  EPERM,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { SEM_UNDO, sembufs } from "@jailyard/abi/sem";
import { SIGKILL } from "@jailyard/abi/signal";
import type { Semid } from "@jailyard/abi/types";
import { cleanupSpace } from "@jailyard/kernel/facility";
import { ipcnsCreate, ipcnsEnter, ipcnsList, ipcnsRmid } from "@jailyard/kernel/ipcnscall";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { kldunload } from "@jailyard/kernel/kld";
import { psignal } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { createSpace, ending, makeSet, stat, take } from "../support/jail.ts";
import { bench, exit, fork, jail, modify, ok, process } from "../support/kernel.ts";
import { startPostgres, statShm } from "../support/postgres2006.ts";

const disjoint = () => bench({ model: "disjoint" }).k;
const make = (k: Kernel, td: Thread, name: string) => ipcnsCreate(k, td, "sem", name);

describe("DESCRIPTION", () => {
  test("the caller and its children from now on are in a new one, those before are not", () => {
    const k = disjoint();
    const td = process(k);
    const before = makeSet(k, td);
    const older = fork(k, td);
    createSpace(k, td, "pg1");
    expect(stat(k, td, before)).toBe(EINVAL);
    const mine = makeSet(k, td); // the same key
    const child = fork(k, td);
    expect([older, child].map((one) => stat(k, one, mine))).toEqual([EINVAL, OK]);
    ok(td, ipcnsEnter(k, td, "sem", "0"));
    expect([td, child].map((one) => stat(k, one, mine))).toEqual([EINVAL, OK]);
    removeAll(k);
  });

  test("of one mechanism: the other two stay as they are", () => {
    const k = disjoint();
    const td = process(k);
    const { shmid, semid } = startPostgres(k, td) as { shmid: number; semid: Semid };
    createSpace(k, td, "pg1");
    expect(stat(k, td, semid)).toBe(EINVAL);
    expect(statShm(k, td, shmid).error).toBe(OK);
    removeAll(k);
  });

  test("ipcns_rmid removes what is in another by its name, and the caller stays where it is", () => {
    const k = disjoint();
    const web = process(k, { prison: jail(k, "web") });
    const host = process(k);
    const [theirs, mine] = [makeSet(k, web), makeSet(k, host)]; // the same key
    expect(ipcnsRmid(k, host, "sem", "nix", theirs)).toBe(ENOENT);
    expect(ipcnsRmid(k, host, "sem", "web", mine)).toBe(EINVAL);
    expect(ipcnsRmid(k, process(k, { uid: 70 }), "sem", "web", theirs)).toBe(EPERM);
    expect(ipcnsRmid(k, web, "sem", "0/nix", mine)).toBe(ENOENT);
    expect(ipcnsRmid(k, host, undefined, "web", theirs)).toBe(EINVAL);
    ok(host, ipcnsRmid(k, host, "sem", "web", theirs));
    expect(stat(k, web, theirs)).toBe(EINVAL);
    expect(stat(k, host, mine)).toBe(OK);
    removeAll(k);
  });

  test("it is replaced by the next, like a root directory by chroot; names nest", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "a");
    fork(k, td);
    createSpace(k, td, "b");
    const sem = ipcnsList(k, td).filter(({ facility }) => facility === "sem");
    expect(sem.map(({ name, mine }) => [name, mine])).toEqual([
      ["0", false],
      ["0/a", false],
      ["0/a/b", true],
    ]);
    removeAll(k);
  });

  test("with its last process it is gone, objects and name", () => {
    const { k, ended } = bench({ model: "disjoint" });
    const td = process(k);
    createSpace(k, td, "a");
    const id = makeSet(k, td);
    const child = fork(k, td);
    exit(k, td);
    expect(take(k, child, id)).toBe(ESLEEP);
    expect(k.sem.live).toBe(1);
    const other = process(k);
    ok(other, ipcnsEnter(k, other, "sem", "0/a"));
    exit(k, other);
    expect(ended.get(child)).toBeUndefined();
    expect(make(k, process(k), "a")).toBe(EEXIST);
    psignal(k, child, SIGKILL);
    run(k);
    expect(k.sem.live).toBe(0);
    expect(make(k, process(k), "a")).toBe(OK);
    removeAll(k);
  });

  test("a jail's goes with the jail although one sleeps in it: EIDRM", () => {
    const { k, ended } = bench({ model: "disjoint" });
    const prison = jail(k, "a");
    const td = process(k, { prison });
    const id = makeSet(k, td);
    expect(take(k, td, id)).toBe(ESLEEP);
    expect(modify(k, prison, { sysvsem: 0 })).toBe(OK);
    run(k);
    expect(ended.get(td)).toBe(EIDRM);
    removeAll(k);
  });

  test("who leaves has its SEM_UNDO applied at once", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "a");
    const child = fork(k, td);
    const id = makeSet(k, td);
    const sops = sembufs(1);
    sops.count = 1;
    sops.sem_op[0] = +1;
    sops.sem_flg[0] = SEM_UNDO;
    ok(td, semop(k, td, id, sops, 1));
    expect(k.sem.at(id)!.page.sem.semval[0]).toBe(1);
    ok(td, ipcnsEnter(k, td, "sem", "0"));
    expect(k.sem.at(id)!.page.sem.semval[0]).toBe(0);
    expect(stat(k, child, id)).toBe(OK);
    removeAll(k);
  });

  test("to enter the one that the caller is in changes nothing", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "a");
    const id = makeSet(k, td);
    ok(td, ipcnsEnter(k, td, "sem", "0/a"));
    expect(stat(k, td, id)).toBe(OK);
    removeAll(k);
  });

  test("two jails may use one name", () => {
    const k = disjoint();
    const [a, b] = ["a", "b"].map((name) => process(k, { prison: jail(k, name) }));
    expect([make(k, a, "pg1"), make(k, b, "pg1")]).toEqual([OK, OK]);
    removeAll(k);
  });
});

describe("ERRORS", () => {
  test("[EPERM] not root [HIST-12]", () => {
    const k = disjoint();
    const td = process(k, { uid: 70 });
    expect([make(k, td, "a"), ipcnsEnter(k, td, "sem", "0")]).toEqual([EPERM, EPERM]);
    removeAll(k);
  });

  test("[EINVAL] an empty name, one with a slash or NUL; no such facility [HIST-10]", () => {
    const k = disjoint();
    const td = process(k);
    expect(["", "a/b", "a\0b"].map((name) => make(k, td, name))).toEqual([EINVAL, EINVAL, EINVAL]);
    expect(ipcnsCreate(k, td, undefined, "a")).toBe(EINVAL);
    removeAll(k);
  });

  test("[ENAMETOOLONG] more than 255 characters with the names above", () => {
    const k = disjoint();
    const td = process(k);
    expect(make(k, td, "a".repeat(256))).toBe(ENAMETOOLONG);
    createSpace(k, td, "a".repeat(250));
    expect(make(k, td, "b".repeat(5))).toBe(ENAMETOOLONG);
    expect(make(k, td, "b".repeat(4))).toBe(OK);
    removeAll(k);
  });

  test("[EEXIST] the name is taken in the caller's name space", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "a");
    expect(make(k, process(k), "a")).toBe(EEXIST);
    expect(ipcnsCreate(k, process(k), "shm", "a")).toBe(OK); // a name space of another mechanism
    removeAll(k);
  });

  test("[ENOENT] no such name", () => {
    const k = disjoint();
    expect(ipcnsEnter(k, process(k), "sem", "0/nowhere")).toBe(ENOENT);
    removeAll(k);
  });

  test("[ENOSYS] no module, a jail without, another model [HIST-8]", () => {
    const k = disjoint();
    const td = process(k, { prison: jail(k, "off", { sysvsem: 0 }) });
    expect(make(k, td, "a")).toBe(ENOSYS);
    kldunload(k, null, "sysvsem");
    expect(make(k, process(k), "a")).toBe(ENOSYS);
    removeAll(k);
    for (const model of ["jail-keyed", "flat", "tagged", "broker"] as const) {
      const other = bench({ model }).k;
      expect(make(other, process(other), "a")).toBe(ENOSYS);
    }
  });
});

/** What the host's own name spaces hold is removed, everything ends, and nothing is left. */
function removeAll(k: Kernel): void {
  for (const f of ["sem", "shm"] as const) {
    if (k.modules[f].loaded) cleanupSpace(k, f, k.prison0.pr_ipcns[f]!.ns_id);
  }
  expect(ending(k)).toEqual({});
}
