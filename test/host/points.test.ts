/**
 * Deaths at points of calls on pages: before every store and every atomic operation of the code that
 * runs in jails' threads, which is loaded with points in it (support/instrument.ts). One death at
 * each kind of place of each call, and one at some point of it; for all ways at all points, which
 * takes long:
 * JAILYARD_POINTS=all vitest run test/host/points.test.ts
 */
import type { YardConfig } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dice } from "../support/dice.ts";
import { PLACES } from "../support/instrument.ts";
import { type Death, type Killer, type Kind, PointYard } from "../support/pointyard.ts";
import { until } from "../support/yard.ts";
import { CALLS, type CallName, SLEEPS } from "./programs/pointcalls.ts";

const ALL = process.env.JAILYARD_POINTS === "all";
const SEED = Number(process.env.JAILYARD_SEED ?? 1);
const HOUR = 3_600_000;
const YARDS: readonly YardConfig[] = [{}, { wake: "handoff" }, { locks: "freebsd" }];

const isOver = async ({ yard }: Parameters<Killer>[0], pid: number): Promise<boolean> =>
  (await yard.control.processes()).every((one) => one.pid !== pid);

/** Its thread is terminated, by the way that spares critical sections. */
const crash: Killer = (jail, pid) => jail.crash(pid);
const kill: Killer = (jail, pid) => jail.yard.control.kill(pid, 9);
const remove: Killer = async (jail, pid, release) => {
  const removed = jail.remove();
  await until(() => isOver(jail, pid));
  release();
  await removed;
};

type Way = Pick<Death, "way" | "killer">;
/** Most often those that cost least. */
const WAYS: readonly Way[] = [
  { way: "exception" },
  { way: "exit" },
  { way: "stay", killer: kill },
  { way: "exception" },
  { way: "stay", killer: crash },
  { way: "stay", killer: remove },
  { way: "memory" },
];

describe.each(YARDS)("%o", (config) => {
  let points: PointYard;
  let turn = YARDS.indexOf(config); // other ways at the same points
  const dice = new Dice(SEED);
  const seen = new Set<string>();
  beforeAll(async () => {
    points = await PointYard.boot(config);
  });
  afterAll(() => points.shutdown());

  async function dies(death: Death): Promise<void> {
    const end = await points.die(death);
    if (end.place === null) return; // it slept for less, and had fewer points
    seen.add(end.place);
    expect({ ...death, status: end.exit.status }).toEqual({ ...death, status: null });
  }

  /** Points of a call: the first of each place, or all. */
  async function pointsOf(kind: Kind, call: CallName): Promise<Pick<Death, "at" | "place">[]> {
    const { place, places } = await points.die({ kind, call, way: "stay", at: 0 });
    expect(place).toBe(null);
    if (ALL) return places.map((_, i) => ({ at: i + 1 }));
    const random = { at: 1 + dice.below(places.length) };
    return [...[...new Set(places)].map((place) => ({ place, at: 1 })), random];
  }

  const calls = Object.keys(CALLS) as CallName[];
  test.each(calls)("%s", { timeout: ALL ? HOUR : 60_000 }, async (call) => {
    const kinds: Kind[] = ALL || SLEEPS.includes(call) ? ["pointblocker", "pointvictim"] : [];
    if (kinds.length === 0) kinds.push(calls.indexOf(call) % 2 ? "pointblocker" : "pointvictim");
    for (const kind of kinds) {
      for (const point of await pointsOf(kind, call)) {
        const ways = ALL ? WAYS : [WAYS[turn++ % WAYS.length]];
        for (const way of ways) await dies({ kind, call, ...point, ...way });
      }
    }
  });

  test("they died at every kind of place", () => {
    expect([...seen].sort()).toEqual([...PLACES].sort());
  });
});
