/** A yard and its jails as their user has them. */
import type { Jid } from "@jailyard/abi/types";
import { Jail, type SpawnOptions } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { privateJail, quiet, start } from "../support/yard.ts";

const program = (name: string): URL => new URL(`./programs/${name}.ts`, import.meta.url);

let yard: Yard;
beforeEach(async () => {
  yard = await quiet({ virtualClock: true });
});
afterEach(() => yard.shutdown());

describe("what a process and its children say", () => {
  test.each<[string, SpawnOptions]>([
    ["coroutines", { module: program("worker"), arg: { entry: "family" } }],
    ["threads", { module: program("family") }],
  ])("comes to whoever started it: %s", async (_kind, options) => {
    const jail = await privateJail(yard, "a");
    const process = await jail.spawn(options);
    const said: unknown[] = [];
    process.on("line", (text, pid) => said.push([text, pid === process.pid]));
    process.on("record", (record) => said.push(record));
    await process.exited;
    expect(said).toEqual([["child says hello", false], 4]);
    expect(jail.processes.size).toBe(0);
  });
});

describe("reset", () => {
  test("gives an empty kernel with other limits, in the same yard", async () => {
    const jail = await privateJail(yard, "a");
    const { exited } = await jail.spawn({ module: program("worker"), arg: { entry: "family" } });
    await exited;
    await expect(yard.reset({})).rejects.toThrow("once all its jails have ended");
    await jail.end();
    await yard.reset({ "kern.ipc.semmni": 3 });
    expect((await yard.stats()).jails.map(({ name }) => name)).toEqual(["0"]);
    expect((await yard.control.sysctl("kern.ipc.semmni")).old).toBe(3);
    const again = await privateJail(yard, "a");
    expect(again.jid).toBe(jail.jid);
  });

  test("refuses limits that cannot be satisfied", async () => {
    await expect(yard.reset({ "kern.ipc.semmni": -1 })).rejects.toThrow("kern.ipc.semmni");
  });
});

test("a thread whose processes sleep in calls goes on with what the others wait for", async () => {
  const jail = await privateJail(yard, "a");
  const { next } = await start(jail, "hidden");
  expect(await next()).toBe("woken");
});

test("what a process says is heard though it ended before it could be asked", async () => {
  const jail = await privateJail(yard, "a");
  for (let i = 0; i < 200; i++) {
    const handle = await jail.spawn({ module: program("echo"), args: [`${i}`] });
    const lines: string[] = [];
    handle.on("line", (line) => lines.push(line));
    await handle.exited;
    expect(lines).toEqual([`${i}`]);
  }
});

test("a jail that is gone gets no thread, and takes none", async () => {
  await expect(Jail.start(yard, 77 as Jid, "gone")).rejects.toThrow("jail gone is gone");
  expect(yard.takeThread()).toBe(0);
  yard.giveThread(0);
});
