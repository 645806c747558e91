import { EINVAL, ENOENT, type Errno, OK } from "@jailyard/abi/errno";
import { JAIL_DYING, JAIL_SYS_INHERIT, type JailInfo, type JailParams } from "@jailyard/abi/jail";
import { type JailGetOut, jailGet, jailRemove } from "@jailyard/kernel/jail";
import type { Kernel } from "@jailyard/kernel/kernel";
import { kldunload } from "@jailyard/kernel/kld";
import type { Prison } from "@jailyard/kernel/prison";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { create, ending, INHERIT, makeSet, NEW, remove } from "../support/jail.ts";
import { bench, jail, modify, process } from "../support/kernel.ts";

/** jail_get(2); `td` null is root of the host. */
function get(
  k: Kernel,
  params: JailParams,
  flags = 0,
  td: Thread | null = null,
): { error: Errno; errmsg: string; info: JailInfo | null } {
  const out: JailGetOut = { errmsg: "", info: null };
  const error = jailGet(k, td, params, flags, out);
  return { error, errmsg: out.errmsg, info: out.info };
}
const failure = (error: Errno, errmsg = "") => ({ error, errmsg, info: null });

/** A jail that is dying, as a set that it inherited to make is still there. */
function dying(k: Kernel, name: string): Prison {
  const pr = jail(k, name, INHERIT);
  makeSet(k, process(k, { prison: pr }));
  jailRemove(k, null, pr.pr_id);
  return pr;
}

