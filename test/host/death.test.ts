/**
 * Every way in which a program, its thread or its jail dies, while another jail calls all the time:
 * SEM_UNDO once, nobody forgotten, nothing left.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Exit } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { manners } from "../support/placements.ts";
import { privateJail, quiet, type Running, start, until } from "../support/yard.ts";

/** What ends a victim that does not end itself. */
type Killer = (victim: Running, jail: Jail) => Promise<unknown>;
const kill: Killer = (victim) => victim.process.kill("SIGKILL");
const term: Killer = (victim) => victim.process.kill("SIGTERM");
const crash: Killer = (victim, jail) => jail.crash(victim.process.pid);
const nobody: Killer = () => Promise.resolve();

const KILLED: Partial<Exit> = { status: null, signal: 9 };
const TERMED: Partial<Exit> = { status: null, signal: 15 };
const ABORTED: Partial<Exit> = { status: null, signal: 6 };

type Way = readonly [program: string, entry: string, by: string, Killer, Partial<Exit>];
const WAYS: readonly Way[] = [
  ["victim", "spins", "SIGKILL", kill, KILLED],
  ["victim", "spins", "the end of its thread", crash, KILLED],
  ["victim", "sleeps", "SIGTERM", term, TERMED],
  ["victim", "sleeps", "the end of its thread", crash, KILLED],
  ["victim", "waits", "SIGKILL", kill, KILLED],
  ["victim", "throws", "itself", nobody, ABORTED],
  ["victim", "rejects", "itself", nobody, KILLED],
  ["victim", "exits", "itself", nobody, KILLED],
  ["victim", "recurses", "itself", nobody, ABORTED],
  ["victim", "hoards", "itself", nobody, KILLED],
  ["blocker", "spins", "SIGKILL", kill, KILLED],
  ["blocker", "spins", "the end of its thread", crash, KILLED],
  ["blocker", "sleeps", "SIGTERM", term, TERMED],
  ["blocker", "sleeps", "the end of its thread", crash, KILLED],
  ["blocker", "stubborn", "SIGKILL", kill, KILLED],
  ["blocker", "throws", "itself", nobody, ABORTED],
  ["blocker", "exits", "itself", nobody, KILLED],
  ["blocker", "recurses", "itself", nobody, { status: null }],
  ["blocker", "hoards", "itself", nobody, KILLED],
];

