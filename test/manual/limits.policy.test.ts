/** Policy of limits: whose use counts. `host` as FreeBSD, `namespace` as Linux. */
import { EINVAL, ENOMEM, ENOSPC, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_PRIVATE } from "@jailyard/abi/ipc";
import { GETVAL, SEM_STAT, semidDs } from "@jailyard/abi/sem";
import type { Key, Semid } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, makeKernel, run } from "@jailyard/kernel/kernel";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { msgget } from "@jailyard/kernel/msgctl";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmget } from "@jailyard/kernel/shm";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, makeSet, removeSet } from "../support/jail.ts";
import { bench, jail, ok, process } from "../support/kernel.ts";
import { vector } from "../support/semset.ts";

const FLAGS = IPC_CREAT | 0o600;
const limits = {
  "kern.ipc.semmni": 2,
  "kern.ipc.semmns": 10,
  "kern.ipc.shmmni": 2,
  "kern.ipc.shmall": 4,
  "kern.ipc.msgmni": 1,
};
const set = (k: Kernel, td: Thread, nsems = 1): Errno => semget(k, td, IPC_PRIVATE, nsems, FLAGS);
const seg = (k: Kernel, td: Thread, pages = 1): Errno =>
  shmget(k, td, IPC_PRIVATE, pages * 4096, FLAGS);
const queue = (k: Kernel, td: Thread): Errno => msgget(k, td, IPC_PRIVATE, FLAGS);
const NEW = { sysvmsg: 1, sysvsem: 1, sysvshm: 1 };

/** Two jails with name spaces of their own, if the model has such, and a process in each. */
function jails(model: ModelName, limitScope: "host" | "namespace") {
  const { k } = bench({ model, limitScope, limits, sysvipc_allowed: true });
  const params = k.model.jailsys === null ? {} : NEW;
  const tds = ["a", "b"].map((name) =>
    process(k, { prison: jail(k, name, { path: `/jails/${name}`, ...params }) }),
  );
  return { k, a: tds[0], b: tds[1] };
}

const APART = MODELS.filter((model) => model !== "flat");

describe("limits `host`", () => {
  test.each(MODELS)("%s: what one jail has another cannot have [COM-1]", (model) => {
    const { k, a, b } = jails(model, "host");
    expect([set(k, a), set(k, b), set(k, b)]).toEqual([OK, OK, ENOSPC]);
    expect([seg(k, a, 3), seg(k, b, 2), seg(k, b)]).toEqual([OK, ENOMEM, OK]);
    expect([queue(k, a), queue(k, b)]).toEqual([OK, ENOSPC]);
  });
});

describe("limits `namespace`", () => {
  test.each(APART)("%s: each name space has all of them [HIST-13]", (model) => {
    const { k, a, b } = jails(model, "namespace");
    for (const td of [a, b]) {
      expect([set(k, td, 4), set(k, td, 7), set(k, td, 6)]).toEqual([OK, ENOSPC, OK]);
      expect(set(k, td)).toBe(ENOSPC);
      expect([seg(k, td, 3), seg(k, td, 2), seg(k, td), seg(k, td)]).toEqual([
        ...[OK, ENOMEM, OK, ENOSPC],
      ]);
      expect([queue(k, td), queue(k, td)]).toEqual([OK, ENOSPC]);
    }
    expect(ending(k)).toEqual({});
  });

  test("flat: one name space, so it is as `host`", () => {
    const { k, a, b } = jails("flat", "namespace");
    expect([set(k, a), set(k, b), set(k, b)]).toEqual([OK, OK, ENOSPC]);
  });

  test("ids go on where the table of FreeBSD would end", () => {
    const { k, a, b } = jails("jail-keyed", "namespace");
    const ids = [a, a, b, b].map((td) => ok(td, set(k, td)) as Semid);
    const last = ids[3];
    expect(last & 0xffff).toBe(3); // semmni is 2
    expect(semop(k, b, last, vector([[0, 1]]), 1)).toBe(OK);
    const arg = { val: 0, buf: semidDs(), array: null };
    expect(ok(b, semctl(k, b, last, 0, GETVAL, arg))).toBe(1);
    expect(ok(b, semctl(k, b, 3, 0, SEM_STAT, arg))).toBe(last);
    expect(semctl(k, b, 65536, 0, SEM_STAT, arg)).toBe(EINVAL); // no such index
    expect(ending(k)).toEqual({});
  });

  test("what is removed, by whom ever, is room again", () => {
    const { k, a, b } = jails("jail-keyed", "namespace");
    const id = makeSet(k, a);
    ok(a, set(k, a));
    expect(set(k, a)).toBe(ENOSPC);
    expect(removeSet(k, process(k), id)).toBe(OK);
    expect(set(k, a)).toBe(OK);
    ok(b, seg(k, b));
    jailRemove(k, null, 1);
    run(k);
    expect([k.usage!.sem.size, k.usage!.shm.size]).toEqual([0, 1]);
    expect(ending(k)).toEqual({});
  });

  test("jail-keyed: a jail that inherits has a key space of its own, and so limits [COM-7]", () => {
    const { k } = bench({ limitScope: "namespace", limits });
    const td = process(k, { prison: jail(k, "c", { sysvsem: 2 }) });
    const host = process(k);
    const ids = [td, td, host].map((one) => ok(one, set(k, one)) as Semid);
    expect([set(k, td), set(k, host)]).toEqual([ENOSPC, OK]);
    for (const id of [...ids, host.td_retval as Semid]) removeSet(k, host, id);
    expect(ending(k)).toEqual({});
  });
});

describe("names that nobody knows are refused, with those that are there", () => {
  test.each([
    [
      { model: "zones" },
      'model "zones" is not known; there are jail-keyed, flat, tagged, disjoint, broker',
    ],
    [{ lateLoad: "maybe" }, 'late load "maybe" is not known; there are freebsd, deny, create'],
    [{ limitScope: "jail" }, 'limits "jail" is not known; there are host, namespace'],
  ])("%j", (config, message) => {
    expect(() => makeKernel(config as never)).toThrow(message);
  });
});

test("keys collide under flat alone, whatever the limits", () => {
  const collides = MODELS.filter((model) => {
    const { k, a, b } = jails(model, "namespace");
    ok(a, semget(k, a, 77 as Key, 1, FLAGS));
    return semget(k, b, 77 as Key, 1, 0) === OK;
  });
  expect(collides).toEqual(["flat"]);
});
