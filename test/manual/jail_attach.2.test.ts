import { EINVAL, ENOENT, EPERM, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import { SEM_UNDO, sembufs, semidDs } from "@jailyard/abi/sem";
import type { Key, Semid } from "@jailyard/abi/types";
import { jailAttach, jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { PRISON_GONE, type Prison } from "@jailyard/kernel/prison";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget, semList } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, INHERIT, makeSet, NEW, remove, stat } from "../support/jail.ts";
import { bench, exit, jail, modify, ok, process } from "../support/kernel.ts";

describe("jail_attach(2)", () => {
  test("changes key space and view at once; what was made before stays behind [JAIL-49]", () => {
    const { k } = bench();
    const a = jail(k, "a", NEW);
    const td = process(k);
    const hosts = makeSet(k, td);
    expect(jailAttach(k, td, 1)).toBe(OK);
    expect([td.td_retval, td.p_ucred.cr_prison]).toEqual([0, a]);
    expect(stat(k, td, hosts)).toBe(EINVAL);
    const own = makeSet(k, td);
    expect(own).not.toBe(hosts);
    jailRemove(k, null, 1);
    run(k);
    expect(k.sem.slots.map((set) => set?.cred.cr_prison).filter(Boolean)).toEqual([k.prison0]);
    remove(k, hosts);
    expect(ending(k)).toEqual({});
  });

  test("attaches and SEM_UNDO go along [JAIL-28] [SEM-64] [SEM-74]", () => {
    const { k } = bench();
    jail(k, "a", { sysvshm: 1 });
    const td = process(k);
    const set = makeSet(k, td);
    const seg = ok(td, shmget(k, td, 5 as Key, 4096, IPC_CREAT | 0o600));
    const addr = ok(td, shmat(k, td, seg, 0, 0));
    const sops = sembufs(1);
    sops.count = 1;
    sops.sem_op[0] = +1;
    sops.sem_flg[0] = SEM_UNDO;
    ok(td, semop(k, td, set, sops, 1));
    ok(td, jailAttach(k, td, 1));
    expect(shmdt(k, td, addr)).toBe(OK);
    exit(k, td);
    expect(k.sem.slots[0]!.page.sem.semval[0]).toBe(0);
    remove(k, set);
    const host = process(k);
    ok(host, shmctl(k, host, seg, IPC_RMID, null));
    expect(ending(k)).toEqual({});
  });

  test("the jail that was left dies if nobody else kept it [JAIL-56]", () => {
    const { k } = bench();
    const a = jail(k, "a", NEW);
    jail(k, "a.b");
    const b = [...a.pr_children][0];
    const td = process(k, { prison: a });
    modify(k, a, { nopersist: true });
    expect(jailAttach(k, td, b.pr_id)).toBe(OK);
    expect(a.pr_uref).toBe(1); // its child
    jailRemove(k, null, b.pr_id);
    expect([a.pr_state, b.pr_state]).toEqual([PRISON_GONE, PRISON_GONE]);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[EPERM] the caller is not root [JAIL-49]", () => {
    const { k } = bench();
    jail(k, "a");
    expect(jailAttach(k, process(k, { uid: 7 }), 1)).toBe(EPERM);
    expect(ending(k)).toEqual({});
  });

  test("[EINVAL] no such jail, the caller's own, one beside it, the host [JAIL-49]", () => {
    const { k } = bench();
    const td = process(k, { prison: jail(k, "a") });
    jail(k, "b");
    for (const jid of [0, 1, 2, 3]) expect(jailAttach(k, td, jid)).toBe(EINVAL);
    expect(td.p_ucred.cr_prison.pr_name).toBe("a");
    expect(ending(k)).toEqual({});
  });

  test("[EINVAL] the jail is dying [JAIL-49] [JAIL-57]", () => {
    const { k } = bench();
    const id = makeSet(k, process(k, { prison: jail(k, "c", INHERIT) }));
    jailRemove(k, null, 1);
    expect(jailAttach(k, process(k), 1)).toBe(EINVAL);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });
});

describe("what whom sees [JAIL-29] [JAIL-84] [JAIL-85]", () => {
  const NAMES = ["host", "A", "A.x", "A.y", "B", "C", "D"];

  /** Everybody but D makes a set with key 77. */
  function example(k: Kernel): { callers: Map<string, Thread>; ids: Map<string, Semid> } {
    const prisons: Prison[] = [
      k.prison0,
      jail(k, "A", NEW),
      jail(k, "A.x", NEW),
      jail(k, "A.y", INHERIT),
      jail(k, "B", NEW),
      jail(k, "C", INHERIT),
      jail(k, "D"),
    ];
    const callers = new Map(NAMES.map((name, i) => [name, process(k, { prison: prisons[i] })]));
    const ids = new Map<string, Semid>();
    for (const [name, td] of callers) if (name !== "D") ids.set(name, makeSet(k, td));
    return { callers, ids };
  }

  test.for([
    ["host", "host A A.x A.y B C"],
    ["A", "A A.x A.y"],
    ["A.x", "A.x"],
    ["A.y", "A A.x A.y"],
    ["B", "B"],
    ["C", "host A A.x A.y B C"],
    ["D", ""],
  ])("%s can use ids of %s, finds its own key, and is shown no other", ([name, whose]) => {
    const { k } = bench();
    const { callers, ids } = example(k);
    const td = callers.get(name)!;
    const usable = [...ids].filter(([, id]) => stat(k, td, id) === OK).map(([owner]) => owner);
    expect(usable.join(" ")).toBe(whose);
    const rows = semList(k, td);
    expect(rows.map(({ id }) => id)).toEqual(usable.map((owner) => ids.get(owner)));
    for (const { id, ds } of rows) {
      expect(ds.sem_perm.key).toBe(id === ids.get(name) ? 77 : 0);
    }
    if (name !== "D") expect(ok(td, semget(k, td, 77 as Key, 0, 0))).toBe(ids.get(name));
  });

  test("a key of another jail is not there; to create it makes one's own [JAIL-74] to [JAIL-76]", () => {
    const { k } = bench();
    const host = process(k);
    const theirs = makeSet(k, process(k, { prison: jail(k, "c", INHERIT) }));
    expect(semget(k, host, 77 as Key, 0, 0)).toBe(ENOENT);
    const ds = semidDs();
    ok(host, semctl(k, host, theirs, 0, IPC_STAT, { val: 0, buf: ds, array: null }));
    expect(ds.sem_perm.key).toBe(0);
    expect(makeSet(k, host)).not.toBe(theirs);
    remove(k, theirs);
    for (const set of k.sem.slots) if (set !== null) remove(k, k.sem.idOf(set) as Semid);
    expect(ending(k)).toEqual({});
  });
});