describe.each(manners)("placement $placement, wake $wake, locks $locks", (manner) => {
  let yard: Yard;
  let jail: Jail;
  let witness: Running;
  let pings = 0;

  // One yard for all of them: it has seen many deaths when the last comes.
  beforeAll(async () => {
    yard = await quiet({ ...manner, jailMemoryMib: 48 });
    witness = await start(await privateJail(yard, "other"), "witness", {}, "victim");
    expect(await witness.next()).toBe("ready");
  });

  beforeEach(async () => {
    jail = await privateJail(yard, "a");
  });

  afterEach(async () => {
    await ping();
    await jail.remove();
    expect(await yard.control.check()).toEqual([]);
    const objects = { msg: 0, sem: 1, shm: 0 }; // the witness and its set
    expect(await yard.stats()).toMatchObject({ processes: 1, objects });
    expect([...yard.threads.keys()]).toEqual([0]);
  });

  afterAll(async () => {
    await yard.jails.get("other")!.remove();
    expect(await yard.control.leftovers()).toEqual({});
    expect(yard.takeThread()).toBeLessThan(4); // indices at the gate were given to others
    await yard.shutdown();
    expect(yard.pool.threads.length).toBe(0);
  });

  /** The other jail lives, and takes no notice. */
  async function ping(): Promise<void> {
    await witness.process.kill("SIGUSR1");
    expect(await witness.next()).toBe(`pong ${++pings}`);
  }

  const victim = (program: string, entry: string): Promise<Running> =>
    start(jail, entry, {}, program);
  const isAsleep = async ({ process }: Running): Promise<boolean> =>
    (await yard.control.processes()).some(({ pid, asleep }) => asleep && pid === process.pid);
  const value = async (): Promise<unknown> => (await victim("victim", "value")).next();

  test.each(WAYS)("%s %s, ended by %s", async (program, entry, _by, killer, end) => {
    const dies = await victim(program, entry);
    expect(await dies.next()).toBe("ready");
    await killer(dies, jail);
    expect(await dies.process.exited).toMatchObject(end);
    expect(await yard.control.check()).toEqual([]);
    await ping();
    expect(await value()).toBe(1); // its undo, once; and the jail has a thread
  });

  test.each([
    ["victim", "waits"],
    ["blocker", "spins"],
  ])("%s %s: who waits for it is woken by its undo", async (program, entry) => {
    const dies = await victim(program, entry);
    await dies.next();
    const waiter = await victim("blocker", "waiter");
    await until(async () => await isAsleep(waiter));
    await dies.process.kill("SIGKILL");
    expect(await waiter.next()).toBe("got it");
    expect(await waiter.process.exited).toMatchObject({ status: 0 });
    expect(await value()).toBe(0);
  });

  test.each([
    ["throws", { status: null, signal: 6 }],
    ["exits", { status: null, signal: 9 }],
    ["hoards", { status: null, signal: 9 }],
    ["recurses", { status: null, signal: 6 }],
  ])("a parent is told of a child that %s", async (child, end) => {
    const parent = await start(jail, "parent", { child }, "blocker");
    expect(await parent.next()).toEqual({ child: expect.any(Number) });
    expect(await parent.next()).toBe("ready"); // the child, whose thread has a port of its own
    await parent.process.kill("SIGUSR1");
    expect(await parent.next()).toEqual(end);
    expect(await parent.process.exited).toMatchObject({ status: 0 });
  });

  test("a parent is told of a child whose thread is ended, and of one that is killed", async () => {
    for (const killer of ["crash", "kill"]) {
      const parent = await start(jail, "parent", { child: "spins" }, "blocker");
      const { child } = (await parent.next()) as { child: number };
      expect(await parent.next()).toBe("ready");
      await parent.process.kill("SIGUSR1");
      if (killer === "crash") await jail.crash(child as never);
      else await yard.control.kill(child as never, 9);
      expect(await parent.next()).toEqual({ status: null, signal: 9 });
      await parent.process.exited;
    }
  });

  test.each(["victim", "blocker"])(
    "%s: children are heard when their parent is gone",
    async (program) => {
      const parent = await victim(program, "orphans");
      expect(await parent.next()).toBe("parent");
      await parent.process.exited;
      expect(await parent.next()).toBe("orphan");
    },
  );

  test("a parent that dies in fork leaves no child without a thread", async () => {
    for (let i = 0; i < 20; i++) {
      const parent = await start(jail, "parent", { child: "sleeps" }, "blocker");
      await jail.crash(parent.process.pid);
      await parent.process.exited;
      for (const { pid } of await yard.control.processes()) {
        if (pid !== witness.process.pid) await yard.control.kill(pid, 9);
      }
      await until(async () => (await yard.stats()).processes === 1);
    }
    await until(() => yard.threads.size <= 2);
  });

  test("what a program leaves behind in its thread does not reach another jail", async () => {
    const { process } = await victim("victim", "lingers");
    expect(await process.exited).toMatchObject({ status: 0 });
    await jail.end();
    await until(() => yard.pool.threads.length === 1); // not kept for the next
  });

  test("of what a process said before anybody listened the last thousand is kept", async () => {
    const process = await jail.spawn({
      module: new URL("./programs/victim.ts", import.meta.url),
      arg: { entry: "chatter" },
    });
    await (await victim("victim", "value").catch(() => null))?.process.exited; // ENOENT or not
    const records: unknown[] = [];
    process.on("record", (record) => records.push(record));
    await until(() => records.at(-1) === 4999);
    expect([records.length, records[0]]).toEqual([1000, 4000]);
  });

  test.each(["victim", "blocker"])(
    "%s: the end of a jail ends an endless loop",
    async (program) => {
      const dies = await victim(program, "spins");
      await dies.next();
      await jail.end();
      expect(await dies.process.exited).toMatchObject(KILLED);
    },
  );

  test.each(["victim", "blocker"])("%s: shutdown ends an endless loop", async (program) => {
    const other = await quiet(manner);
    const dies = await start(await privateJail(other, "a"), "spins", {}, program);
    await dies.next();
    await other.shutdown();
    expect(await dies.process.exited).toMatchObject(KILLED);
    await expect(other.stats()).rejects.toThrow("the yard is down");
    expect(other.pool.threads.length).toBe(0);
  });
});
