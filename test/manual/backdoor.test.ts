/**
 * There is no back door. Two worlds differ in nothing but what one jail hides: its keys, uids, modes,
 * texts, values and names. In another jail a process makes the same calls in both, any of the table
 * with any arguments, the secrets of both worlds among them. If any of its answers depended on the
 * secret they would differ; and whatever it tries, the hidden jail stays as it is to the byte.
 *
 * What a jail learns of others all the same, as on FreeBSD, is the same in both: gaps between ids,
 * which jids there are, and that a limit of the host is used up. [JAIL-30] [JAIL-38]
 *
 * This is the kernel's half; that a thread of a jail holds no memory of another's, so that there is
 * no way past the calls, is in test/host/isolation.test.ts, and that a tool is nothing but a program
 * that makes calls, in test/tidy.test.ts.
 */
import {
  SYS_ipcs,
  SYS_jail_get,
  SYS_jail_set,
  SYS_msgctl,
  SYS_msgsnd,
  SYS_semctl,
  SYS_semop,
  SYS_setcred,
  SYS_shmat,
  SYS_shmctl,
} from "@jailyard/abi/syscall";
import type { ModelName } from "@jailyard/kernel/model";
import { describe, expect, test } from "vitest";
import { Intrusion, type Observation, SECRETS } from "../support/intruder.ts";
import { checkKernel } from "../support/invariants.ts";

/** Under flat all jails share one name space: that is its point. */
const PRIVATE: readonly ModelName[] = ["jail-keyed", "tagged", "disjoint", "broker"];
const STEPS = 5000;
const SEED = 20_060_403;
const OWN = [SYS_semop, SYS_semctl, SYS_msgsnd, SYS_msgctl, SYS_shmat, SYS_shmctl, SYS_ipcs];
const ROOT = [SYS_setcred, SYS_jail_set, SYS_jail_get];

const worlds = (model: ModelName, uid: number, inside = true): readonly [Intrusion, Intrusion] => [
  new Intrusion(model, SECRETS[0], uid, SEED, inside),
  new Intrusion(model, SECRETS[1], uid, SEED, inside),
];

describe.each(PRIVATE)("model %s", (model) => {
  test.each([
    ["root", 0],
    ["a user with the uid of the hidden jail's", SECRETS[0].uid],
    ["a user", 1001],
  ])("%s in a jail learns nothing and changes nothing", (_who, uid) => {
    const [a, b] = worlds(model, uid);
    const before = [a.treasure(), b.treasure()];
    const succeeded = new Set<number>();
    // Until it is not clumsiness that it fails: these calls did what they do, on what was its own.
    const done = uid === 0 ? [...OWN, ...ROOT] : OWN;
    const isDone = () => done.every((sysno) => succeeded.has(sysno));
    for (let step = 0; step < STEPS || !isDone(); step++) {
      expect(step, String([...succeeded])).toBeLessThan(10 * STEPS);
      const [inA, inB] = [a.step(), b.step()];
      if (JSON.stringify(inA) !== JSON.stringify(inB)) expect(inA, `step ${step}`).toEqual(inB);
      if (inA[1] === 0) succeeded.add(inA[0]);
      if (step % 10 > 0) continue;
      if (a.treasure() !== before[0]) expect(a.treasure(), changedBy(inA, step)).toBe(before[0]);
      if (b.treasure() !== before[1]) expect(b.treasure(), changedBy(inB, step)).toBe(before[1]);
    }
    checkKernel(a.bench.k);
    checkKernel(b.bench.k);
  });
});

const changedBy = (call: Observation, step: number): string => `step ${step}, call ${call[0]}`;

test("root of the host finds the difference: the comparison can fail", () => {
  const [a, b] = worlds("jail-keyed", 0, false);
  let step = 0;
  while (step < STEPS && JSON.stringify(a.step()) === JSON.stringify(b.step())) step++;
  expect(step).toBeLessThan(STEPS);
});

test("so does a jail beside it under flat, where one name space is all there is", () => {
  const [a, b] = worlds("flat", 0);
  let step = 0;
  while (step < STEPS && JSON.stringify(a.step()) === JSON.stringify(b.step())) step++;
  expect(step).toBeLessThan(STEPS);
});
