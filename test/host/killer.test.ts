/**
 * Deaths at random, by the thousand, while semaphores, queues, segments and forks are in use. For a
 * longer run: JAILYARD_DEATHS=50000 JAILYARD_SEED=7 vitest run test/host/killer.test.ts
 */

import type { YardConfig } from "@jailyard/host/yard";
import { expect, test } from "vitest";
import { Killer } from "../support/killer.ts";
import { privateJail, quiet, start, until } from "../support/yard.ts";

const DEATHS = Number(process.env.JAILYARD_DEATHS ?? 2500);
const SEED = Number(process.env.JAILYARD_SEED ?? 1);
const JAILS = 3;
/** Deaths between two looks at all invariants. */
const ROUND = 100;
const HOUR = 3_600_000;

const YARDS: readonly YardConfig[] = [
  { placement: "central" },
  { placement: "direct" },
  { placement: "direct", wake: "handoff" },
  { placement: "direct", locks: "freebsd" },
];

test.each(YARDS)(`%o: ${DEATHS} deaths, seed ${SEED}`, { timeout: HOUR }, async (config) => {
  const yard = await quiet(config);
  const watch = await privateJail(yard, "watch");
  const witness = await start(watch, "witness", {}, "victim");
  expect(await witness.next()).toBe("ready");
  const killer = new Killer(yard, SEED, new Set([witness.process.pid]));
  await killer.begin(JAILS);
  for (let round = 1; killer.deaths < DEATHS; round++) {
    while (killer.deaths < Math.min(DEATHS, round * ROUND)) await killer.step();
    expect(await yard.control.check()).toEqual([]);
    await witness.process.kill("SIGUSR1");
    expect(await witness.next()).toBe(`pong ${round}`);
  }
  const ends = await killer.end();
  expect(ends.map(({ signal }) => signal)).not.toContain(null); // none ended by itself
  expect(ends.filter(({ error }) => error !== null)).toEqual([]);
  expect(await yard.control.check()).toEqual([]);
  await until(() => yard.threads.size === 1);
  await watch.remove();
  expect(await yard.control.leftovers()).toEqual({});
  const { processes, threads, jails } = killer.killed;
  expect(Math.min(processes, threads, jails)).toBeGreaterThan(0);
  expect((await yard.stats()).calls).toBeGreaterThan(10 * DEATHS); // they died at work
  await yard.shutdown();
  expect([yard.pool.threads.length, yard.threads.size]).toEqual([0, 0]);
});
