/** Model `broker`: DragonFly's sysvipcd. */
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOSYS, EPERM, OK } from "@jailyard/abi/errno";
import type { Key } from "@jailyard/abi/types";
import { ipcnsCreate, ipcnsEnter, ipcnsList } from "@jailyard/kernel/ipcnscall";
import { jailAttach, jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, type KernelConfig, run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { listing } from "@jailyard/kernel/listing";
import { semget } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { create, ending, failure, makeSet, remove, removeSet, stat } from "../support/jail.ts";
import { bench, exit, fork, jail, modify, ok, process } from "../support/kernel.ts";
import { removeShm, startPostgres, statShm } from "../support/postgres2006.ts";

const broker = (config: KernelConfig = {}) => bench({ model: "broker", ...config }).k;
const at = (k: Kernel, name: string, path: string): Thread =>
  process(k, { prison: jail(k, name, { path }) });
const names = (k: Kernel, td: Thread): string[] =>
  ipcnsList(k, td).flatMap(({ facility, name }) => (facility === "sem" ? [name] : []));

describe("model broker", () => {
  test("the path decides: two PostgreSQLs with roots of their own start [HIST-7]", () => {
    const k = broker();
    const servers = [at(k, "a", "/jails/a"), at(k, "b", "/jails/b")];
    expect(servers.map((td) => startPostgres(k, td))).toEqual([
      { shmid: 65536, semid: 65536 },
      { shmid: 65537, semid: 65537 },
    ]);
    expect(ending(k)).toEqual({});
  });

  test("jails with one path share a broker, keys and ids: the second PostgreSQL collides", () => {
    const k = broker();
    const [a, b] = [at(k, "a", "/jails/www"), at(k, "b", "/jails/www")];
    startPostgres(k, a);
    expect(startPostgres(k, b)).toBe(EEXIST);
    expect(statShm(k, b, 65536).error).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("a jail at / has the host's broker", () => {
    const k = broker();
    startPostgres(k, process(k, { prison: jail(k, "a") }));
    const host = process(k);
    expect(startPostgres(k, host)).toBe(EEXIST);
    expect(removeShm(k, host, 65536)).toBe(OK);
    remove(k, 65536 as never);
    expect(ending(k)).toEqual({});
  });

  test("the host's ipcs sees its own broker; all of them by path if it asks [HIST-11]", () => {
    const k = broker();
    startPostgres(k, at(k, "a", "/jails/a"));
    const host = process(k);
    expect(statShm(k, host, 65536).error).toBe(EINVAL);
    expect(listing(k, host, "shm")).toEqual([]);
    expect(listing(k, host, "shm", true).map(({ owner }) => owner)).toEqual([
      { jid: 1, jail: "a", key: 5432001, space: "/jails/a" },
    ]);
    expect(ending(k)).toEqual({});
  });

  test("the host goes to a broker by its path, and manages it from there", () => {
    const k = broker();
    startPostgres(k, at(k, "a", "/jails/a"));
    const host = process(k);
    expect(names(k, host)).toEqual(["/", "/jails/a"]);
    ok(host, ipcnsEnter(k, host, "shm", "/jails/a"));
    expect(removeShm(k, host, 65536)).toBe(OK);
    expect(stat(k, host, 65536 as never)).toBe(EINVAL); // it went there for shm alone
    ok(host, ipcnsEnter(k, host, "shm", "/"));
    expect(statShm(k, host, 65536).error).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });

  test("root in a jail reaches what is below its root, by paths from there", () => {
    const k = broker();
    const a = at(k, "a", "/jails/a");
    const b = at(k, "b", "/jails/b");
    const below = at(k, "c", "/jails/a/jails/c");
    makeSet(k, below);
    expect(names(k, a)).toEqual(["/", "/jails/c"]);
    expect(names(k, b)).toEqual(["/"]);
    ok(a, ipcnsEnter(k, a, "sem", "/jails/c"));
    expect(stat(k, a, 65536 as never)).toBe(OK);
    expect(ipcnsEnter(k, b, "sem", "/jails/a")).toBe(ENOENT);
    const user = process(k, { prison: b.p_ucred.cr_prison, uid: 70 });
    expect(ipcnsEnter(k, user, "sem", "/")).toBe(EPERM);
    expect(ending(k)).toEqual({});
  });

  test("a child reaches the broker to which its parent went; jail_attach that of the jail", () => {
    const k = broker();
    const id = makeSet(k, at(k, "a", "/jails/a"));
    const host = process(k);
    ok(host, ipcnsEnter(k, host, "sem", "/jails/a"));
    const child = fork(k, host);
    expect(stat(k, child, id)).toBe(OK);
    jail(k, "b", { path: "/jails/b" });
    ok(child, jailAttach(k, child, 2));
    expect(stat(k, child, id)).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });

  test("a broker stops with the last jail at its path, and its objects are gone [HIST-14]", () => {
    const k = broker();
    const [a] = [at(k, "a", "/jails/www"), at(k, "b", "/jails/www")];
    const id = makeSet(k, a);
    jailRemove(k, null, 1);
    run(k);
    expect(k.sem.live).toBe(1);
    expect(stat(k, process(k, { prison: [...k.prisons].at(-1)! }), id)).toBe(OK);
    jailRemove(k, null, 2);
    run(k);
    expect(k.sem.live).toBe(0);
    expect(ending(k)).toEqual({});
  });

  test("a process of the host keeps a broker up that no jail has any more", () => {
    const k = broker();
    const id = makeSet(k, at(k, "a", "/jails/a"));
    const host = process(k);
    ok(host, ipcnsEnter(k, host, "sem", "/jails/a"));
    jailRemove(k, null, 1);
    run(k);
    expect(stat(k, host, id)).toBe(OK);
    exit(k, host);
    expect(k.sem.live).toBe(0);
    expect(ending(k)).toEqual({});
  });

  test("no broker runs where the jail was before the module and policy starts none: ENOSYS", () => {
    const k = broker({ modules: [], lateLoad: "deny" });
    const prison = jail(k, "a", { path: "/jails/a" });
    const td = process(k, { prison });
    kldload(k, null, "sysvsem");
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(ipcnsEnter(k, td, "sem", "/")).toBe(ENOSYS);
    expect(semget(k, at(k, "b", "/jails/a"), 77 as Key, 1, 0)).toBe(ENOENT); // starts it at this path
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOSYS); // yet the older jail stays out
    expect(modify(k, prison, { "allow.sysvipc": true })).toBe(OK);
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOENT);
    expect(ending(k)).toEqual({});
  });

  test("late load `create` starts every jail's broker, `freebsd` those with allow.sysvipc", () => {
    const brokers = (lateLoad: "freebsd" | "create") => {
      const k = broker({ modules: [], lateLoad });
      jail(k, "a", { path: "/jails/a" });
      jail(k, "b", { path: "/jails/b", "allow.sysvipc": true });
      kldload(k, null, "sysvsem");
      return names(k, process(k));
    };
    expect(brokers("create")).toEqual(["/", "/jails/a", "/jails/b"]);
    expect(brokers("freebsd")).toEqual(["/", "/jails/b"]);
  });

  test("unload: refused while any broker has an object; then all stop", () => {
    const k = broker({ lateLoad: "create" });
    const td = at(k, "a", "/jails/a");
    const id = makeSet(k, td);
    expect(kldunload(k, null, "sysvsem")).toBe(EBUSY);
    const host = process(k);
    ok(host, ipcnsEnter(k, host, "sem", "/jails/a"));
    expect(removeSet(k, host, id)).toBe(OK);
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(names(k, host)).toEqual([]);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    expect(stat(k, td, makeSet(k, td))).toBe(OK);
    expect(listing(k, host, "sem")).toEqual([]); // it is at / again
    expect(ending(k)).toEqual({});
  });

  test("jails have no sysv* parameters, and no call makes a broker", () => {
    const k = broker();
    expect(create(k, { name: "a", sysvsem: 1 })).toEqual(
      failure(EINVAL, "unknown parameter: sysvsem"),
    );
    expect(ipcnsCreate(k, process(k), "sem", "pg1")).toBe(ENOSYS);
    expect(ending(k)).toEqual({});
  });
});
