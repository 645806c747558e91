import { EIDRM, EINVAL, EPERM, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import { SHMSEG_REMOVED, shmidDs } from "@jailyard/abi/shm";
import type { Key } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { PRISON_ALIVE, PRISON_DYING, PRISON_GONE } from "@jailyard/kernel/prison";
import { fork, wait4 } from "@jailyard/kernel/proc";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, INHERIT, makeSet, NEW, remove, stat, take } from "../support/jail.ts";
import { bench, exit, jail, leftovers, modify, ok, process } from "../support/kernel.ts";

/** jail_remove(2) from outside, and what follows from it. */
function removeJail(k: Kernel, jid: number): void {
  expect(jailRemove(k, null, jid)).toBe(OK);
  run(k);
}

describe("jail_remove(2)", () => {
  test("kills the processes, removes what lives in private spaces, and the jail is gone", () => {
    const { k } = bench();
    const a = jail(k, "a", { sysvsem: 1, sysvshm: 1, sysvmsg: 1 });
    const root = process(k, { prison: a });
    makeSet(k, root);
    ok(root, shmget(k, root, 77 as Key, 4096, IPC_CREAT | 0o600));
    ok(root, msgget(k, root, 77 as Key, IPC_CREAT | 0o600));
    removeJail(k, 1);
    expect(a.pr_state).toBe(PRISON_GONE);
    expect(leftovers(k)).toEqual({});
  });

  test("children go with it, and what a child inherits from outside the tree stays [JAIL-52]", () => {
    const { k } = bench();
    const a = jail(k, "a", NEW);
    const x = jail(k, "a.x", NEW);
    const y = jail(k, "a.y", INHERIT);
    const host = process(k);
    const ids = [a, x, y].map((prison) => makeSet(k, process(k, { prison })));
    removeJail(k, 1);
    expect(ids.map((id) => stat(k, host, id))).toEqual([EINVAL, EINVAL, OK]);
    // y keeps a user reference on its parent [JAIL-59]
    expect([a, x, y].map((pr) => pr.pr_state)).toEqual([PRISON_DYING, PRISON_GONE, PRISON_DYING]);
    expect(k.prison0.pr_childcount).toBe(2);
    remove(k, ids[2]);
    expect(ending(k)).toEqual({});
  });

  test("sleepers see EIDRM before the signal, strangers get it as their result [JAIL-54] [COM-36]", () => {
    const { k, ended } = bench();
    const a = jail(k, "a", NEW);
    const inside = process(k, { prison: a });
    const host = process(k);
    const id = makeSet(k, inside);
    expect(take(k, inside, id)).toBe(ESLEEP);
    expect(take(k, host, id)).toBe(ESLEEP);
    removeJail(k, 1);
    expect(ended).toEqual(new Map([[host, EIDRM]]));
    expect(ending(k)).toEqual({});
  });

  test("a process that sleeps on an object of another goes through its interrupted path [COM-36]", () => {
    const { k } = bench();
    const c = jail(k, "c", INHERIT);
    const host = process(k);
    const id = makeSet(k, host);
    const inside = process(k, { prison: c });
    expect(take(k, inside, id)).toBe(ESLEEP);
    expect(jailRemove(k, null, 1)).toBe(OK);
    expect(c.pr_state).toBe(PRISON_DYING);
    run(k);
    expect(c.pr_state).toBe(PRISON_GONE);
    expect(k.sem.slots[0]!.page.sem.semncnt[0]).toBe(0);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("a queue of an inheriting jail keeps it dying until the host removes it [JAIL-88]", () => {
    const { k } = bench();
    const c = jail(k, "c", { sysvmsg: 2 });
    const inside = process(k, { prison: c });
    const id = ok(inside, msgget(k, inside, 5 as Key, IPC_CREAT | 0o600));
    removeJail(k, 1);
    expect(c.pr_state).toBe(PRISON_DYING);
    const host = process(k);
    expect(msgctl(k, host, id, IPC_RMID, null)).toBe(OK);
    expect(c.pr_state).toBe(PRISON_GONE);
    expect(ending(k)).toEqual({});
  });

  test("a segment that the host has attached lives on as removed, and the jail with it [JAIL-89]", () => {
    const { k } = bench();
    const a = jail(k, "a", { sysvshm: 1 });
    const inside = process(k, { prison: a });
    const id = ok(inside, shmget(k, inside, 5 as Key, 4096, IPC_CREAT | 0o600));
    const host = process(k);
    const addr = ok(host, shmat(k, host, id, 0, 0));
    removeJail(k, 1);
    expect(a.pr_state).toBe(PRISON_DYING);
    expect(statShm(k, host, id)).toMatchObject({ shm_nattch: 1 });
    expect(statShm(k, host, id).shm_perm.mode & SHMSEG_REMOVED).toBe(SHMSEG_REMOVED);
    expect(shmdt(k, host, addr)).toBe(OK);
    expect(a.pr_state).toBe(PRISON_GONE);
    expect(ending(k)).toEqual({});
  });

  test("root of a jail removes those below it", () => {
    const { k } = bench();
    const a = jail(k, "a", { "children.max": 2 });
    const x = jail(k, "a.x");
    const root = process(k, { prison: a });
    expect(jailRemove(k, root, x.pr_id)).toBe(OK);
    expect([a.pr_childcount, k.prison0.pr_childcount]).toEqual([0, 1]);
    expect(ending(k)).toEqual({});
  });

  test("0 on a jail that is dying already, and nothing happens [JAIL-50]", () => {
    const { k } = bench();
    const c = jail(k, "c", INHERIT);
    const id = makeSet(k, process(k, { prison: c }));
    removeJail(k, 1);
    removeJail(k, 1);
    expect(c.pr_state).toBe(PRISON_DYING);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });
});

const statShm = (k: Kernel, td: Thread, id: number) => {
  const ds = shmidDs();
  ok(td, shmctl(k, td, id, IPC_STAT, ds));
  return ds;
};

describe("a natural end", () => {
  test("comes with the last process of a jail that does not persist [JAIL-51] [JAIL-56]", () => {
    const { k } = bench();
    const a = jail(k, "a", NEW);
    const first = process(k, { prison: a });
    const second = process(k, { prison: a });
    makeSet(k, first);
    modify(k, a, { nopersist: true });
    exit(k, first);
    expect([a.pr_state, k.sem.live]).toEqual([PRISON_ALIVE, 1]);
    exit(k, second);
    expect(leftovers(k)).toEqual({});
  });

  test("the parent of a dying jail stays alive until that is completely gone [JAIL-59]", () => {
    const { k } = bench();
    const a = jail(k, "a", INHERIT);
    const x = jail(k, "a.x", INHERIT);
    const inside = process(k, { prison: x });
    const id = makeSet(k, inside);
    modify(k, a, { nopersist: true });
    expect(jailRemove(k, null, x.pr_id)).toBe(OK);
    expect([a.pr_state, x.pr_state]).toEqual([PRISON_ALIVE, PRISON_DYING]);
    remove(k, id);
    expect(leftovers(k)).toEqual({});
  });

  test("a zombie's credential keeps the record of its jail [JAIL-51] [JAIL-53]", () => {
    const { k } = bench();
    const a = jail(k, "a");
    const parent = process(k, { prison: a });
    const child = k.procs.get(ok(parent, fork(k, parent)) as never)!;
    exit(k, child);
    expect([a.pr_uref, a.pr_ref]).toEqual([2, 2]);
    expect(wait4(k, parent, -1, 0, { status: 0 })).toBe(OK);
    expect([a.pr_uref, a.pr_ref]).toEqual([2, 1]);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[EPERM] the caller is not root [JAIL-50]", () => {
    const { k } = bench();
    jail(k, "a");
    expect(jailRemove(k, process(k, { uid: 7 }), 1)).toBe(EPERM);
    expect(ending(k)).toEqual({});
  });

  test("[EINVAL] no such jail, the caller's own, or one beside it [JAIL-50] [JAIL-47]", () => {
    const { k } = bench();
    const root = process(k, { prison: jail(k, "a") });
    jail(k, "b");
    expect([1, 2, 9, 0].map((jid) => jailRemove(k, root, jid))).toEqual([
      EINVAL,
      EINVAL,
      EINVAL,
      EINVAL,
    ]);
    expect(jailRemove(k, null, 0)).toBe(EINVAL);
    expect(ending(k)).toEqual({});
  });
});
