/** Policy of late load, in every model: what a jail gets that was there before the module. */
import { EBUSY, ENOENT, ENOSYS, OK } from "@jailyard/abi/errno";
import type { Key } from "@jailyard/abi/types";
import type { Kernel } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { LATE_LOADS, type LateLoad } from "@jailyard/kernel/lateload";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { semget } from "@jailyard/kernel/semctl";
import { describe, expect, test } from "vitest";
import { ending, makeSet, remove } from "../support/jail.ts";
import { bench, exit, jail, modify, process } from "../support/kernel.ts";

/** Whether its semget(2) finds a facility: "none", or whose keys it looks in. */
function lookedUp(k: Kernel, name: string): string {
  const prison = [...k.prisons].find(({ pr_name }) => pr_name === name)!;
  const [td, host] = [process(k, { prison }), process(k)];
  const error = semget(k, td, 77 as Key, 1, 0);
  const shares = k.model.root(k, "sem", td.p_ucred) === k.model.root(k, "sem", host.p_ucred);
  exit(k, td);
  exit(k, host);
  if (error === ENOSYS) return "none";
  expect(error).toBe(ENOENT);
  return shares ? "host's" : "own";
}

/** `plain` and `bit`, which has allow.sysvipc, were there before the load; `bit.in` is in it. */
function late(model: ModelName, lateLoad: LateLoad): string[] {
  const { k } = bench({ model, lateLoad, modules: [] });
  const [plain, bit, inBit] = ["plain", "bit", "bit.in"];
  const path = (name: string) => ({ path: `/jails/${name}` });
  jail(k, plain, path(plain));
  jail(k, bit, { "allow.sysvipc": true, "children.max": 1, ...path(bit) });
  jail(k, inBit, { "allow.sysvipc": true, ...path(inBit) });
  expect(kldload(k, null, "sysvsem")).toBe(OK);
  const got = [plain, bit, inBit].map((name) => lookedUp(k, name));
  expect(ending(k)).toEqual({});
  return got;
}

describe.each(LATE_LOADS)("late load `%s`", (policy) => {
  const EXPECTED: Readonly<Record<LateLoad, Readonly<Record<ModelName, readonly string[]>>>> = {
    freebsd: {
      "jail-keyed": ["none", "host's", "host's"], // [JAIL-64]
      flat: ["none", "host's", "host's"],
      tagged: ["none", "own", "own"],
      disjoint: ["none", "host's", "host's"],
      broker: ["none", "own", "own"],
    },
    deny: {
      "jail-keyed": ["none", "none", "none"],
      flat: ["none", "none", "none"],
      tagged: ["none", "none", "none"],
      disjoint: ["none", "none", "none"],
      broker: ["none", "none", "none"],
    },
    create: {
      "jail-keyed": ["own", "own", "own"],
      flat: ["none", "host's", "host's"], // there is one name space, which the bit opens
      tagged: ["own", "own", "own"],
      disjoint: ["own", "own", "own"],
      broker: ["own", "own", "own"],
    },
  };

  test.each(MODELS)("%s", (model) => {
    expect(late(model, policy)).toEqual(EXPECTED[policy][model]);
  });

  test.each(MODELS)("%s: allow.sysvipc lets a jail in afterwards", (model) => {
    const { k } = bench({ model, lateLoad: policy, modules: [] });
    const prison = jail(k, "plain");
    kldload(k, null, "sysvsem");
    expect(modify(k, prison, { "allow.sysvipc": true })).toBe(OK);
    expect(lookedUp(k, "plain")).not.toBe("none");
    expect(ending(k)).toEqual({});
  });

  test.each(MODELS)("%s: a module that goes is a module that comes late again", (model) => {
    const { k } = bench({ model, lateLoad: policy });
    jail(k, "plain", { path: "/jails/plain" });
    jail(k, "bit", { "allow.sysvipc": true, path: "/jails/bit" });
    const host = process(k);
    const id = makeSet(k, host);
    expect(kldunload(k, null, "sysvsem")).toBe(EBUSY);
    remove(k, id);
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    const expected = EXPECTED[policy][model];
    expect(["plain", "bit"].map((name) => lookedUp(k, name))).toEqual(expected.slice(0, 2));
    expect(ending(k)).toEqual({});
  });
});

test("flat: the switch opens the name space to all but those that are denied", () => {
  const opened = (lateLoad: LateLoad) => {
    const { k } = bench({ model: "flat", lateLoad, modules: [], sysvipc_allowed: true });
    jail(k, "plain");
    kldload(k, null, "sysvsem");
    return lookedUp(k, "plain");
  };
  expect(LATE_LOADS.map(opened)).toEqual(["host's", "none", "host's"]);
});
