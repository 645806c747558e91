/** jail_set(2), the parameters of System V IPC, and dying jails. */
import { EIDRM, EINVAL, ENOENT, ENOSYS, ESLEEP, OK } from "@jailyard/abi/errno";
import { JAIL_SYS_DISABLE } from "@jailyard/abi/jail";
import { parseJailParam } from "@jailyard/abi/jailparam";
import { reasonText } from "@jailyard/abi/reason";
import type { Key, Semid } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { semget } from "@jailyard/kernel/semctl";
import { describe, expect, test } from "vitest";
import {
  create,
  DISABLE,
  ending,
  failure,
  INHERIT,
  makeSet,
  NEW,
  remove,
  stat,
  take,
  update,
} from "../support/jail.ts";
import { bench, jail, modify, ok, process } from "../support/kernel.ts";

describe("jail_set(2): System V IPC", () => {
  describe("sysvmsg, sysvsem, sysvshm", () => {
    test("new to new and inherit to inherit change nothing [JAIL-19]", () => {
      const { k } = bench();
      const a = jail(k, "a", NEW);
      const root = process(k, { prison: a });
      const id = makeSet(k, root);
      expect(modify(k, a, NEW)).toBe(OK);
      expect(stat(k, root, id)).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("disable to inherit: what an earlier inherit left re-appears [JAIL-19] [JAIL-22]", () => {
      const { k } = bench();
      const c = jail(k, "c", INHERIT);
      const host = process(k);
      const root = process(k, { prison: c });
      const id = makeSet(k, root);
      expect(modify(k, c, DISABLE)).toBe(OK);
      expect(stat(k, root, id)).toBe(ENOSYS);
      expect(stat(k, host, id)).toBe(OK);
      expect(modify(k, c, INHERIT)).toBe(OK);
      expect(ok(root, semget(k, root, 77 as Key, 0, 0))).toBe(id);
      expect(modify(k, c, NEW)).toBe(OK); // so that it goes with the jail
      expect(ending(k)).toEqual({});
    });

    test("new to inherit: a sleeper on the jail's set returns EIDRM [JAIL-20] [JAIL-86]", () => {
      const { k, ended } = bench();
      const a = jail(k, "a", NEW);
      const root = process(k, { prison: a });
      expect(take(k, root, makeSet(k, root))).toBe(ESLEEP);
      expect(modify(k, a, INHERIT)).toBe(OK);
      run(k);
      expect(ended.get(root)).toBe(EIDRM);
      expect(reasonText(root.td_reason)).toBe("SEM-58");
      expect(ending(k)).toEqual({});
    });

    test("new to inherit: those who share the space come along with their objects [JAIL-20]", () => {
      const { k } = bench();
      const a = jail(k, "a", NEW);
      const y = jail(k, "a.y", INHERIT);
      const x = jail(k, "a.x", NEW);
      const yroot = process(k, { prison: y });
      const xroot = process(k, { prison: x });
      const yid = makeSet(k, yroot);
      const xid = makeSet(k, xroot);
      const hostId = makeSet(k, process(k));
      expect(stat(k, yroot, hostId)).toBe(EINVAL);
      expect(modify(k, a, INHERIT)).toBe(OK);
      expect(y.pr_roots.sem).toBe(k.prison0);
      expect(x.pr_roots.sem).toBe(x);
      for (const id of [yid, xid, hostId]) expect(stat(k, yroot, id)).toBe(OK);
      expect(stat(k, xroot, hostId)).toBe(EINVAL);
      for (const set of k.sem.slots) if (set !== null) expect(set.cred.cr_prison).not.toBe(a);
      modify(k, y, NEW);
      remove(k, hostId);
      expect(ending(k)).toEqual({});
    });

    test("inherit to new: own objects stay, the host's are out of sight [JAIL-21] [JAIL-87]", () => {
      const { k } = bench();
      const c = jail(k, "c", INHERIT);
      const below = jail(k, "c.d", INHERIT);
      const host = process(k);
      const root = process(k, { prison: c });
      const own = makeSet(k, root);
      const hosts = makeSet(k, host);
      expect(stat(k, root, hosts)).toBe(OK);
      expect(modify(k, c, NEW)).toBe(OK);
      expect(stat(k, root, hosts)).toBe(EINVAL);
      expect(stat(k, root, own)).toBe(OK);
      expect(below.pr_roots.sem).toBe(c);
      remove(k, hosts);
      expect(ending(k)).toEqual({});
    });

    test("new to disable: all below are disabled, who inherited keeps objects [JAIL-15] [JAIL-90]", () => {
      const { k } = bench();
      const a = jail(k, "a", NEW);
      const x = jail(k, "a.x", NEW);
      const y = jail(k, "a.y", INHERIT);
      const host = process(k);
      const ids = [a, x, y].map((prison) => makeSet(k, process(k, { prison })));
      expect(modify(k, a, DISABLE)).toBe(OK);
      expect([a, x, y].map((pr) => pr.pr_roots.sem)).toEqual([null, null, null]);
      expect(ids.map((id) => stat(k, host, id))).toEqual([EINVAL, EINVAL, OK]);
      expect(modify(k, a, NEW)).toBe(OK); // those below stay disabled [JAIL-17]
      expect(y.pr_roots.sem).toBeNull();
      remove(k, ids[2]);
      expect(ending(k)).toEqual({});
    });

    test("a sleeper on an object of another prison sleeps on [JAIL-27]", () => {
      const { k, ended } = bench();
      const c = jail(k, "c", INHERIT);
      const root = process(k, { prison: c });
      const id = makeSet(k, process(k));
      expect(take(k, root, id)).toBe(ESLEEP);
      expect(modify(k, c, DISABLE)).toBe(OK);
      run(k);
      expect(ended.size).toBe(0);
      remove(k, id);
      expect(ending(k)).toEqual({});
    });

    test("values may be words in any case, or numbers; the bare name is new [JAIL-10]", () => {
      expect(parseJailParam("sysvshm=Inherit")).toEqual({ name: "sysvshm", value: 2 });
      expect(parseJailParam("sysvshm=DISABLE")).toEqual({ name: "sysvshm", value: 0 });
      expect(parseJailParam("sysvshm")).toEqual({ name: "sysvshm", value: 1 });
      expect(parseJailParam("sysvshm=3")).toEqual({ name: "sysvshm", value: 3 });
      expect(parseJailParam("sysvshm=xyz")).toEqual({
        error: 'sysvshm: unknown jailsys value "xyz"',
      });
      expect(parseJailParam("allow.nosysvipc")).toEqual({ name: "allow.nosysvipc", value: true });
    });
  });

  describe("allow.sysvipc", () => {
    test("asks inherit for all three, and its bit is a thing of its own [JAIL-14] [JAIL-23]", () => {
      const { k } = bench();
      const a = jail(k, "a", { "allow.sysvipc": true });
      expect(a.pr_roots).toEqual({ msg: k.prison0, sem: k.prison0, shm: k.prison0 });
      modify(k, a, { sysvshm: JAIL_SYS_DISABLE });
      expect(a).toMatchObject({ pr_allow_sysvipc: true, pr_roots: { shm: null } });
      modify(k, a, { "allow.nosysvipc": true });
      expect(a.pr_roots).toEqual({ msg: null, sem: null, shm: null });
      modify(k, a, NEW);
      expect(a).toMatchObject({ pr_allow_sysvipc: false, pr_roots: { sem: a } });
      expect(ending(k)).toEqual({});
    });

    test("beside a parameter the parameter counts [JAIL-14]", () => {
      const { k } = bench();
      const a = jail(k, "a", { "allow.sysvipc": true, ...NEW });
      expect(a.pr_roots).toEqual({ msg: k.prison0, sem: a, shm: k.prison0 });
      expect(ending(k)).toEqual({});
    });

    test("on a jail with private spaces it destroys their objects [JAIL-26]", () => {
      const { k } = bench();
      const a = jail(k, "a", NEW);
      makeSet(k, process(k, { prison: a }));
      expect(modify(k, a, { "allow.sysvipc": true })).toBe(OK);
      expect(k.sem.live).toBe(0);
      expect(ending(k)).toEqual({});
    });

    test("below a parent without the facility it silently gives none [JAIL-24]", () => {
      const { k } = bench();
      const a = jail(k, "a", { "allow.sysvipc": true });
      modify(k, a, DISABLE);
      const b = jail(k, "a.b", { "allow.sysvipc": true });
      expect(b.pr_roots).toMatchObject({ sem: null, shm: k.prison0 });
      expect(ending(k)).toEqual({});
    });

    test("allow.nosysvipc takes the bit from all below [JAIL-25]", () => {
      const { k } = bench();
      const a = jail(k, "a", { "allow.sysvipc": true });
      const b = jail(k, "a.b", { "allow.sysvipc": true });
      modify(k, a, { "allow.sysvipc": false });
      expect([a, b].map((pr) => pr.pr_allow_sysvipc)).toEqual([false, false]);
      expect(ending(k)).toEqual({});
    });
  });

  describe("a dying jail", () => {
    /** Jail `web`, dying: an object of it outlives it. */
    function dying(k: Kernel): { web: Prison; id: Semid } {
      const web = jail(k, "web", INHERIT);
      const id = makeSet(k, process(k, { prison: web }));
      jailRemove(k, null, web.pr_id);
      return { web, id };
    }

    test("gives its name and its jid to a living one [JAIL-57]", () => {
      const { k } = bench();
      const { web, id } = dying(k);
      expect(create(k, { name: "web", jid: 1 })).toMatchObject({ error: OK, jid: 1 });
      expect(web.pr_id).toBe(999_999);
      expect(k.prisons.size).toBe(3);
      remove(k, id);
      expect(k.prisons.has(web)).toBe(false);
      expect(ending(k)).toEqual({});
    });

    test("keeps its jid from automatic ones, and cannot be changed [JAIL-37] [JAIL-57] [JAIL-91]", () => {
      const { k } = bench();
      const { id } = dying(k);
      k.lastJid = 0;
      expect(create(k, { name: "b" }).jid).toBe(2);
      expect(update(k, { jid: 1 })).toEqual(failure(ENOENT, "jail 1 not found"));
      expect(update(k, { name: "web" })).toEqual(failure(ENOENT, 'jail "web" not found'));
      expect(create(k, { name: "web.x" })).toEqual(failure(ENOENT, 'jail "web" not found'));
      remove(k, id);
      expect(ending(k)).toEqual({});
    });

    test("what it left does not belong to a new one of its name [JAIL-62]", () => {
      const { k } = bench();
      const { id } = dying(k);
      const web = jail(k, "web", { jid: 1, ...NEW });
      expect(stat(k, process(k, { prison: web }), id)).toBe(EINVAL);
      remove(k, id);
      expect(ending(k)).toEqual({});
    });
  });
});
