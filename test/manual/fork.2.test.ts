import { EAGAIN, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_RMID } from "@jailyard/abi/ipc";
import { reasonText } from "@jailyard/abi/reason";
import { SEM_UNDO, sembufs } from "@jailyard/abi/sem";
import { SIGNALS, sigmask } from "@jailyard/abi/signal";
import type { Key, Pid } from "@jailyard/abi/types";
import { jailRemove } from "@jailyard/kernel/jail";
import type { Kernel } from "@jailyard/kernel/kernel";
import { exec, fork, newproc } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import { shmat, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import { P_NATTCH } from "@jailyard/kernel/shmpage";
import type { Thread } from "@jailyard/kernel/thread";
import { vmRead, vmWrite } from "@jailyard/kernel/vm";
import { describe, expect, test } from "vitest";
import { ending, INHERIT, makeSet, NEW, remove } from "../support/jail.ts";
import { bench, exit, jail, leftovers, ok, process } from "../support/kernel.ts";

/** fork(2), and the child. */
const forked = (k: Kernel, td: Thread): Thread => k.procs.get(ok(td, fork(k, td)) as Pid)!;

describe("fork(2)", () => {
  test("the child has the credentials, jail, name and handlers of its parent, and its own pid", () => {
    const { k } = bench();
    const prison = jail(k, "a");
    const parent = process(k, { uid: 7, gid: 8, groups: [9], prison, comm: "postgres" });
    parent.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    const child = forked(k, parent);
    expect(child.p_pid).toBe(parent.p_pid + 1);
    expect(child).toMatchObject({ p_comm: "postgres", p_pptr: parent, p_ucred: parent.p_ucred });
    expect(child.p_sigcatch).toBe(parent.p_sigcatch);
    expect([prison.pr_uref, prison.pr_ref]).toEqual([3, 2]); // persist and two processes
    expect(ending(k)).toEqual({});
  });

  test("it shares every attach, which counts once more [SHM-33]", () => {
    const { k } = bench();
    const parent = process(k);
    const id = ok(parent, shmget(k, parent, 5 as Key, 4096, IPC_CREAT | 0o600));
    const addr = ok(parent, shmat(k, parent, id, 0, 0));
    const child = forked(k, parent);
    const { hdr } = k.shm.table.slots[0]!.page;
    expect(hdr[P_NATTCH]).toBe(2);
    expect(vmWrite(child, addr, Uint8Array.of(42))).toBe(true);
    expect(vmRead(parent, addr, 1)).toEqual(Uint8Array.of(42));
    exit(k, child);
    expect(hdr[P_NATTCH]).toBe(1);
    ok(parent, shmctl(k, parent, id, IPC_RMID, null));
    exit(k, parent);
    expect(leftovers(k)).toEqual({});
  });

  test("it has no undo entries: only the parent's exit adjusts [SEM-64] [SEM-73]", () => {
    const { k } = bench();
    const parent = process(k);
    const id = makeSet(k, parent);
    const sops = sembufs(1);
    sops.count = 1;
    sops.sem_op[0] = +3;
    sops.sem_flg[0] = SEM_UNDO;
    ok(parent, semop(k, parent, id, sops, 1));
    const child = forked(k, parent);
    expect(child.p_semundo).toBeNull();
    const { semval } = k.sem.slots[0]!.page.sem;
    exit(k, child);
    expect(semval[0]).toBe(3);
    exit(k, parent);
    expect(semval[0]).toBe(0);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("execve keeps pid and undo, and drops attaches and handlers [SEM-64] [SHM-35]", () => {
    const { k } = bench();
    const td = process(k);
    const id = ok(td, shmget(k, td, 5 as Key, 4096, IPC_CREAT | 0o600));
    const addr = ok(td, shmat(k, td, id, 0, 0));
    td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    const { p_pid } = td;
    expect(exec(k, td, "psql")).toBe(OK);
    expect(td).toMatchObject({ p_pid, p_comm: "psql", p_sigcatch: 0 });
    expect(vmRead(td, addr, 1)).toBeNull();
    ok(td, shmctl(k, td, id, IPC_RMID, null));
    expect(ending(k)).toEqual({});
  });

  test("pids are not reused before the numbers wrap, and skip those in use", () => {
    const { k } = bench();
    const first = process(k);
    exit(k, process(k));
    expect(process(k).p_pid).toBe(first.p_pid + 2);
    k.lastPid = 99_999;
    expect(process(k).p_pid).toBe(2);
    k.lastPid = first.p_pid - 1;
    expect(process(k).p_pid).toBe(first.p_pid + 1);
    expect(ending(k)).toEqual({});
  });

  test("nobody can be put into a jail that is dying [JAIL-57]", () => {
    const { k } = bench();
    const prison = jail(k, "a", INHERIT);
    const id = makeSet(k, process(k, { prison }));
    jailRemove(k, null, 1);
    expect(newproc(k, { uid: 0, gid: 0, prison, comm: "sh" })).toBeNull();
    remove(k, id);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[EAGAIN] kern.maxproc processes are there, zombies included", () => {
    const { k } = bench({ maxproc: 2 });
    const parent = process(k, { prison: jail(k, "a", NEW) });
    const child = forked(k, parent);
    exit(k, child);
    expect(fork(k, parent)).toBe(EAGAIN);
    expect(reasonText(parent.td_reason)).toBe("PROC-2, kern.maxproc");
    expect(ending(k)).toEqual({});
  });
});
