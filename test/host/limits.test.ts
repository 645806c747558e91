/**
 * Limits that FreeBSD keeps for the whole host, while threads of several jails race for the last of
 * each, and while they die in it.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Exit } from "@jailyard/host/processhandle";
import type { Yard, YardConfig } from "@jailyard/host/yard";
import { afterEach, describe, expect, test } from "vitest";
import { Board } from "../support/board.ts";
import { privateJail, programUrl, quiet, until } from "../support/yard.ts";
import { MOST, type Race, REFUSED } from "./programs/limitrace.ts";

type What = Race["what"];
const RACERS = 4;
const ROUNDS = 1000;
/** Limits of each race, and how many there are then: a message of the race for segments takes two. */
const RACES: Readonly<Record<What, readonly [limits: Record<string, number>, most: number]>> = {
  undo: [{ "kern.ipc.semmnu": 3 }, 3],
  sets: [{ "kern.ipc.semmns": 3 }, 3],
  headers: [{ "kern.ipc.msgtql": 5 }, 5],
  segments: [{ "kern.ipc.msgseg": 9, "kern.ipc.msgssz": 8 }, 4],
};
const YARDS: readonly YardConfig[] = [{}, { wake: "handoff" }, { locks: "freebsd" }];

let yard: Yard;
let board: Board;
afterEach(() => yard.shutdown());

/** Start racers, each in a jail of its own. @returns their ends */
async function race(what: What, rounds: number): Promise<Promise<Exit>[]> {
  board = new Board();
  const exits: Promise<Exit>[] = [];
  for (let seed = 1; seed <= RACERS; seed++) {
    const jail = await privateJail(yard, `racer${seed}`);
    const arg: Race = { board: board.buffer, what, seed, rounds };
    exits.push((await racer(jail, arg)).exited);
  }
  board.command(1);
  return exits;
}

async function racer(jail: Jail, arg: Race) {
  const process = await jail.spawn({ module: programUrl("limitrace"), arg });
  await new Promise((resolve) => process.once("record", resolve));
  return process;
}

const removeAll = async (): Promise<void> => {
  await Promise.all([...yard.jails.values()].map((jail) => jail.remove()));
};

/** How many a jail gets that nobody else takes from. */
async function filled(what: What): Promise<unknown> {
  const jail = await privateJail(yard, "filler");
  const process = await jail.spawn({ module: programUrl("limitfill"), arg: what });
  return await new Promise((resolve) => process.once("record", resolve));
}

describe.each(YARDS)("%o", (config) => {
  test.each(Object.keys(RACES) as What[])("%s: never exceeded, never leaked", async (what) => {
    const [limits, most] = RACES[what];
    yard = await quiet({ ...config, limits });
    const racing = await race(what, Number.POSITIVE_INFINITY);
    await until(() => board.load(REFUSED) > 10);
    await removeAll(); // in the middle of it
    for (const exit of await Promise.all(racing)) expect(exit).toMatchObject({ signal: 9 });
    expect(await yard.control.leftovers()).toEqual({});
    for (const exit of await Promise.all(await race(what, ROUNDS))) {
      expect(exit).toMatchObject({ error: null, status: 0 });
    }
    expect(board.load(MOST)).toBeLessThanOrEqual(most);
    expect(await yard.control.check()).toEqual([]);
    await removeAll();
    expect(await filled(what)).toBe(most);
    await removeAll();
    expect(await yard.control.leftovers()).toEqual({});
  });
});
