/** Model `tagged`: zones of illumos. */
import { EBUSY, EINVAL, ENOENT, ENOSYS, EPERM, OK } from "@jailyard/abi/errno";
import type { Key } from "@jailyard/abi/types";
import { ipcnsEnter, ipcnsList } from "@jailyard/kernel/ipcnscall";
import { jailRemove } from "@jailyard/kernel/jail";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import { run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { listing } from "@jailyard/kernel/listing";
import { semget } from "@jailyard/kernel/semctl";
import { shmget } from "@jailyard/kernel/shm";
import { describe, expect, test } from "vitest";
import { create, ending, failure, makeSet, remove, stat } from "../support/jail.ts";
import { bench, exit, jail, modify, process } from "../support/kernel.ts";
import { PG_KEY, removeShm, startPostgres, statShm } from "../support/postgres2006.ts";

const tagged = (config: KernelConfig = {}) => bench({ model: "tagged", ...config }).k;

describe("model tagged", () => {
  test("a jail is a zone, and needs no permission; it has no sysv* parameters", () => {
    const k = tagged();
    const a = process(k, { prison: jail(k, "a") });
    expect(semget(k, a, 77 as Key, 1, 0)).toBe(ENOENT);
    expect(create(k, { name: "b", sysvsem: 1 })).toEqual(
      failure(EINVAL, "unknown parameter: sysvsem"),
    );
    expect(ending(k)).toEqual({});
  });

  test("two PostgreSQLs on one port start: key and zone together are looked up [HIST-7]", () => {
    const k = tagged();
    const servers = ["a", "b"].map((name) => process(k, { prison: jail(k, name) }));
    const started = servers.map((td) => startPostgres(k, td));
    expect(started).toEqual([
      { shmid: 65536, semid: 65536 },
      { shmid: 65537, semid: 65537 },
    ]);
    expect(ending(k)).toEqual({});
  });

  test("an id is good in its zone and on the host, which sees keys and zones [HIST-11]", () => {
    const k = tagged();
    const [a, b] = ["a", "b"].map((name) => process(k, { prison: jail(k, name) }));
    startPostgres(k, a);
    const host = process(k);
    expect(statShm(k, a, 65536)).toEqual({ error: OK, key: PG_KEY });
    expect(statShm(k, b, 65536).error).toBe(EINVAL);
    expect(statShm(k, host, 65536)).toEqual({ error: OK, key: PG_KEY });
    expect(listing(k, host, "shm").map(({ owner }) => owner)).toEqual([
      { jid: 1, jail: "a", key: PG_KEY, space: "a" },
    ]);
    expect(listing(k, b, "shm")).toEqual([]);
    expect(shmget(k, host, PG_KEY, 0, 0)).toBe(ENOENT); // its key is another zone's
    expect(removeShm(k, host, 65536)).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("what the host makes is of the global zone", () => {
    const k = tagged();
    const host = process(k);
    const id = makeSet(k, host);
    expect(listing(k, host, "sem")[0].owner).toMatchObject({ jail: "0", space: "global" });
    expect(stat(k, process(k, { prison: jail(k, "a") }), id)).toBe(EINVAL);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("zones do not nest: a jail does not see those below it [HIST-15]", () => {
    const k = tagged();
    const a = process(k, { prison: jail(k, "a", { "children.max": 1 }) });
    const below = makeSet(k, process(k, { prison: jail(k, "a.x") }));
    expect(stat(k, a, below)).toBe(EINVAL);
    expect(stat(k, process(k), below)).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("root in a jail: all of its zone, nothing else, and no modules [HIST-12]", () => {
    const k = tagged();
    const prison = jail(k, "a");
    const id = makeSet(k, process(k, { prison, uid: 70 }));
    const root = process(k, { prison });
    expect(stat(k, root, id)).toBe(OK);
    expect(kldunload(k, root, "sysvsem")).toBe(EPERM);
    expect(ending(k)).toEqual({});
  });

  test("all objects of a zone are removed when it ends [HIST-14]", () => {
    const k = tagged();
    makeSet(k, process(k, { prison: jail(k, "a") }));
    jailRemove(k, null, 1);
    run(k);
    expect([k.sem.live, k.prisons.size]).toEqual([0, 1]);
    expect(ending(k)).toEqual({});
  });

  test("late load: a zone that is there may call if the policy says so [HIST-8]", () => {
    const calls = (lateLoad: "freebsd" | "deny" | "create") => {
      const k = tagged({ modules: [], lateLoad });
      const jails = [jail(k, "a"), jail(k, "b", { "allow.sysvipc": true })];
      kldload(k, null, "sysvsem");
      jails.push(jail(k, "c"));
      return jails.map((prison) => semget(k, process(k, { prison }), 77 as Key, 1, 0));
    };
    expect(calls("create")).toEqual([ENOENT, ENOENT, ENOENT]);
    expect(calls("freebsd")).toEqual([ENOSYS, ENOENT, ENOENT]);
    expect(calls("deny")).toEqual([ENOSYS, ENOSYS, ENOENT]);
  });

  test("allow.sysvipc lets in whom a late load did not", () => {
    const k = tagged({ modules: ["shm"], lateLoad: "deny" });
    const prison = jail(k, "a");
    const td = process(k, { prison });
    kldload(k, null, "sysvsem");
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(shmget(k, td, 77 as Key, 1, 0)).toBe(ENOENT); // each mechanism has its own flag
    expect(modify(k, prison, { "allow.sysvipc": true })).toBe(OK);
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOENT);
    expect(ending(k)).toEqual({});
  });

  test("unload: refused while any zone has an object; a reload asks the policy again", () => {
    const k = tagged();
    const td = process(k, { prison: jail(k, "a") });
    const id = makeSet(k, td);
    expect(kldunload(k, null, "sysvsem")).toBe(EBUSY);
    remove(k, id);
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    expect(semget(k, td, 77 as Key, 1, 0)).toBe(ENOSYS); // freebsd: it has no allow.sysvipc
    expect(ending(k)).toEqual({});
  });

  test("zones are no name spaces to enter: ENOSYS, and an empty list", () => {
    const k = tagged();
    const host = process(k);
    expect(ipcnsEnter(k, host, "sem", "a")).toBe(ENOSYS);
    expect(ipcnsList(k, host)).toEqual([]);
    exit(k, host);
    expect(ending(k)).toEqual({});
  });
});
