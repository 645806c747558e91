/** The hook `revoke`: called wherever what somebody may call, see or do can change. */
import { OK } from "@jailyard/abi/errno";
import { JAIL_ATTACH, JAIL_CREATE } from "@jailyard/abi/jail";
import { ipcnsEnter } from "@jailyard/kernel/ipcnscall";
import { jailAttach } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import type { Kernel } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { setcred } from "@jailyard/kernel/proc";
import { sysctlWrite } from "@jailyard/kernel/sysctl";
import { describe, expect, test } from "vitest";
import { createSpace, DISABLE, INHERIT, NEW } from "../support/jail.ts";
import { bench, jail, modify, ok, process } from "../support/kernel.ts";

/** A kernel with jails `a` and `a.b`, and what the hook was told since: names, "everybody". */
function watched(model: ModelName, modules?: []) {
  const { k } = bench(modules === undefined ? { model } : { model, modules });
  const a = jail(k, "a", { "children.max": 1 });
  const told: string[] = [];
  k.hooks = { ...k.hooks, revoke: (pr) => void told.push(pr?.pr_name ?? "everybody") };
  return { k, a, told };
}

const once = (told: string[]): string[] => [...new Set(told.splice(0))];

describe.each(MODELS)("model %s", (model) => {
  test("a module comes or goes: everybody", () => {
    const { k, told } = watched(model, []);
    kldload(k, null, "sysvsem");
    expect(once(told)).toEqual(["everybody"]);
    kldunload(k, null, "sysvsem");
    expect(once(told)).toEqual(["everybody"]);
  });

  test("allow.sysvipc or allow.suser changes: that jail", () => {
    const { k, a, told } = watched(model);
    const bits = ["allow.sysvipc", "allow.nosysvipc", "allow.suser", "allow.nosuser"];
    for (const name of bits) {
      expect(modify(k, a, { [name]: true })).toBe(OK);
      expect(once(told)).toEqual(["a"]);
    }
  });

  test("security.jail.sysvipc_allowed is written: everybody", () => {
    const { k, told } = watched(model);
    sysctlWrite(k, null, "security.jail.sysvipc_allowed", 1);
    expect(once(told)).toEqual(["everybody"]);
  });

  test("a process enters a jail: the prison that it leaves", () => {
    const { k, told } = watched(model);
    const td = process(k);
    ok(td, jailAttach(k, td, 1));
    expect(once(told)).toEqual(["0"]);
    const flags = JAIL_CREATE | JAIL_ATTACH;
    expect(jailSet(k, td, { name: "b" }, flags, { errmsg: "" })).toBe(OK);
    expect(once(told)).toEqual(["a"]);
  });

  test("a process changes its credentials: its prison", () => {
    const { k, told } = watched(model);
    expect(setcred(k, process(k), 70, 70, [])).toBe(OK);
    expect(once(told)).toEqual(["0"]);
  });

  test("calls that change nothing of the kind are silent", () => {
    const { k, a, told } = watched(model);
    expect(modify(k, a, { name: "z", "host.hostname": "z" })).toBe(OK);
    jail(k, "other", { path: "/jails/other" });
    process(k);
    expect(told).toEqual([]);
  });
});

const withParameters = MODELS.filter((model) => bench({ model }).k.model.jailsys !== null);

test.each(withParameters)("model %s: sysvsem changes: that jail", (model) => {
  const { k, a, told } = watched(model);
  for (const params of [NEW, INHERIT, DISABLE]) {
    expect(modify(k, a, params)).toBe(OK);
    expect(once(told)).toEqual(["a"]);
  }
});

describe("a process moves to another name space: its prison", () => {
  const move = (k: Kernel, told: string[], name: string): string[] => {
    const td = process(k);
    ok(td, ipcnsEnter(k, td, "sem", name));
    return once(told);
  };

  test("disjoint", () => {
    const { k, told } = watched("disjoint");
    expect(move(k, told, "a")).toEqual(["0"]);
    const td = process(k);
    createSpace(k, td, "mine");
    expect(once(told)).toEqual(["0"]);
    ok(td, ipcnsEnter(k, td, "sem", "0/mine"));
    expect(told).toEqual([]); // it is there
  });

  test("broker", () => {
    const { k, told } = watched("broker");
    jail(k, "other", { path: "/jails/other" });
    expect(move(k, told, "/jails/other")).toEqual(["0"]);
    expect(move(k, told, "/")).toEqual([]);
  });
});