describe("jail_get(2)", () => {
  test("gives all parameters, by jid or by name", () => {
    const { k } = bench();
    const params = { path: "/jails/web", "host.hostname": "web.example.org", "children.max": 4 };
    jail(k, "web", { ...params, sysvsem: 1, sysvshm: 2 });
    const info: JailInfo = {
      jid: 1 as JailInfo["jid"],
      name: "web",
      parent: 0 as JailInfo["jid"],
      path: "/jails/web",
      "host.hostname": "web.example.org",
      persist: true,
      dying: false,
      "children.max": 4,
      "children.cur": 0,
      "allow.sysvipc": false,
      "allow.suser": true,
      changes: 1,
      sysvmsg: "disable",
      sysvsem: "new",
      sysvshm: "inherit",
    };
    expect(get(k, { jid: 1 })).toEqual({ error: OK, errmsg: "", info });
    expect(get(k, { name: "web" })).toEqual({ error: OK, errmsg: "", info });
    const root = process(k);
    expect(get(k, { jid: 0, name: "web" }, 0, root).error).toBe(OK);
    expect(root.td_retval).toBe(1);
    expect(ending(k)).toEqual({});
  });

  test("nobody needs a privilege to ask", () => {
    const { k } = bench();
    jail(k, "web");
    expect(get(k, { jid: 1 }, 0, process(k, { uid: 7 })).error).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("lastjid walks by ascending jid, whatever the order of making [JAIL-48]", () => {
    const { k } = bench();
    create(k, { jid: 9 });
    create(k, { jid: 3 });
    create(k, { jid: 5 });
    const seen: number[] = [];
    let step = get(k, { lastjid: 0 });
    for (; step.error === OK; step = get(k, { lastjid: step.info!.jid })) seen.push(step.info!.jid);
    expect(seen).toEqual([3, 5, 9]);
    expect(step).toEqual(failure(ENOENT, "no jail after 9"));
    expect(ending(k)).toEqual({});
  });

  test("a jail sees those below it, by names and paths relative to it, and not itself [JAIL-47]", () => {
    const { k } = bench();
    const web = jail(k, "web", { path: "/jails/web", "children.max": 5 });
    const root = process(k, { prison: web });
    create(k, { name: "db", path: "/db", "children.max": 2 }, root);
    jail(k, "web.db.x");
    jail(k, "other");
    const db = get(k, { name: "db" }, 0, root).info;
    expect(db).toMatchObject({ jid: 2, name: "db", parent: 0, path: "/db", "children.cur": 1 });
    expect(get(k, { name: "web.db" }).info).toMatchObject({ parent: 1, path: "/jails/web/db" });
    expect(get(k, { name: "db.x" }, 0, root).info).toMatchObject({ name: "db.x", parent: 2 });
    expect(get(k, { jid: 1 }, 0, root)).toEqual(failure(ENOENT, "jail 1 not found"));
    expect(get(k, { name: "other" }, 0, root)).toEqual(failure(ENOENT, 'jail "other" not found'));
    expect(get(k, { lastjid: 3 }, 0, root)).toEqual(failure(ENOENT, "no jail after 3"));
    expect(ending(k)).toEqual({});
  });

  test("inherit shows the ancestor it was resolved to, not the wish [JAIL-2]", () => {
    const { k } = bench();
    const a = jail(k, "a", NEW);
    jail(k, "a.b", { sysvsem: JAIL_SYS_INHERIT });
    expect(get(k, { name: "a.b" }).info).toMatchObject({ sysvsem: "inherit", sysvmsg: "disable" });
    modify(k, a, { sysvsem: 0 });
    expect(get(k, { name: "a.b" }).info).toMatchObject({ sysvsem: "disable" });
    expect(ending(k)).toEqual({});
  });

  test("a dying jail is shown only to one who asks for the dying [JAIL-57]", () => {
    const { k } = bench();
    dying(k, "web");
    expect(get(k, { lastjid: 0 })).toEqual(failure(ENOENT, "no jail after 0"));
    const shown = { dying: true, persist: false, name: "web", jid: 1 };
    expect(get(k, { lastjid: 0 }, JAIL_DYING).info).toMatchObject(shown);
    expect(get(k, { jid: 1 }, JAIL_DYING).info).toMatchObject(shown);
    jail(k, "web");
    expect(get(k, { name: "web" }, JAIL_DYING).info).toMatchObject({ dying: false, jid: 2 });
    remove(k, k.sem.idOf(k.sem.slots[0]!) as never);
    expect(ending(k)).toEqual({});
  });

  test("parameters of an absent module are not there [JAIL-7] [JAIL-65]", () => {
    const { k } = bench();
    jail(k, "web", { sysvshm: 1 });
    expect(kldunload(k, null, "sysvshm")).toBe(OK);
    expect(get(k, { jid: 1 }).info).not.toHaveProperty("sysvshm");
    expect(get(k, { jid: 1, sysvsem: 0 }).error).toBe(OK);
    expect(get(k, { jid: 1, sysvshm: 0 })).toEqual(failure(EINVAL, "unknown parameter: sysvshm"));
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[ENOENT] no such jail, or none said [JAIL-48]", () => {
    const { k } = bench();
    expect(get(k, { jid: 7 })).toEqual(failure(ENOENT, "jail 7 not found"));
    expect(get(k, { jid: 0 })).toEqual(failure(ENOENT, "no jail specified"));
    expect(get(k, { name: "x" })).toEqual(failure(ENOENT, 'jail "x" not found'));
    expect(get(k, {})).toEqual(failure(ENOENT, "no jail specified"));
  });

  test("[ENOENT] the jail is dying [JAIL-48]", () => {
    const { k } = bench();
    dying(k, "web");
    expect(get(k, { jid: 1 })).toEqual(failure(ENOENT, "jail 1 is dying"));
    expect(get(k, { name: "web" })).toEqual(failure(ENOENT, 'jail "web" is dying'));
  });

  test("[EINVAL] a parameter nobody knows, a key of the wrong kind, other flags [JAIL-48]", () => {
    const { k } = bench();
    jail(k, "web");
    expect(get(k, { jid: 1, sysvfoo: 1 })).toEqual(failure(EINVAL, "unknown parameter: sysvfoo"));
    expect(get(k, { jid: 1, "allow.nosysvipc": true }).error).toBe(OK);
    expect(get(k, { jid: "web" })).toEqual(failure(EINVAL));
    expect(get(k, { name: 1 })).toEqual(failure(EINVAL));
    expect(get(k, { jid: 1 }, 0x10)).toEqual(failure(EINVAL));
    expect(ending(k)).toEqual({});
  });
});
