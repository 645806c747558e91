/** Calls between the gate and the kernel, in one thread: what is answered, and what is not. */
import { EDEAD, EINTR, OK } from "@jailyard/abi/errno";
import { IPC_CREAT } from "@jailyard/abi/ipc";
import { SEM_UNDO, SETVAL } from "@jailyard/abi/sem";
import { SIGNALS, sigmask } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import type { Key, Pid } from "@jailyard/abi/types";
import { PTR_DATA, putJson, putSops, RET0 } from "@jailyard/abi/wire";
import { Bindings } from "@jailyard/host/bindings";
import { type Kernel, makeKernel } from "@jailyard/kernel/kernel";
import { ERRNO, IDLE, RETURNED, STATE } from "@jailyard/trap/gate";
import { nudge } from "@jailyard/trap/kern";
import { beforeEach, describe, expect, test } from "vitest";
import { type OneThread, oneThread } from "../support/onethread.ts";

let k: Kernel;
let bindings: Bindings;
let thread: OneThread;

beforeEach(() => {
  k = makeKernel({ maxproc: 16 });
  bindings = new Bindings(k, false, () => {});
  thread = oneThread();
  bindings.attach(thread.kern, k.prison0);
});

/** Make a call from a slot. @returns its errno; null if it has no answer yet */
function call(slot: number, sysno: number, ...args: number[]): number | null {
  const { page } = thread.kern;
  page.words[page.row(slot) + STATE] = IDLE;
  page.frame(slot).a.set(args);
  bindings.dispatch(thread.kern, slot, sysno);
  return answered(slot);
}

function answered(slot: number): number | null {
  const { words } = thread.kern.page;
  const row = thread.kern.page.row(slot);
  return words[row + STATE] === RETURNED ? words[row + ERRNO] : null;
}

const frame = (slot: number) => thread.kern.page.frame(slot);

function spawn(slot: number, uid = 0): Pid {
  const bytes = putJson(frame(slot).u8, { uid, gid: 0, groups: [], comm: "test" });
  expect(call(slot, sys.SYS_spawn, bytes)).toBe(OK);
  return frame(slot).a[RET0] as Pid;
}

/** Make or find the set of one semaphore. */
function semget(slot: number): number {
  expect(call(slot, sys.SYS_semget, 7 as Key, 1, IPC_CREAT | 0o666)).toBe(OK);
  return frame(slot).a[RET0];
}

function semop(slot: number, op: number, flags = 0): number | null {
  const semid = semget(slot);
  putSops(frame(slot).i16, [[0, op, flags]]);
  return call(slot, sys.SYS_semop, semid, PTR_DATA, 1);
}

describe("a signal", () => {
  test("that comes between the program's last look and its call ends the sleep", () => {
    spawn(0);
    const signal = SIGNALS.SIGUSR1;
    expect(call(0, sys.SYS_sigaction, signal, 1)).toBe(OK);
    nudge(thread.kern, 0, { sigs: sigmask(signal) });
    expect(semop(0, -1)).toBe(EINTR);
  });

  test("whose handler is gone does not", () => {
    spawn(0);
    nudge(thread.kern, 0, { sigs: sigmask(SIGNALS.SIGUSR1) });
    expect(semop(0, -1)).toBe(null);
  });
});

describe("the posted part of an answer", () => {
  test("comes with a success alone: nobody would take it from a failure", () => {
    spawn(0, 1001);
    const write = { name: "kern.ipc.shm_allow_removed", value: 0 };
    expect(call(0, sys.SYS_sysctl, putJson(frame(0).u8, write))).not.toBe(OK);
    expect(thread.posted).toEqual([]);
    expect(call(0, sys.SYS_getcred)).toBe(OK);
    expect(thread.posted).toMatchObject([{ slot: 0, bulk: { uid: 1001 } }]);
  });
});

describe("the end", () => {
  test("of all at once, of sleepers before those whose undo wakes them", () => {
    for (const slot of [0, 1, 2]) spawn(slot);
    const semid = semget(2);
    expect(call(2, sys.SYS_semctl, semid, 0, SETVAL, PTR_DATA, 1)).toBe(OK);
    expect(semop(2, -1, SEM_UNDO)).toBe(OK);
    expect([semop(0, -1), semop(1, -1)]).toEqual([null, null]);
    bindings.killAll();
    expect([answered(0), answered(1), k.procs.size]).toEqual([EDEAD, EDEAD, 0]);
  });

  test("of a process whose call is on its way is answered once", () => {
    const pid = spawn(0);
    spawn(1);
    expect(call(1, sys.SYS_kill, pid, SIGNALS.SIGKILL)).toBe(OK);
    while (thread.kern.page.answers.take() !== -1);
    expect(call(0, sys.SYS_getpid)).toBe(EDEAD);
    expect(thread.kern.page.answers.take()).toBe(0);
    expect(thread.kern.page.answers.empty).toBe(true);
  });

  test("of a process leaves its slot to the next", () => {
    const pid = spawn(0);
    expect(call(0, sys.SYS_exit, 0, 0)).toBe(EDEAD);
    expect(spawn(0)).not.toBe(pid);
    expect(call(0, sys.SYS_getpid)).toBe(OK);
  });
});
