/** What a jail's thread starts from, and many of them. */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "@jailyard/host/cachefolder";
import type { Jail } from "@jailyard/host/jail";
import { jailEntry } from "@jailyard/host/jailentry";
import { boot, type Yard, YardError } from "@jailyard/host/yard";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { measureScale } from "../../bench/scale.ts";
import { privateJail, quiet, start } from "../support/yard.ts";

const module = new URL("./programs/instances.ts", import.meta.url);
const WORK = new URL("../../bench/programs/scale.ts", import.meta.url);
const JAILS = 100;

let yard: Yard;
beforeEach(async () => {
  yard = await quiet({
    jailMemoryMib: 32,
    limits: { "kern.ipc.semmni": 3 * JAILS, "kern.ipc.semmns": 9 * JAILS },
  });
});
afterEach(async () => {
  await yard.shutdown();
  expect(yard.pool.threads.length).toBe(0);
});

async function told(jail: Jail, entry: string): Promise<unknown> {
  const process = await jail.spawn({ module, arg: { entry } });
  const [record] = await once(process, "record");
  return record;
}

describe("the file that jails' threads load", () => {
  test("is made once, and is another than the sources", async () => {
    const entry = await jailEntry();
    expect(fileURLToPath(entry)).toContain(cacheFolder());
    expect(existsSync(entry)).toBe(true);
    expect((await jailEntry()).href).toBe(entry.href);
  });

  test("gives programs all names of the package", async () => {
    const names = Object.keys(await import("jailyard")).sort();
    expect(await told(await privateJail(yard, "a"), "names")).toEqual(names);
  });

  test("gives programs the instances that the thread itself uses", async () => {
    expect(await told(await privateJail(yard, "a"), "errors")).toEqual([true, true]);
  });
});

describe("a hundred jails", () => {
  test("start, work and end side by side, and leave no thread", async () => {
    const jails: Jail[] = [];
    for (let i = 0; i < JAILS; i++) jails.push(await privateJail(yard, `jail${i}`));
    expect(yard.pool.threads.length).toBe(JAILS);
    const arg = { rounds: 20 };
    const workers = await Promise.all(jails.map((jail) => jail.spawn({ module: WORK, arg })));
    const ends = await Promise.all(workers.map(({ exited }) => exited));
    expect(ends.filter(({ status }) => status !== 0)).toEqual([]);
    expect((await yard.stats()).processes).toBe(0);
  });

  test("are measured", async () => {
    const scale = await measureScale(3, 2, 5);
    for (const value of Object.values(scale)) expect(value).toBeGreaterThan(0);
  });
});

describe("jailMemoryMib", () => {
  test("ends the thread of a program that wants more, and no other", async () => {
    const [greedy, other] = [await privateJail(yard, "greedy"), await privateJail(yard, "other")];
    const hog = await greedy.spawn({ module, arg: { entry: "hog" } });
    expect(await hog.exited).toMatchObject({ status: null, signal: 9 });
    expect(await (await start(other, "many")).next()).toBe(1000);
  });

  test("is refused if no thread can live with it", async () => {
    await expect(boot({ jailMemoryMib: 1 })).rejects.toThrow(YardError);
  });
});
