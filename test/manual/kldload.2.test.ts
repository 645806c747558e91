import { EBUSY, EEXIST, EIDRM, EINTR, ENOENT, EPERM, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_CREAT } from "@jailyard/abi/ipc";
import { SEM_UNDO, sembufs } from "@jailyard/abi/sem";
import { SIGKILL } from "@jailyard/abi/signal";
import type { Key, Semid } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { kldload, kldstat, kldunload } from "@jailyard/kernel/kld";
import { msgrcv } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { psignal } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import { sysctlRead, sysctlWrite } from "@jailyard/kernel/sysctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, makeSet, NEW, remove } from "../support/jail.ts";
import { type Bench, bench, exit, jail, ok, process } from "../support/kernel.ts";

const makeQueue = (k: Kernel, td: Thread): number =>
  ok(td, msgget(k, td, 5 as Key, IPC_CREAT | 0o600));
const receive = (k: Kernel, td: Thread, id: number) =>
  msgrcv(k, td, id, { mtype: 0, mtext: new Uint8Array(8) }, 8, 0, 0);

describe("kldload(2)", () => {
  test("loads one of the three modules, with or without .ko; the id counts on [JAIL-63]", () => {
    const { k } = bench({ modules: [] });
    const root = process(k);
    expect(kldstat(k)).toEqual([{ id: 1, refs: 1, name: "kernel" }]);
    expect(ok(root, kldload(k, root, "sysvshm"))).toBe(2);
    expect(ok(root, kldload(k, root, "sysvsem.ko"))).toBe(3);
    expect(ok(root, kldload(k, root, "/boot/kernel/sysvmsg.ko"))).toBe(4);
    expect(kldstat(k).map(({ id, name }) => `${id} ${name}`)).toEqual([
      "1 kernel",
      "2 sysvshm.ko",
      "3 sysvsem.ko",
      "4 sysvmsg.ko",
    ]);
    expect(ending(k)).toEqual({});
  });

  test("jails that are there inherit if they have allow.sysvipc, else get nothing [JAIL-64]", () => {
    const { k } = bench({ modules: ["msg"] });
    const a = jail(k, "a", { "allow.sysvipc": true });
    const b = jail(k, "a.b", { "allow.sysvipc": true });
    const c = jail(k, "c", { sysvmsg: 1 });
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    expect([a, b, c].map((pr) => pr.pr_roots.sem)).toEqual([k.prison0, k.prison0, null]);
    expect(k.prison0.pr_roots.sem).toBe(k.prison0);
    expect(ending(k)).toEqual({});
  });

  test("ids and limits start again [COM-3] [SHM-60]", () => {
    const { k } = bench({ limits: { "kern.ipc.semmsl": 10 } });
    const root = process(k);
    remove(k, makeSet(k, root));
    expect(makeSet(k, root)).toBe(131072);
    remove(k, 131072 as Semid);
    sysctlWrite(k, null, "kern.ipc.semmsl", 20);
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    expect(sysctlRead(k, null, "kern.ipc.semmsl")).toBe(10);
    expect(makeSet(k, root)).toBe(65536);
    remove(k, 65536 as Semid);
    expect(ending(k)).toEqual({});
  });
});

