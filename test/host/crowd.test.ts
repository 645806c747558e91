/** Many sleepers in one thread, and in which order sleepers of several threads are served. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { WAKES } from "@jailyard/host/yard";
import { afterEach, describe, expect, test } from "vitest";
import { Board } from "../support/board.ts";
import { programUrl, quiet, until } from "../support/yard.ts";
import { BACK, BEGUN, type Crowd } from "./programs/crowd.ts";

const CROWD = Number(process.env.JAILYARD_CROWD ?? 3000);
const SEMS = 100;

let yard: Yard;
let board: Board;
afterEach(() => yard.shutdown());

/** Jails that use the host's semaphores, and the set. */
async function sharing(names: readonly string[], config: object): Promise<[number, Jail[]]> {
  yard = await quiet({ limits: { "kern.ipc.semmsl": 200 }, ...config });
  board = new Board();
  const host = await yard.host;
  const jails = await Promise.all(names.map((name) => yard.jail({ name, sysvsem: "inherit" })));
  const set = (await told(host, { entry: "make", sems: SEMS })) as number;
  return [set, jails];
}

const spawn = (jail: Jail, crowd: Partial<Crowd>) =>
  jail.spawn({
    module: programUrl("crowd"),
    arg: { board: board.buffer, set: 0, count: 1, sems: SEMS, ...crowd },
  });

async function told(jail: Jail, crowd: Partial<Crowd>): Promise<unknown> {
  const process = await spawn(jail, crowd);
  return await new Promise((resolve) => process.once("record", resolve));
}

const asleep = async (): Promise<number> =>
  (await yard.control.processes()).filter((one) => one.asleep).length;

/** How many have come back, once that is at least `count`. */
async function back(count: number): Promise<number> {
  await until(() => board.load(BACK) >= count);
  return board.load(BACK);
}

describe.each(WAKES)("wake policy %s", (wake) => {
  test(`${CROWD} coroutines of one thread sleep, are woken, each once, and killed`, async () => {
    const [set, [many, one]] = await sharing(["many", "one"], { wake, slots: 16_384 });
    await spawn(many, { entry: "crowd", set, count: CROWD });
    await until(async () => board.load(BEGUN) === CROWD && (await asleep()) === CROWD);
    const waker = await spawn(one, { entry: "wakes", set, count: CROWD - 1 });
    expect(await waker.exited).toMatchObject({ status: 0 });
    expect(await back(CROWD - 1)).toBe(CROWD - 1);
    await until(async () => (await asleep()) === CROWD); // all but one on the last, and that one
    expect(await yard.control.check()).toEqual([]);
    await many.remove();
    expect((await yard.stats()).processes).toBe(1);
    expect(await yard.control.check()).toEqual([]);
  });
});

describe("wake policy handoff", () => {
  const NAMES = ["a", "b", "c"];

  /** Sleepers on one semaphore, in this order, of threads of different jails; each wants so much. */
  async function queue(set: number, jails: Jail[], wants: readonly number[]) {
    const done: number[] = [];
    for (const [i, count] of wants.entries()) {
      const process = await spawn(jails[i % jails.length], { entry: "sleeper", set, count });
      process.on("record", () => done.push(i));
      await until(async () => (await asleep()) === i + 1);
    }
    return done;
  }

  test("sleepers of several threads are served first in, first out", async () => {
    const [set, jails] = await sharing(NAMES, { wake: "handoff" });
    const done = await queue(set, jails, new Array(12).fill(1));
    for (let i = 0; i < 12; i++) {
      const giver = await spawn(jails[(i + 1) % 3], { entry: "wakes", set, sems: 1 });
      expect(await giver.exited).toMatchObject({ status: 0 });
      await until(() => done.length > i);
      expect(done).toEqual(Array.from({ length: i + 1 }, (_, first) => first));
    }
  });

  test("who comes later gets nothing that was given to a sleeper", async () => {
    const [set, jails] = await sharing(NAMES, { wake: "handoff" });
    const done = await queue(set, jails, new Array(6).fill(1));
    const giver = await spawn(jails[0], { entry: "wakes", set, count: 6, sems: 1 });
    expect(await told(jails[1], { entry: "asks", set })).toBe("EAGAIN");
    await giver.exited;
    expect(await told(jails[2], { entry: "asks", set })).toBe("EAGAIN");
    await until(() => done.length === 6);
  });

  test("one that wants more than there is does not keep those behind it", async () => {
    const [set, jails] = await sharing(NAMES, { wake: "handoff" });
    const done = await queue(set, jails, [2, 1, 1]);
    await (await spawn(jails[1], { entry: "wakes", set, sems: 1 })).exited;
    await until(() => done.length === 1);
    expect(done).toEqual([1]);
    await (await spawn(jails[1], { entry: "wakes", set, sems: 1 })).exited;
    await until(() => done.length === 2);
    expect(done).toEqual([1, 2]);
    expect(await asleep()).toBe(1);
  });
});
