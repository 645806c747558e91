/** Waits at the gate, by a clock that stands still between its readings. */
import { type LockUse, NOBODY } from "@jailyard/abi/contention";
import { SYS_getpid } from "@jailyard/abi/syscall";
import { GateProfile } from "@jailyard/host/gateprofile";
import { contention } from "@jailyard/kernel/contention";
import { type Kernel, makeCommons, makeKernel } from "@jailyard/kernel/kernel";
import type { KernThread } from "@jailyard/trap/kern";
import { beforeEach, describe, expect, test } from "vitest";

let now: number;
let k: Kernel;
let gate: GateProfile;

beforeEach(() => {
  now = 1_000_000;
  const config = { stats: "contended", maxproc: 64 } as const;
  k = makeKernel({ ...config, nanos: () => now, commons: makeCommons(config, 8) });
  gate = new GateProfile(k.profile, () => ({ jidOf: (ix) => ix, pidOf: () => 0 }));
});

/** The kernel takes up a call of a jail that came at `came`, or finds it idle, and takes `nanos`. */
function call(jid: number, came: number, nanos: number): void {
  gate.begin({ ix: jid } as KernThread, 0, SYS_getpid, came | 1);
  now += nanos;
}
const idleCall = (jid: number, nanos: number): void => {
  gate.begin({ ix: jid } as KernThread, 0, SYS_getpid, 0);
  now += nanos;
};

const usesOf = (jid: number): LockUse | undefined =>
  contention(k, 0)
    .locks.find(({ name }) => name === "gate")
    ?.uses.find((use) => use.jid === jid);

describe("a call that finds the kernel at work", () => {
  test("waits for those before it, each of which is blamed for what it took", () => {
    const came = now + 1;
    idleCall(1, 500);
    call(2, came, 300);
    call(3, came, 100);
    gate.served();
    gate.idle();
    expect(usesOf(1)).toBeUndefined();
    expect(usesOf(2)).toMatchObject({ contended: 1, over: 1, waitNanos: 499 });
    expect(usesOf(3)).toMatchObject({ contended: 1, over: 1, waitNanos: 799, waitMaxNanos: 799 });
    const blame = Object.fromEntries(usesOf(3)!.blame.map(({ jid, nanos }) => [jid, nanos]));
    expect(blame).toEqual({ 1: 499, 2: 300 });
  });

  test("is in the statistics once the kernel has nothing to do", () => {
    idleCall(1, 100);
    call(2, now - 51, 100);
    gate.served();
    expect(usesOf(2)).toBeUndefined();
    gate.idle();
    expect(usesOf(2)).toMatchObject({ contended: 1 });
  });

  test("or with a thousand others, if it never has", () => {
    const CALLS = 5000;
    idleCall(1, 100);
    for (let i = 0; i < CALLS; i++) {
      call(2 + (i % 3), now - 99, 100);
      gate.served();
    }
    const told = [2, 3, 4].map((jid) => usesOf(jid)?.contended ?? 0);
    expect(told.reduce((sum, count) => sum + count)).toBeGreaterThan(CALLS - 1024);
    gate.idle();
    for (const jid of [2, 3, 4]) {
      const use = usesOf(jid)!;
      expect(use.over).toBe(use.contended);
      expect(use.blame.reduce((sum, { nanos }) => sum + nanos, 0)).toBe(use.waitNanos);
    }
  });

  test("and nothing is told twice", () => {
    idleCall(1, 100);
    call(2, now - 51, 100);
    gate.served();
    for (let i = 0; i < 3; i++) gate.idle();
    expect(usesOf(2)).toMatchObject({ contended: 1 });
  });

  test("what came before the calls that are remembered is nobody's", () => {
    const came = now + 1;
    for (let i = 0; i < 300; i++) call(1, now - 1, 10);
    call(2, came, 10);
    gate.idle();
    const nobody = usesOf(2)!.blame.find(({ jid }) => jid === NOBODY);
    expect(nobody?.nanos).toBe(2999 - 256 * 10);
  });
});