describe("kldunload(2)", () => {
  test("forgets new and inherit, not allow.sysvipc: private comes back as shared [JAIL-65] [JAIL-66]", () => {
    const { k } = bench();
    const a = jail(k, "a", { "allow.sysvipc": true, sysvshm: 1 });
    const b = jail(k, "b", { sysvshm: 1 });
    expect(kldunload(k, null, "sysvshm")).toBe(OK);
    expect([a, b].map((pr) => pr.pr_roots.shm)).toEqual([null, null]);
    expect(kldload(k, null, "sysvshm")).toBe(OK);
    expect([a, b].map((pr) => pr.pr_roots.shm)).toEqual([k.prison0, null]);
    expect(ending(k)).toEqual({});
  });

  test("undo entries go with the module: none meets a set of the next one [SEM-83]", () => {
    const { k } = bench();
    const td = process(k);
    const set = makeSet(k, td);
    const sops = sembufs(1);
    sops.count = 1;
    sops.sem_op[0] = +1;
    sops.sem_flg[0] = SEM_UNDO;
    ok(td, semop(k, td, set, sops, 1));
    remove(k, set);
    expect(kldunload(k, null, "sysvsem")).toBe(OK);
    expect(kldload(k, null, "sysvsem")).toBe(OK);
    const again = makeSet(k, process(k));
    k.sem.slots[0]!.page.sem.semval[0] = 5;
    exit(k, td);
    expect(k.sem.slots[0]!.page.sem.semval[0]).toBe(5);
    remove(k, again);
    expect(ending(k)).toEqual({});
  });

  describe("of sysvmsg", () => {
    /** A queue, one who sleeps in msgrcv, and one who sleeps in kldunload. */
    function unloading({ k }: Bench) {
      const a = jail(k, "a", { sysvmsg: 1 });
      const queue = makeQueue(k, process(k, { prison: a }));
      const receiver = process(k);
      const root = process(k);
      expect(receive(k, receiver, queue)).toBe(ESLEEP);
      expect(kldunload(k, root, "sysvmsg")).toBe(ESLEEP);
      run(k);
      expect(k.modules.msg).toMatchObject({ loaded: true, calls: false });
      return { receiver, root };
    }

    test("waits while a process is inside a call, then finds no queue [MSG-72]", () => {
      const b = bench();
      const { k, ended } = b;
      const { receiver, root } = unloading(b);
      jailRemove(k, null, 1); // removes the queue, which nothing else can now
      run(k);
      expect([ended.get(receiver), ended.get(root)]).toEqual([EIDRM, OK]);
      expect(k.modules.msg).toMatchObject({ loaded: false, calls: false });
      expect(ending(k)).toEqual({});
    });

    test("after EBUSY the calls stay away, a later one succeeds [MSG-72] [MSG-73]", () => {
      const b = bench();
      const { k, ended } = b;
      const { receiver, root } = unloading(b);
      psignal(k, receiver, SIGKILL);
      run(k);
      expect(ended.get(root)).toBe(EBUSY);
      expect(k.modules.msg).toMatchObject({ loaded: true, calls: false });
      expect(kldload(k, null, "sysvmsg")).toBe(EEXIST);
      jailRemove(k, null, 1);
      run(k);
      expect(kldunload(k, root, "sysvmsg")).toBe(OK);
      expect(ending(k)).toEqual({});
    });

    test("a signal ends the wait, and the calls are back", () => {
      const b = bench();
      const { k, ended } = b;
      const { root } = unloading(b);
      root.p_sigcatch = 1;
      psignal(k, root, 1);
      run(k);
      expect(ended.get(root)).toBe(EINTR);
      expect(k.modules.msg).toMatchObject({ loaded: true, calls: true });
      expect(k.drainers.size).toBe(0);
      expect(ending(k)).toEqual({});
    });

    test("from outside nobody can wait: EBUSY, and nothing changed", () => {
      const { k } = bench();
      const td = process(k, { prison: jail(k, "a", { sysvmsg: 1 }) });
      const queue = makeQueue(k, td);
      expect(receive(k, td, queue)).toBe(ESLEEP);
      expect(kldunload(k, null, "sysvmsg")).toBe(EBUSY);
      expect(k.modules.msg.calls).toBe(true);
      expect(ending(k)).toEqual({});
    });
  });
});

describe("ERRORS", () => {
  test("[EPERM] not root, or root of a jail [JAIL-46] [JAIL-69] [JAIL-70]", () => {
    const { k } = bench();
    for (const td of [process(k, { uid: 7 }), process(k, { prison: jail(k, "a") })]) {
      expect(kldload(k, td, "sysvsem")).toBe(EPERM);
      expect(kldunload(k, td, "sysvsem")).toBe(EPERM);
    }
    expect(ending(k)).toEqual({});
  });

  test("[ENOENT] no such file, or not loaded [JAIL-69]", () => {
    const { k } = bench({ modules: ["sem"] });
    expect(kldload(k, null, "sysvfoo")).toBe(ENOENT);
    expect(kldunload(k, null, "sysvfoo")).toBe(ENOENT);
    expect(kldunload(k, null, "sysvshm")).toBe(ENOENT);
  });

  test("[EEXIST] the module is loaded [JAIL-70]", () => {
    const { k } = bench();
    expect(kldload(k, null, "sysvsem.ko")).toBe(EEXIST);
  });

  test("[EBUSY] there is a set, in whatever jail; jails alone do not block [SEM-83] [JAIL-81]", () => {
    const { k } = bench();
    const td = process(k, { prison: jail(k, "a", NEW) });
    const set = makeSet(k, td);
    const root = process(k);
    expect(kldunload(k, root, "sysvsem")).toBe(EBUSY);
    expect(k.modules.sem).toMatchObject({ loaded: true, calls: true });
    remove(k, set);
    expect(kldunload(k, root, "sysvsem")).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("[EBUSY] there is a segment, even one that is removed and attached [SHM-58]", () => {
    const { k } = bench();
    const td = process(k);
    const seg = ok(td, shmget(k, td, 0 as Key, 4096, IPC_CREAT | 0o600));
    const addr = ok(td, shmat(k, td, seg, 0, 0));
    ok(td, shmctl(k, td, seg, 0, null));
    expect(kldunload(k, td, "sysvshm")).toBe(EBUSY);
    ok(td, shmdt(k, td, addr));
    expect(kldunload(k, td, "sysvshm")).toBe(OK);
    expect(ending(k)).toEqual({});
  });

  test("[EBUSY] there is a queue: the calls are gone, and it cannot be removed [MSG-73]", () => {
    const { k } = bench();
    const td = process(k);
    const queue = makeQueue(k, td);
    expect(kldunload(k, td, "sysvmsg")).toBe(EBUSY);
    expect(k.modules.msg).toMatchObject({ loaded: true, calls: false });
    ok(td, msgctl(k, td, queue, 0, null)); // the gate would not let this call in
    expect(kldunload(k, td, "sysvmsg")).toBe(OK);
    expect(ending(k)).toEqual({});
  });
});
