/** The gate's side of system calls: whatever words a frame holds, the kernel goes on. */
import { EINVAL, EPERM, OK } from "@jailyard/abi/errno";
import { IPC_CREAT } from "@jailyard/abi/ipc";
import { SHM_REMAP } from "@jailyard/abi/shm";
import * as sys from "@jailyard/abi/syscall";
import { FRAME_WORDS, type Frame, putJson, RET0 } from "@jailyard/abi/wire";
import { syscall, type Trapframe, trapframe } from "@jailyard/kernel/dispatch";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { tearDown } from "../support/calls.ts";
import { checkKernel } from "../support/invariants.ts";
import { bench, process } from "../support/kernel.ts";

const DATA_BYTES = 4096;

function frame(): Frame {
  const data = new ArrayBuffer(DATA_BYTES);
  return {
    a: new Float64Array(FRAME_WORDS),
    u8: new Uint8Array(data),
    i16: new Int16Array(data),
    u16: new Uint16Array(data),
    f64: new Float64Array(data),
  };
}

const trapped = (k: Kernel, td: Thread): Trapframe => trapframe(td, frame(), k.seminfo.semopm);

function call(k: Kernel, tf: Trapframe, sysno: number, ...a: number[]): number {
  tf.frame.a.set(a);
  return syscall(k, tf, sysno);
}

/** Words of every kind: wanted, out of range, no numbers at all. */
const WORDS = [0, 1, 2, -1, 7.5, -0.5, 65536, 65537, 4096, 2 ** 31, 2 ** 53, -(2 ** 63), 1e300];
const NONSENSE = [...WORDS, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const NUMBERS = Object.values(sys).filter((n) => n !== sys.SYS_exit && n !== sys.SYS_fork);

describe("syscall", () => {
  test("no words of a frame break the kernel", () => {
    const b = bench({ maxproc: 20 });
    const { k } = b;
    let seed = 1;
    const below = (count: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (seed >>> 8) % count;
    };
    let tf = trapped(k, process(k));
    for (let i = 0; i < 20_000; i++) {
      if (tf.td.p_state !== 0) tf = trapped(k, process(k, { uid: below(2) }));
      if (k.procs.size > 15) tearDown(b);
      if (!k.procs.has(tf.td.p_pid)) tf = trapped(k, process(k));
      const { f64 } = tf.frame;
      for (let word = 0; word < 4; word++) f64[word] = NONSENSE[below(NONSENSE.length)];
      const a = Array.from({ length: 6 }, () => NONSENSE[below(NONSENSE.length)]);
      call(k, tf, NUMBERS[below(NUMBERS.length)], ...a);
      run(k);
      if (i % 50 === 0) checkKernel(k);
    }
    tearDown(b);
  });

  test("a key is an int, however it is written [COM-6]", () => {
    const b = bench();
    const { k } = b;
    const tf = trapped(k, process(k));
    for (const sysno of [sys.SYS_semget, sys.SYS_shmget, sys.SYS_msgget]) {
      const flags = IPC_CREAT | 0o600;
      const created = sysno === sys.SYS_msgget ? [flags] : [1, flags];
      expect(call(k, tf, sysno, 2 ** 32 - 1, ...created)).toBe(OK);
      const id = tf.frame.a[RET0];
      const found = sysno === sys.SYS_msgget ? [0] : [0, 0];
      expect(call(k, tf, sysno, -1, ...found)).toBe(OK);
      expect(tf.frame.a[RET0]).toBe(id);
    }
    checkKernel(k);
    tearDown(b);
  });

  test("shmat gives the memory of the new segment where another is attached [SHM-21]", () => {
    const b = bench();
    const { k } = b;
    const tf = trapped(k, process(k));
    const memory = (): unknown => {
      expect(call(k, tf, sys.SYS_shmget, 0, 4096, 0o600)).toBe(OK);
      expect(call(k, tf, sys.SYS_shmat, tf.frame.a[RET0], 0x10_0000, SHM_REMAP)).toBe(OK);
      return tf.bulk;
    };
    const first = memory();
    expect(memory()).not.toBe(first);
    tearDown(b);
  });

  test("a user cannot give itself groups; ids are unsigned [COM-22]", () => {
    const b = bench();
    const { k } = b;
    const td = process(k, { uid: -1, gid: 100 });
    const tf = trapped(k, td);
    const setcred = (cred: object): number =>
      call(k, tf, sys.SYS_setcred, putJson(tf.frame.u8, cred));
    expect(setcred({ uid: -1, gid: 100, groups: [0] })).toBe(EPERM);
    expect(setcred({ uid: 2 ** 32 - 1, gid: 100, groups: [] })).toBe(OK);
    expect(td.p_ucred).toMatchObject({ cr_uid: 4294967295, cr_gid: 100, cr_groups: [] });
    expect(call(k, tf, sys.SYS_ipcs, 3)).toBe(EINVAL);
    tearDown(b);
  });
});
