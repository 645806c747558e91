/** Model `flat`: what jails had before FreeBSD 11. */
import { EACCES, EINVAL, ENOENT, ENOSYS, EPERM, OK } from "@jailyard/abi/errno";
import { IPC_STAT } from "@jailyard/abi/ipc";
import { semidDs } from "@jailyard/abi/sem";
import type { Key } from "@jailyard/abi/types";
import { type JailGetOut, jailAttach, jailGet, jailRemove } from "@jailyard/kernel/jail";
import { run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { semctl, semget, semList } from "@jailyard/kernel/semctl";
import { sysctlNames, sysctlRead, sysctlWrite } from "@jailyard/kernel/sysctl";
import { describe, expect, test } from "vitest";
import { create, ending, failure, makeSet, remove, stat, update } from "../support/jail.ts";
import { bench, jail, modify, ok, process } from "../support/kernel.ts";

const SWITCH = "security.jail.sysvipc_allowed";
const flat = (sysvipc_allowed = false) => bench({ model: "flat", sysvipc_allowed }).k;

describe("model flat", () => {
  test("in a jail every call is ENOSYS, until the switch is set for all of them [HIST-2]", () => {
    const k = flat();
    const a = process(k, { prison: jail(k, "a") });
    expect(semget(k, a, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(semList(k, a)).toEqual([]);
    expect(sysctlWrite(k, null, SWITCH, 1)).toBe(OK);
    expect(semget(k, a, 77 as Key, 1, 0)).toBe(ENOENT);
    expect(sysctlRead(k, a, SWITCH)).toBe(1); // the switch itself, in a jail too
    expect(sysctlWrite(k, a, SWITCH, 0)).toBe(EPERM);
    expect(sysctlWrite(k, null, SWITCH, 0)).toBe(OK);
    expect(semget(k, a, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(ending(k)).toEqual({});
  });

  test("allow.sysvipc opens one jail alone [JAIL-83]", () => {
    const k = flat();
    const a = jail(k, "a", { "allow.sysvipc": true });
    const [inA, inB] = [process(k, { prison: a }), process(k, { prison: jail(k, "b") })];
    expect(semget(k, inA, 77 as Key, 1, 0)).toBe(ENOENT);
    expect(semget(k, inB, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(modify(k, a, { "allow.nosysvipc": true })).toBe(OK);
    expect(semget(k, inA, 77 as Key, 1, 0)).toBe(ENOSYS);
    expect(ending(k)).toEqual({});
  });

  test("one name space for all: keys collide, and are shown to everybody [HIST-3]", () => {
    const k = flat(true);
    const host = process(k);
    const a = process(k, { prison: jail(k, "a") });
    const id = makeSet(k, a);
    expect(ok(host, semget(k, host, 77 as Key, 1, 0))).toBe(id);
    const ds = semidDs();
    ok(host, semctl(k, host, id, 0, IPC_STAT, { val: 0, buf: ds, array: null }));
    expect(ds.sem_perm.key).toBe(77);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("uids collide, and root of a jail removes what anybody made [HIST-3] [COM-22]", () => {
    const k = flat(true);
    const [a, b] = [jail(k, "a"), jail(k, "b")];
    const owner = process(k, { uid: 70, prison: a });
    const id = makeSet(k, owner);
    expect(stat(k, process(k, { uid: 70, prison: b }), id)).toBe(OK);
    expect(stat(k, process(k, { uid: 71, prison: b }), id)).toBe(EACCES);
    const root = process(k, { prison: b });
    expect(semctl(k, root, id, 0, 0, { val: 0, buf: null, array: null })).toBe(OK);
    expect(stat(k, owner, id)).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });

  test("objects stay when their jail ends [HIST-3]", () => {
    const k = flat(true);
    const id = makeSet(k, process(k, { prison: jail(k, "a") }));
    jailRemove(k, null, 1);
    run(k);
    expect(stat(k, process(k), id)).toBe(OK);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("a process that enters a jail takes its view along if the switch is on", () => {
    const k = flat(true);
    jail(k, "a");
    const td = process(k);
    const id = makeSet(k, td);
    ok(td, jailAttach(k, td, 1));
    expect(stat(k, td, id)).toBe(OK);
    sysctlWrite(k, null, SWITCH, 0);
    expect(stat(k, td, id)).toBe(ENOSYS);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("jails have no sysvmsg, sysvsem, sysvshm", () => {
    const k = flat();
    expect(create(k, { name: "a", sysvsem: 1 })).toEqual(
      failure(EINVAL, "unknown parameter: sysvsem"),
    );
    jail(k, "a");
    expect(update(k, { name: "a", sysvshm: 0 }).errmsg).toBe("unknown parameter: sysvshm");
    const out: JailGetOut = { errmsg: "", info: null };
    expect(jailGet(k, null, { name: "a" }, 0, out)).toBe(OK);
    expect(out.info).not.toHaveProperty("sysvsem");
    expect(out.info).toMatchObject({ "allow.sysvipc": false });
    expect(jailGet(k, null, { name: "a", sysvsem: 0 }, 0, out)).toBe(EINVAL);
    expect(sysctlNames(k).filter((name) => name.startsWith("security.jail.param.sysv"))).toEqual(
      [],
    );
    expect(ending(k)).toEqual({});
  });

  test("modules come and go, and jails notice nothing [HIST-4]", () => {
    const k = flat(true);
    const td = process(k, { prison: jail(k, "a") });
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    remove(k, makeSet(k, td));
    expect(ending(k)).toEqual({});
  });
});
