/**
 * The least settings of PostgreSQL servers, and which limit breaks first: what arithmetic predicts is
 * what servers in a yard meet, for every row of the tables. [PG-22] [SEM-20] [SHM-14]
 */
import { type Break, firstBreak } from "@jailyard/lab/sizing/breaks";
import { demandOf, type ServerPlan } from "@jailyard/lab/sizing/demand";
import { type Given, limitsOf, NOTHING_GIVEN, withWord } from "@jailyard/lab/sizing/given";
import { leastLimits } from "@jailyard/lab/sizing/least";
import { leastGiven } from "@jailyard/lab/sizing/lines";
import { agrees, startServers } from "@jailyard/lab/sizing/verify";
import { describe, expect, test } from "vitest";

const cx = { log: "error" } as const;

/** Predict, run, and see that both say the same. @returns what they say */
async function outcome(plan: ServerPlan, given: Given): Promise<Break | null> {
  const predicted = firstBreak(plan, limitsOf(given));
  const seen = await startServers(cx, plan, given);
  expect({ predicted, seen, agrees: agrees(predicted, seen) }).toMatchObject({ agrees: true });
  return predicted;
}

const PLANS: readonly ServerPlan[] = [
  { version: "9.6", instances: 3, maxConnections: 20 },
  { version: "15", instances: 2, maxConnections: 5, sharedMemoryType: "sysv", sharedBuffers: 64 },
  { version: "9.2", instances: 3, maxConnections: 9, sharedBuffers: 64, autovacuumWorkers: 1 },
  { version: "18", instances: 2, maxConnections: 10, maxWalSenders: 3, maxWorkerProcesses: 2 },
];
const text = ({ version, instances, maxConnections }: ServerPlan): string =>
  `${instances} x ${version}, ${maxConnections} connections`;

describe("the least settings suffice, and one less of any does not", () => {
  test.each(PLANS.map((plan) => [text(plan), plan] as const))("%s", async (_, plan) => {
    const least = leastGiven(plan, true);
    expect(await outcome(plan, least)).toBeNull();
    for (const rule of Object.keys(least.rules) as (keyof Given["rules"])[]) {
      const rules = { ...least.rules, [rule]: least.rules[rule]! - 1 };
      expect((await outcome(plan, { ...least, rules }))?.limit).toBe(`rctl ${rule}`);
    }
    const met = leastLimits(plan).filter(({ why, value }) => value > 1 && !/never/.test(why));
    expect(met.length).toBeGreaterThanOrEqual(7);
    for (const { name, value, when } of met) {
      const settings = { ...least[when], [name]: value - 1 };
      expect((await outcome(plan, { ...least, [when]: settings }))?.limit).toBe(name);
    }
  });
});

const given = (...words: string[]): Given => words.reduce(withWord, NOTHING_GIVEN);
const DEFAULTS: ServerPlan = { version: "9.6", instances: 3, maxConnections: 100 };
const SMALL: ServerPlan = { version: "15", instances: 2, maxConnections: 5 };
const OLD: ServerPlan = { ...SMALL, version: "9.2", sharedBuffers: 64 };

describe("which limit breaks first", () => {
  test.each<[string, ServerPlan, Given, Partial<Break> | null]>([
    // FreeBSD's defaults hold two servers. [PG-23]
    ["defaults", DEFAULTS, given(), { limit: "kern.ipc.semmns", instance: 3, set: 5 }],
    [
      "two of 18",
      { ...DEFAULTS, version: "18", instances: 2 },
      given(),
      { limit: "kern.ipc.semmns", instance: 2, set: 10 },
    ],
    ["two of 15", { ...DEFAULTS, version: "15", instances: 2 }, given(), null],
    [
      "sets before semaphores",
      SMALL,
      given("kern.ipc.semmni=2", "kern.ipc.semmns=51"),
      { limit: "kern.ipc.semmni", instance: 2, set: 1 },
    ],
    [
      "semaphores before sets, at one call",
      SMALL,
      given("kern.ipc.semmni=3", "kern.ipc.semmns=51"),
      { limit: "kern.ipc.semmns", instance: 2, set: 2 },
    ],
    [
      "a segment comes before sets",
      SMALL,
      given("kern.ipc.shmmni=1", "kern.ipc.semmni=3"),
      { limit: "kern.ipc.shmmni", instance: 2 },
    ],
    ["a later 15 looks for 1,000 keys", SMALL, given("kern.ipc.semmsl=16"), { key: 1035 }],
    ["SEMVMX of SETVAL", SMALL, given("kern.ipc.semvmx=535"), { call: "semctl", code: "ERANGE" }],
    ["a least size", SMALL, given("kern.ipc.shmmin=57"), { limit: "kern.ipc.shmmin" }],
    ["shmmax follows shmall at boot", OLD, given("kern.ipc.shmall=9"), { code: "EINVAL" }],
    [
      "but not when it is written later",
      OLD,
      { ...NOTHING_GIVEN, run: { "kern.ipc.shmall": 9 } },
      { code: "ENOMEM", limit: "kern.ipc.shmall" },
    ],
    ["a rule", SMALL, given("nsem=33"), { limit: "rctl nsem", instance: 1, set: 2 }],
    [
      "limits of the host before a rule",
      SMALL,
      given("nshm=0", "kern.ipc.shmall=0"),
      { inUse: null },
    ],
    ["one operation passes semopm", SMALL, given("kern.ipc.semopm=0", "kern.ipc.semmnu=1"), null],
  ])("%s", async (_, plan, settings, expected) => {
    const first = await outcome(plan, settings);
    if (expected === null) expect(first).toBeNull();
    else expect(first).toMatchObject(expected);
  });
});

test("a host with eight servers, the last of which is one set short", async () => {
  const plan: ServerPlan = { version: "9.6", instances: 8, maxConnections: 40 };
  const { sets } = demandOf(plan);
  expect(sets).toBe(4);
  const enough = { ...NOTHING_GIVEN, boot: { "kern.ipc.semmni": 32, "kern.ipc.semmns": 32 * 17 } };
  expect(await outcome(plan, enough)).toBeNull();
  const short = { ...enough, boot: { ...enough.boot, "kern.ipc.semmni": 31 } };
  expect(await outcome(plan, short)).toMatchObject({ instance: 8, set: 4, inUse: 31 });
});

test("settings by number and default, as the table of the reference has them", () => {
  const of = (version: ServerPlan["version"]) => demandOf({ ...DEFAULTS, version });
  const got = (["9.2", "9.6", "15", "18"] as const).map((v) => [of(v).semaphores, of(v).sets]);
  expect(got).toEqual([
    [107, 7],
    [116, 8],
    [127, 8],
    [174, 11],
  ]);
  const [shmall] = leastLimits({ ...DEFAULTS, instances: 70_000 }).filter((l) => l.impossible);
  expect(shmall.name).toBe("kern.ipc.shmmni");
});
