import {
  EAGAIN,
  EBUSY,
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  ESLEEP,
  OK,
} from "@jailyard/abi/errno";
import { JAIL_ATTACH, JAIL_CREATE, JAIL_SYS_NEW, JAIL_UPDATE } from "@jailyard/abi/jail";
import { reasonText } from "@jailyard/abi/reason";
import type { Semid } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import { run } from "@jailyard/kernel/kernel";
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
  set,
  take,
  update,
} from "../support/jail.ts";
import { bench, exit, jail, leftovers, modify, process } from "../support/kernel.ts";

describe("jail_set(2)", () => {
  test("makes a jail: the first gets jid 1, and a name that is its jid [JAIL-37] [JAIL-40]", () => {
    const { k } = bench();
    expect(create(k, {})).toEqual({ error: OK, errmsg: "", jid: 1 });
    const pr = [...k.prisons][1];
    expect(pr).toMatchObject({ pr_name: "1", pr_childmax: 0, pr_allow_sysvipc: false });
    expect(pr.pr_roots).toEqual({ msg: null, sem: null, shm: null }); // [JAIL-8]
    expect(ending(k)).toEqual({});
  });

  test("the jid is what a process gets too", () => {
    const { k } = bench();
    const root = process(k);
    expect(create(k, { name: "web" }, root).jid).toBe(1);
    expect(root.td_retval).toBe(1);
    expect(ending(k)).toEqual({});
  });

  test("changes a jail as it was looked at, or tells that another has changed it since", () => {
    const { k } = bench();
    create(k, { name: "web" });
    expect(set(k, { name: "web", "host.hostname": "a" }, JAIL_UPDATE, null, 1).error).toBe(OK);
    const late = set(k, { name: "web", "host.hostname": "b" }, JAIL_UPDATE, null, 1);
    const why = "another changed it meanwhile: look at it with jls, and try again";
    expect(late).toEqual(failure(EBUSY, why));
    const pr = [...k.prisons][1];
    expect(pr).toMatchObject({ pr_hostname: "a", pr_changes: 2 });
    expect(update(k, { name: "web", "host.hostname": "c" }).error).toBe(OK); // whoever did not look
    expect(pr).toMatchObject({ pr_hostname: "c", pr_changes: 3 });
    jailRemove(k, null, 1);
    expect(ending(k)).toEqual({});
  });

  test("jids are not reused, and an explicit one does not move the counter [JAIL-37]", () => {
    const { k } = bench();
    expect(create(k, { name: "a" }).jid).toBe(1);
    expect(create(k, { name: "b", jid: 7 }).jid).toBe(7);
    jailRemove(k, null, 1);
    expect(create(k, { name: "c" }).jid).toBe(2);
    k.lastJid = 999_999;
    expect(create(k, { name: "d" }).jid).toBe(1);
    expect(create(k, { name: "e" }).jid).toBe(3);
    expect(ending(k)).toEqual({});
  });

  test("a numeric name without a jid is the jid [JAIL-40]", () => {
    const { k } = bench();
    expect(create(k, { name: "42" }).jid).toBe(42);
    expect(create(k, { name: "web" }).jid).toBe(1);
    expect(ending(k)).toEqual({});
  });

  test("web.db is child db of web, and a jail below says db [JAIL-39]", () => {
    const { k } = bench();
    const web = jail(k, "web", { "children.max": 3 });
    const db = jail(k, "web.db");
    expect(db.pr_parent).toBe(web);
    expect(k.prison0.pr_childcount).toBe(2);
    const root = process(k, { prison: web });
    expect(create(k, { name: "log" }, root).error).toBe(OK);
    expect([...web.pr_children].map((pr) => pr.pr_name)).toEqual(["web.db", "web.log"]);
    expect(ending(k)).toEqual({});
  });

  test("JAIL_CREATE with JAIL_UPDATE makes what is not there, and changes what is", () => {
    const { k } = bench();
    const both = JAIL_CREATE | JAIL_UPDATE;
    expect(set(k, { name: "web", persist: true }, both).jid).toBe(1);
    expect(set(k, { name: "web", "host.hostname": "w" }, both).jid).toBe(1);
    expect(set(k, { name: "db" }, both)).toEqual(
      failure(EINVAL, "new jail must persist or attach"),
    );
    expect(ending(k)).toEqual({});
  });

  test("JAIL_ATTACH puts the caller in; without persist it keeps the jail alive [JAIL-44]", () => {
    const { k } = bench();
    const root = process(k);
    const { jid } = set(k, { name: "web", ...NEW }, JAIL_CREATE | JAIL_ATTACH, root);
    expect(root.p_ucred.cr_prison.pr_id).toBe(jid);
    makeSet(k, root);
    exit(k, root);
    expect(leftovers(k)).toEqual({});
  });

  test("persist keeps a jail, and nopersist ends one that nobody uses [JAIL-44] [JAIL-52]", () => {
    const { k } = bench();
    const web = jail(k, "web");
    expect(update(k, { name: "web", nopersist: true }).error).toBe(OK);
    expect(leftovers(k)).toEqual({});
    expect(modify(k, web, {})).toBe(ENOENT); // [JAIL-91]
  });

  test("an update renames a jail and all below it, in its place [JAIL-39]", () => {
    const { k } = bench();
    const web = jail(k, "web");
    const db = jail(k, "web.db");
    expect(modify(k, web, { name: "www" })).toBe(OK);
    expect([web.pr_name, db.pr_name]).toEqual(["www", "www.db"]);
    expect(modify(k, db, { name: "www.sql" })).toBe(OK);
    expect(update(k, { jid: db.pr_id, name: "other.sql" })).toEqual(
      failure(EINVAL, "cannot change jail's parent"),
    );
    expect(update(k, { jid: web.pr_id, name: "www.sql" }).errmsg).toBe(
      "cannot change jail's parent",
    );
    expect(ending(k)).toEqual({});
  });

  test("lowering children.max lowers those below, by level [JAIL-42]", () => {
    const { k } = bench();
    const a = jail(k, "a", { "children.max": 10 });
    const b = jail(k, "a.b", { "children.max": 9 });
    const c = jail(k, "a.b.c", { "children.max": 2 });
    expect(modify(k, a, { "children.max": 2 })).toBe(OK);
    expect([a, b, c].map((pr) => pr.pr_childmax)).toEqual([2, 1, 0]);
    expect(ending(k)).toEqual({});
  });

  test("the host may go past children.max of the jail below which it creates [JAIL-43]", () => {
    const { k } = bench();
    jail(k, "web");
    expect(create(k, { name: "web.x" }).error).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  describe("ERRORS", () => {
    test("[EPERM] children.max of the caller is 0: before anything else [JAIL-36]", () => {
      const { k } = bench();
      const root = process(k, { prison: jail(k, "web"), uid: 7 });
      expect(set(k, {}, JAIL_CREATE | 0x100, root)).toEqual(failure(EPERM));
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] unknown flags, or neither create nor update [JAIL-36]", () => {
      const { k } = bench();
      expect(set(k, {}, JAIL_CREATE | 0x100)).toEqual(failure(EINVAL));
      expect(set(k, {}, 0)).toEqual(failure(EINVAL, "no valid operation (create or update)"));
    });

    test("[EPERM] the caller is not root [JAIL-36] [JAIL-46]", () => {
      const { k } = bench();
      const user = process(k, { uid: 7 });
      expect(create(k, { name: 5 }, user)).toEqual(failure(EPERM));
      expect(set(k, { persist: true }, JAIL_CREATE | JAIL_ATTACH)).toEqual(failure(EPERM));
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] a value of the wrong kind [JAIL-36]", () => {
      const { k } = bench();
      expect(create(k, { name: 5 })).toEqual(failure(EINVAL));
      expect(create(k, { persist: 1 })).toEqual(failure(EINVAL));
      expect(create(k, { jid: 1.5 })).toEqual(failure(EINVAL));
      expect(create(k, { name: "a\0b" })).toEqual(failure(EINVAL));
    });

    test("[EINVAL] a new jail neither persists nor has a process [JAIL-36]", () => {
      const { k } = bench();
      expect(set(k, { name: "a".repeat(256) }, JAIL_CREATE)).toEqual(
        failure(EINVAL, "new jail must persist or attach"),
      );
    });

    test("[ENAMETOOLONG] a name of more than 255 characters [JAIL-36]", () => {
      const { k } = bench();
      expect(create(k, { name: "a".repeat(256) })).toEqual(failure(ENAMETOOLONG));
      expect(create(k, { name: "a".repeat(255) }).error).toBe(OK);
      const b = jail(k, "b");
      jail(k, "b.c");
      expect(modify(k, b, { name: "b".repeat(254) })).toBe(ENAMETOOLONG);
      expect(ending(k)).toEqual({});
    });

    test("[ENOENT] [ENOTDIR] [EINVAL] a path that is none, or comes late [JAIL-36]", () => {
      const { k } = bench();
      expect(create(k, { path: "" })).toEqual(failure(ENOENT));
      expect(create(k, { path: "web" })).toEqual(failure(ENOTDIR));
      jail(k, "web", { path: "/jails/web" });
      expect(update(k, { name: "web", path: "/" })).toEqual(
        failure(EINVAL, "path cannot be changed after creation"),
      );
      expect(ending(k)).toEqual({});
    });

    test("[EAGAIN] the caller's own jail is dying [JAIL-36]", () => {
      const { k } = bench();
      const web = jail(k, "web", { ...INHERIT, "children.max": 1 });
      const root = process(k, { prison: web });
      expect(take(k, root, makeSet(k, root))).toBe(ESLEEP);
      jailRemove(k, null, web.pr_id);
      expect(create(k, {}, root)).toEqual(failure(EAGAIN)); // killed, but not yet run
      run(k);
      remove(k, 65536 as Semid);
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] a negative jid [JAIL-37]", () => {
      const { k } = bench();
      expect(create(k, { jid: -1 })).toEqual(failure(EINVAL, "negative jid"));
    });

    test("[EEXIST] the jid or the name is taken, seen or not [JAIL-38] [JAIL-39]", () => {
      const { k } = bench();
      const web = jail(k, "web", { "children.max": 5 });
      expect(create(k, { jid: 1 })).toEqual(failure(EEXIST, "jail 1 already exists"));
      expect(create(k, { name: "web" })).toEqual(failure(EEXIST, 'jail "web" already exists'));
      const root = process(k, { prison: web });
      expect(create(k, { jid: 1 }, root)).toEqual(failure(EEXIST, "jail 1 already exists"));
      const db = jail(k, "db");
      expect(update(k, { jid: db.pr_id, name: "web" }).error).toBe(EEXIST);
      expect(ending(k)).toEqual({});
    });

    test("[ENOENT] the jail to change is not there, or not below the caller [JAIL-38] [JAIL-46]", () => {
      const { k } = bench();
      const web = jail(k, "web", { "children.max": 5 });
      const root = process(k, { prison: web });
      expect(update(k, { jid: 9 })).toEqual(failure(ENOENT, "jail 9 not found"));
      expect(update(k, { jid: 1, ...DISABLE }, root)).toEqual(failure(ENOENT, "jail 1 not found"));
      expect(update(k, { name: "no" })).toEqual(failure(ENOENT, 'jail "no" not found'));
      expect(create(k, { name: "no.x" })).toEqual(failure(ENOENT, 'jail "no" not found'));
      expect(update(k, {})).toEqual(failure(ENOENT, "update specified no jail")); // [JAIL-41]
      expect(ending(k)).toEqual({});
    });

    test("[EPERM] the caller's jail or one above has all the jails it may have [JAIL-43]", () => {
      const { k } = bench();
      const web = jail(k, "web", { "children.max": 1 });
      const root = process(k, { prison: web });
      expect(create(k, { name: "a" }, root).error).toBe(OK);
      expect(create(k, { name: "b" }, root)).toEqual(failure(EPERM, "prison limit exceeded"));
      expect(reasonText(root.td_reason)).toBe("JAIL-43, children.max");
      expect(ending(k)).toEqual({});
    });

    test("[EPERM] children.max is not below the parent's [JAIL-42]", () => {
      const { k } = bench();
      expect(create(k, { "children.max": 999_999 })).toEqual(failure(EPERM));
      expect(create(k, { "children.max": 999_998 }).error).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] a numeric name that is not the jid [JAIL-40]", () => {
      const { k } = bench();
      const text = "name cannot be numeric (unless it is the jid)";
      expect(create(k, { name: "5", jid: 6 })).toEqual(failure(EINVAL, text));
      for (const name of ["05", "+5", " 5", "0"]) {
        expect(create(k, { name })).toEqual(failure(EINVAL, text));
      }
      expect(create(k, { name: "6", jid: 6 }).error).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("[EPERM] allow.sysvipc below a parent without it [JAIL-24] [JAIL-78]", () => {
      const { k } = bench();
      jail(k, "a", NEW);
      expect(create(k, { name: "a.b", "allow.sysvipc": true })).toEqual(failure(EPERM));
      expect(create(k, { name: "a.b", ...INHERIT }).error).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] a jailsys value of another size, or above 2 [JAIL-11] [JAIL-79]", () => {
      const { k } = bench();
      expect(create(k, { sysvsem: 3 })).toEqual(failure(EINVAL));
      expect(create(k, { sysvsem: -1 })).toEqual(failure(EINVAL));
      expect(create(k, { sysvsem: "new" })).toEqual(failure(EINVAL));
    });

    test("[EPERM] new or inherit below a parent that is disabled; disable may be [JAIL-11] [JAIL-77]", () => {
      const { k } = bench();
      jail(k, "a");
      for (const params of [NEW, INHERIT]) {
        expect(create(k, { name: "a.b", ...params })).toEqual(failure(EPERM));
      }
      expect(create(k, { name: "a.b", ...DISABLE }).error).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("a refusal for one facility changes none, and gives no jid away [JAIL-13]", () => {
      const { k } = bench();
      const a = jail(k, "a", NEW);
      expect(modify(k, a, { sysvmsg: JAIL_SYS_NEW, sysvsem: 3, "host.hostname": "x" })).toBe(
        EINVAL,
      );
      expect(a).toMatchObject({ pr_hostname: "", pr_roots: { msg: null, sem: a } });
      expect(create(k, { name: "b" }).jid).toBe(2);
      expect(ending(k)).toEqual({});
    });

    test("[EINVAL] a parameter nobody knows comes last [JAIL-36]", () => {
      const { k } = bench();
      expect(create(k, { name: "a", sysvfoo: 1 })).toEqual(
        failure(EINVAL, "unknown parameter: sysvfoo"),
      );
      expect(create(k, { sysvfoo: 1, sysvsem: 3 })).toEqual(failure(EINVAL));
      expect(create(k, { parent: 0 })).toEqual(failure(EINVAL, "unknown parameter: parent"));
    });

    test("[EINVAL] sysvshm while the module is absent [JAIL-7] [JAIL-80]", () => {
      const { k } = bench({ modules: ["sem"] });
      expect(create(k, { sysvshm: 1 })).toEqual(failure(EINVAL, "unknown parameter: sysvshm"));
      expect(create(k, NEW).error).toBe(OK);
    });
  });
});
