import { EINVAL, ENOENT, EPERM, OK } from "@jailyard/abi/errno";
import { LIMITS } from "@jailyard/abi/limits";
import type { Kernel } from "@jailyard/kernel/kernel";
import { kldunload } from "@jailyard/kernel/kld";
import { sysctlAbout, sysctlNames, sysctlRead, sysctlWrite } from "@jailyard/kernel/sysctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending } from "../support/jail.ts";
import { bench, jail, process } from "../support/kernel.ts";

const read = (k: Kernel, name: string, td: Thread | null = null) => sysctlRead(k, td, name);

describe("sysctl(3)", () => {
  test("reads every limit, everywhere, with the global values [JAIL-33] [TOOL-44]", () => {
    const { k } = bench({ limits: { "kern.ipc.semmni": 7 } });
    const inside = process(k, { prison: jail(k, "a") });
    for (const { name } of LIMITS) expect(typeof read(k, name, inside)).toBe("number");
    expect(read(k, "kern.ipc.semmni", inside)).toBe(7);
    expect(read(k, "kern.ipc.semusz")).toBe(832); // [SEM-11], K2
    expect(read(k, "kern.ipc.msgmax")).toBe(16384);
    expect(read(k, "kern.ipc.shmmax")).toBe(536870912);
    expect(ending(k)).toEqual({});
  });

  test("root of the host writes what may change at run time, and it counts at once", () => {
    const { k } = bench();
    const root = process(k);
    expect(sysctlWrite(k, root, "kern.ipc.semvmx", 100)).toBe(OK);
    expect(k.seminfo.semvmx).toBe(100);
    expect(sysctlWrite(k, null, "kern.ipc.shmall", 10)).toBe(OK);
    expect(read(k, "kern.ipc.shmmax")).toBe(536870912); // does not follow at run time [SHM-6]
    expect(ending(k)).toEqual({});
  });

  test("at boot shmmax follows shmall, by whatever name, unless it is set itself [SHM-6]", () => {
    const shmmax = (limits: Record<string, number>) => read(bench({ limits }).k, "kern.ipc.shmmax");
    expect(shmmax({ "kern.ipc.shmall": 10 })).toBe(40_960);
    expect(shmmax({ "kern.ipc.shmmaxpgs": 11, "kern.ipc.shmall": 10 })).toBe(45_056);
    expect(shmmax({ "kern.ipc.shmall": 10, "kern.ipc.shmmax": 8192 })).toBe(8192);
    expect(shmmax({ "kern.ipc.shmall": 10, "kern.ipc.shmmax": 536870912 })).toBe(40_960);
  });

  test("security.jail speaks of the reader's own prison [TOOL-45]", () => {
    const { k } = bench();
    const inside = process(k, { prison: jail(k, "a", { "children.max": 3 }) });
    jail(k, "a.b");
    const names = ["jailed", "children.max", "children.cur"].map((name) => `security.jail.${name}`);
    expect(names.map((name) => read(k, name, inside))).toEqual([1, 3, 1]);
    expect(names.map((name) => read(k, name))).toEqual([0, 999_999, 2]);
    expect(ending(k)).toEqual({});
  });

  test("security.jail.sysvipc_allowed is a template on the host, the own bit in a jail [JAIL-82]", () => {
    const { k } = bench();
    const name = "security.jail.sysvipc_allowed";
    expect(read(k, name)).toBe(0);
    expect(sysctlWrite(k, null, name, 1)).toBe(OK);
    expect(read(k, name)).toBe(1);
    const without = process(k, { prison: jail(k, "a") }); // jail_set ignores it
    const having = process(k, { prison: jail(k, "b", { "allow.sysvipc": true }) });
    expect([read(k, name, without), read(k, name, having)]).toEqual([0, 1]);
    expect(sysctlWrite(k, having, name, 0)).toBe(EPERM);
    expect(ending(k)).toEqual({});
  });

  test("names of an absent facility do not exist, parameters of jails included [JAIL-67]", () => {
    const { k } = bench();
    const names = [
      "kern.ipc.shmmax",
      "kern.ipc.shm_allow_removed",
      "kern.features.sysv_shm",
      "security.jail.param.sysvshm.",
    ];
    for (const name of names) expect(sysctlNames(k)).toContain(name);
    expect(kldunload(k, null, "sysvshm")).toBe(OK);
    for (const name of names) {
      expect(sysctlNames(k)).not.toContain(name);
      expect(read(k, name)).toBeNull();
      expect(sysctlWrite(k, null, name, 1)).toBe(ENOENT);
      expect(sysctlAbout(k, name)).toBeNull();
    }
    expect(read(k, "kern.features.sysv_sem")).toBe(1);
  });

  test("says of every name how it may be written", () => {
    const { k } = bench({ racct: true });
    for (const name of sysctlNames(k)) expect(read(k, name)).not.toBeNull();
    expect(sysctlAbout(k, "kern.ipc.semmni")?.kind).toBe("boot");
    expect(sysctlAbout(k, "kern.ipc.msgmax")?.kind).toBe("read");
    expect(sysctlAbout(k, "kern.ipc.semmsl")?.kind).toBe("run");
    expect(read(k, "kern.racct.enable")).toBe(1);
    expect(read(k, "kern.maxproc")).toBe(k.maxproc);
    expect(read(k, "security.jail.param.name")).toBe("256");
  });
});

test("debug.kdb.panic: root of the host, and nobody else, breaks the kernel", () => {
  const { k } = bench();
  const inside = process(k, { prison: jail(k, "a") });
  expect(read(k, "debug.kdb.panic", inside)).toBe(0);
  expect(sysctlWrite(k, inside, "debug.kdb.panic", 1)).toBe(EPERM);
  expect(() => sysctlWrite(k, null, "debug.kdb.panic", 1)).toThrow("panic: kdb_sysctl_panic");
  expect(ending(k)).toEqual({});
});

describe("ERRORS", () => {
  test("[ENOENT] no such name [TOOL-43]", () => {
    const { k } = bench();
    expect(read(k, "kern.ipc.semmap")).toBeNull(); // gone long ago [SEM-15]
    expect(sysctlWrite(k, null, "kern.ipc.semmap", 1)).toBe(ENOENT);
  });

  test("[EPERM] a boot tunable, or a derived value [TOOL-43]", () => {
    const { k } = bench();
    for (const name of ["kern.ipc.semmni", "kern.ipc.msgmax", "kern.racct.enable"]) {
      expect(sysctlWrite(k, null, name, 1)).toBe(EPERM);
    }
  });

  test("[EPERM] not root, or root of a jail [SEM-15] [SHM-7] [JAIL-46]", () => {
    const { k } = bench();
    for (const td of [process(k, { uid: 7 }), process(k, { prison: jail(k, "a") })]) {
      expect(sysctlWrite(k, td, "kern.ipc.semvmx", 1)).toBe(EPERM);
    }
    expect(ending(k)).toEqual({});
  });

  test("[EINVAL] a value that the table cannot hold", () => {
    const { k } = bench();
    for (const value of [-1, 65536, 1.5, Number.NaN]) {
      expect(sysctlWrite(k, null, "kern.ipc.semvmx", value)).toBe(EINVAL);
    }
  });
});
