/**
 * Many random calls: after each one the counts of the kernel equal its contents, and at the end,
 * when all is torn down, nothing is left. A failure names its seed; SOAK_SEED=n replays it,
 * SOAK_CALLS=n makes the runs longer.
 */
import { type Kernel, type KernelConfig, makeKernel } from "@jailyard/kernel/kernel";
import { rctlAddRule } from "@jailyard/kernel/rctl";
import { describe, expect, test } from "vitest";
import { checkCounts, checkKernel } from "../support/invariants.ts";
import { leftovers } from "../support/kernel.ts";
import { Soak } from "../support/soak.ts";

const { SOAK_SEED, SOAK_CALLS = "50000" } = process.env;
const CALLS = Number(SOAK_CALLS);

/** Small tables: every limit is met all the time. */
const SMALL = {
  "kern.ipc.semmni": 10,
  "kern.ipc.semmns": 40,
  "kern.ipc.semmnu": 8,
  "kern.ipc.semume": 5,
  "kern.ipc.msgmni": 6,
  "kern.ipc.msgmnb": 120,
  "kern.ipc.msgtql": 14,
  "kern.ipc.msgseg": 40,
  "kern.ipc.shmmni": 10,
  "kern.ipc.shmseg": 4,
  "kern.ipc.shmall": 40,
};

/** @returns what is left at the end @throws Error that names the seed and the call */
function soak(seed: number, config: KernelConfig): Record<string, number> {
  const k = makeKernel({ limits: SMALL, maxproc: 40, ...config });
  if (k.racct !== null) limit(k);
  const game = new Soak(k, seed);
  for (let call = 0; call < CALLS; call++) {
    try {
      game.step();
      if (call % 16 === 0) checkKernel(k);
      else checkCounts(k);
    } catch (problem) {
      throw new Error(`SOAK_SEED=${seed}, call ${call}, ${game.last}: ${problem}`, {
        cause: problem,
      });
    }
  }
  game.tearDown();
  checkKernel(k);
  return leftovers(k);
}

/** Rules that deny now and then. */
function limit(k: Kernel): void {
  for (const rule of ["jail:a:nsem:deny=8", "user:1001:msgqsize:deny=90", "jail:b:nshm:deny=1"]) {
    rctlAddRule(k, null, rule);
  }
}

const seeds = SOAK_SEED === undefined ? [1, 2] : [Number(SOAK_SEED)];

describe.each(seeds)("seed %i", (seed) => {
  test("nothing is left", { timeout: 120_000 }, () => {
    expect(soak(seed, {})).toEqual({});
  });

  test("nor under accounting: charges come back to 0 [COM-34]", { timeout: 120_000 }, () => {
    expect(soak(seed, { racct: true })).toEqual({});
  });
});
