/** Model `disjoint`: name spaces as a facility of their own, as the mail of 2006 leans to. */
import { EBUSY, EEXIST, EIDRM, EINVAL, ENOENT, ENOSYS, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_CREAT } from "@jailyard/abi/ipc";
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import type { Key } from "@jailyard/abi/types";
import { ipcnsEnter, ipcnsList } from "@jailyard/kernel/ipcnscall";
import { type JailGetOut, jailAttach, jailGet, jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, type KernelConfig, run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { listing } from "@jailyard/kernel/listing";
import { PRISON_GONE, type Prison } from "@jailyard/kernel/prison";
import { setcred } from "@jailyard/kernel/proc";
import { semget } from "@jailyard/kernel/semctl";
import { shmat, shmget } from "@jailyard/kernel/shm";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { createSpace, ending, makeSet, removeSet, stat, take } from "../support/jail.ts";
import { bench, exit, jail, modify, ok, process } from "../support/kernel.ts";
import { PG_KEY, removeShm, startPostgres, statShm } from "../support/postgres2006.ts";

const disjoint = (config: KernelConfig = {}) => bench({ model: "disjoint", ...config }).k;
const enter = (k: Kernel, td: Thread, name: string): number =>
  ok(td, ipcnsEnter(k, td, "sem", name));
const names = (k: Kernel, td: Thread): string[] =>
  ipcnsList(k, td).flatMap(({ facility, name }) => (facility === "sem" ? [name] : []));
/** What jail_get shows of sysvsem. */
function shown(k: Kernel, pr: Prison): unknown {
  const out: JailGetOut = { errmsg: "", info: null };
  expect(jailGet(k, null, { jid: pr.pr_id }, 0, out)).toBe(OK);
  return out.info!.sysvsem;
}

describe("a jail", () => {
  test("is made with name spaces of its own, by jail() as by chroot", () => {
    const k = disjoint();
    const servers = ["a", "b"].map((name) => process(k, { prison: jail(k, name) }));
    expect(servers.map((td) => startPostgres(k, td))).toEqual([
      { shmid: 65536, semid: 65536 },
      { shmid: 65537, semid: 65537 },
    ]);
    expect(ending(k)).toEqual({});
  });

  test("is seen by nobody outside: an id is EINVAL, on the host and in the jail above too", () => {
    const k = disjoint();
    const a = process(k, { prison: jail(k, "a", { "children.max": 1 }) });
    const below = makeSet(k, process(k, { prison: jail(k, "a.x") }));
    expect([a, process(k)].map((td) => stat(k, td, below))).toEqual([EINVAL, EINVAL]);
    expect(ending(k)).toEqual({});
  });

  test("shares keys as well with `inherit`: the second PostgreSQL collides", () => {
    const k = disjoint();
    const shared = { sysvsem: JAIL_SYS_INHERIT, sysvshm: JAIL_SYS_INHERIT };
    const a = process(k, { prison: jail(k, "a", shared) });
    const { shmid, semid } = startPostgres(k, a) as { shmid: number; semid: never };
    const host = process(k);
    expect(startPostgres(k, host)).toBe(EEXIST);
    expect(statShm(k, host, shmid)).toEqual({ error: OK, key: PG_KEY });
    expect([removeShm(k, host, shmid), removeSet(k, host, semid)]).toEqual([OK, OK]);
    expect(ending(k)).toEqual({});
  });

  test("without one is refused, whatever its processes had chosen: ENOSYS", () => {
    const k = disjoint();
    const prison = jail(k, "a", { "children.max": 1 });
    const child = jail(k, "a.x");
    const tds = [process(k, { prison }), process(k, { prison: child })];
    makeSet(k, tds[0]);
    expect(modify(k, prison, { sysvsem: JAIL_SYS_DISABLE })).toBe(OK);
    expect(tds.map((td) => semget(k, td, 77 as Key, 1, 0))).toEqual([ENOSYS, ENOSYS]);
    expect(k.sem.live).toBe(0);
    expect([shown(k, prison), shown(k, child)]).toEqual(["disable", "disable"]);
    expect(ending(k)).toEqual({});
  });

  test("takes those below along that shared its name space", () => {
    const k = disjoint();
    const prison = jail(k, "a", { "children.max": 2 });
    const [x, y] = [jail(k, "a.x", { sysvsem: JAIL_SYS_INHERIT }), jail(k, "a.y")];
    const [inA, inX] = [process(k, { prison }), process(k, { prison: x })];
    const id = makeSet(k, inA);
    expect(stat(k, inX, id)).toBe(OK);
    expect(modify(k, prison, { sysvsem: JAIL_SYS_NEW })).toBe(OK); // it has: nothing changes
    expect(stat(k, inX, id)).toBe(OK);
    expect(modify(k, prison, { sysvsem: JAIL_SYS_INHERIT })).toBe(OK);
    expect(k.sem.live).toBe(0); // nobody was left in its own
    expect(x.pr_ipcns.sem).toBe(k.prison0.pr_ipcns.sem);
    expect([shown(k, prison), shown(k, x), shown(k, y)]).toEqual(["inherit", "inherit", "new"]);
    expect(modify(k, prison, { sysvsem: JAIL_SYS_NEW })).toBe(OK);
    expect(x.pr_ipcns.sem).toBe(prison.pr_ipcns.sem);
    expect(ending(k)).toEqual({});
  });

  test("ends with its name spaces: objects are gone, sleepers from outside see EIDRM", () => {
    const b = bench({ model: "disjoint" });
    const { k, ended } = b;
    const id = makeSet(k, process(k, { prison: jail(k, "a") }));
    const host = process(k);
    enter(k, host, "a");
    const other = process(k);
    enter(k, other, "a");
    expect(take(k, host, id)).toBe(ESLEEP);
    exit(k, other);
    jailRemove(k, null, 1);
    run(k);
    expect(ended.get(host)).toBeUndefined(); // a process of the host is in it still
    const third = process(k);
    enter(k, third, "a");
    expect(stat(k, third, id)).toBe(OK);
    expect(removeSet(k, third, id)).toBe(OK);
    run(k);
    expect(ended.get(host)).toBe(EIDRM);
    expect(ending(k)).toEqual({});
  });

  test("of an attached segment leaves the bytes, which have no name space any more", () => {
    const k = disjoint();
    const a = process(k, { prison: jail(k, "a") });
    const { shmid } = startPostgres(k, a) as { shmid: number };
    const host = process(k);
    ok(host, ipcnsEnter(k, host, "shm", "a"));
    ok(host, shmat(k, host, shmid, 0, 0));
    ok(host, ipcnsEnter(k, host, "shm", "0"));
    jailRemove(k, null, 1);
    run(k);
    expect(listing(k, host, "shm", true)[0].owner).toMatchObject({ jail: "a", space: null });
    exit(k, host);
    expect(ending(k)).toEqual({});
  });

  test("that is entered gives its name spaces, and takes those that were chosen", () => {
    const k = disjoint();
    const prison = jail(k, "a");
    const id = makeSet(k, process(k, { prison }));
    const td = process(k);
    createSpace(k, td, "mine");
    const mine = makeSet(k, td);
    ok(td, jailAttach(k, td, 1));
    expect([stat(k, td, id), stat(k, td, mine)]).toEqual([OK, EINVAL]);
    expect(k.sem.live).toBe(1);
    expect(ending(k)).toEqual({});
  });
});

describe("the host", () => {
  test("sees all objects by name space without entering it, and manages them inside", () => {
    const k = disjoint();
    const a = process(k, { prison: jail(k, "web") });
    startPostgres(k, a);
    createSpace(k, a, "pg2");
    const second = makeSet(k, a, 5432001);
    const host = process(k);
    expect(listing(k, host, "sem")).toEqual([]);
    expect(listing(k, host, "sem", true).map(({ id, owner }) => ({ id, ...owner }))).toEqual([
      { id: 65536, jid: 1, jail: "web", key: PG_KEY, space: "web" },
      { id: 65537, jid: 1, jail: "web", key: PG_KEY, space: "web/pg2" },
    ]);
    enter(k, host, "web/pg2");
    expect(ok(host, semget(k, host, PG_KEY, 1, 0))).toBe(second);
    expect(removeSet(k, host, second)).toBe(OK);
    expect(stat(k, host, 65536 as never)).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });

  test("lists them with what is in them", () => {
    const k = disjoint({ modules: ["sem"] });
    const prison = jail(k, "web");
    makeSet(k, process(k, { prison }));
    const host = process(k);
    expect(ipcnsList(k, host)).toEqual([
      { facility: "sem", id: 1, name: "0", objects: 0, processes: 1, mine: true },
      { facility: "sem", id: 2, name: "web", objects: 1, processes: 1, mine: false },
    ]);
    expect(ending(k)).toEqual({});
  });

  test("a name follows the name of the jail", () => {
    const k = disjoint();
    const prison = jail(k, "web");
    expect(modify(k, prison, { name: "www" })).toBe(OK);
    expect(names(k, process(k))).toEqual(["0", "www"]);
    expect(ending(k)).toEqual({});
  });
});

describe("root in a jail", () => {
  test("names its own and those below, as it names jails; nobody else's", () => {
    const k = disjoint();
    const web = process(k, { prison: jail(k, "web", { "children.max": 1 }) });
    process(k, { prison: jail(k, "other") });
    const db = process(k, { prison: jail(k, "web.db") });
    createSpace(k, db, "pg1");
    expect(names(k, web)).toEqual(["0", "db", "db/pg1"]);
    expect(names(k, db)).toEqual(["0", "0/pg1"]);
    expect(names(k, process(k))).toEqual(["0", "web", "other", "web.db", "web.db/pg1"]);
    expect(ipcnsEnter(k, db, "sem", "web")).toBe(ENOENT);
    expect(ipcnsEnter(k, web, "sem", "other")).toBe(ENOENT);
    enter(k, web, "db/pg1");
    expect(ending(k)).toEqual({});
  });

  test("has all rights in its name space, whoever made what is there", () => {
    const k = disjoint();
    const prison = jail(k, "a");
    const id = makeSet(k, process(k, { prison, uid: 70 }));
    expect(removeSet(k, process(k, { prison }), id)).toBe(OK);
    expect(ending(k)).toEqual({});
  });
});

describe("modules", () => {
  test("a jail that is made without the module is flagged; policy decides when it comes", () => {
    const given = (lateLoad: "freebsd" | "deny" | "create") => {
      const k = disjoint({ modules: [], lateLoad });
      const jails = [jail(k, "a"), jail(k, "b", { "allow.sysvipc": true })];
      expect(jails.map((pr) => pr.pr_noipc.sem)).toEqual([true, true]);
      kldload(k, null, "sysvsem");
      return [...jails, jail(k, "late")].map((pr) => shown(k, pr));
    };
    expect(given("deny")).toEqual(["disable", "disable", "new"]);
    expect(given("freebsd")).toEqual(["disable", "inherit", "new"]);
    expect(given("create")).toEqual(["new", "new", "new"]);
  });

  test("each mechanism has its own flag, which jail -m lifts", () => {
    const k = disjoint({ modules: ["shm"], lateLoad: "deny" });
    const prison = jail(k, "a");
    const td = process(k, { prison });
    kldload(k, null, "sysvsem");
    expect(prison.pr_noipc).toEqual({ msg: true, sem: true, shm: false });
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(ipcnsEnter(k, td, "sem", "0")).toBe(ENOSYS);
    expect(modify(k, prison, { sysvsem: JAIL_SYS_NEW })).toBe(OK);
    expect([prison.pr_noipc.sem, semget(k, td, 77 as Key, 1, 0)]).toEqual([false, ENOENT]);
    expect(ending(k)).toEqual({});
  });

  test("unload while a name space has an object: EBUSY, and nothing is lost", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "mine");
    const id = makeSet(k, td);
    expect(kldunload(k, null, "sysvsem")).toBe(EBUSY);
    expect(stat(k, td, id)).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("unload ends all name spaces; after a reload who chose one is in its jail's", () => {
    const k = disjoint({ lateLoad: "create" });
    const prison = jail(k, "a", { sysvsem: JAIL_SYS_INHERIT });
    const td = process(k, { prison });
    createSpace(k, td, "mine");
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(names(k, process(k))).toEqual([]);
    expect(ipcnsEnter(k, td, "sem", "0")).toBe(ENOSYS);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    expect(names(k, process(k))).toEqual(["0", "a"]); // `inherit` is forgotten, as [JAIL-66]
    expect(ipcnsList(k, td).find(({ facility }) => facility === "sem")).toMatchObject({
      name: "0",
      mine: true,
    });
    exit(k, td);
    expect(ending(k)).toEqual({});
  });

  test("a jail that is dying when the module comes gets nothing", () => {
    const k = disjoint({ modules: ["shm"], lateLoad: "create" });
    const prison = jail(k, "a");
    const host = process(k);
    const td = process(k, { prison });
    const segment = ok(td, shmget(k, td, PG_KEY, 4096, IPC_CREAT));
    ok(host, ipcnsEnter(k, host, "shm", "a"));
    ok(host, shmat(k, host, segment, 0, 0)); // keeps its jail dying
    jailRemove(k, null, 1);
    run(k);
    expect(prison.pr_state).not.toBe(PRISON_GONE);
    kldload(k, null, "sysvsem");
    expect(names(k, host)).toEqual(["0"]);
    exit(k, host);
    expect(ending(k)).toEqual({});
  });

  test("other credentials do not change where a process is", () => {
    const k = disjoint();
    const td = process(k);
    createSpace(k, td, "mine");
    const id = makeSet(k, td);
    expect(setcred(k, td, 70, 70, [])).toBe(OK);
    expect(stat(k, td, id)).not.toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });
});
