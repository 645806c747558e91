/** However a process, a jail or a thread ends: its undo, its attaches, its sleepers, its limits. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { privateJail, programUrl, quiet, sleeps, start, until } from "../support/yard.ts";

let yard: Yard;
let jail: Jail;

beforeEach(async () => {
  yard = await quiet();
  jail = await privateJail(yard, "a");
});
afterEach(async () => {
  await yard.shutdown();
  expect(yard.pool.threads.length).toBe(0);
});

const objects = async (): Promise<number> => {
  const { sem, shm, msg } = (await yard.stats()).objects;
  return sem + shm + msg;
};
const processes = async (): Promise<number> => (await yard.stats()).processes;

describe("a process", () => {
  test("that is killed gives back what it took, and the next one has it", async () => {
    const holder = await start(jail, "hold");
    await holder.next();
    const waiter = await start(jail, "wait");
    await waiter.next();
    await until(async () => (await sleeps(yard, jail)) === 1);
    await holder.process.kill("SIGKILL");
    expect(await waiter.next()).toBe("got it");
    expect(await holder.process.exited).toMatchObject({ status: null, signal: 9 });
    expect(await waiter.process.exited).toMatchObject({ status: 0, signal: null });
    expect(await processes()).toBe(0);
  });

  test.each(["succeeds", "fails"])(
    "whose calls never sleep (each %s) leaves turns to others, and can be killed",
    async (entry) => {
      const busy = await start(jail, entry, {}, "busy");
      expect(await busy.next()).toBe("ready");
      const other = await start(jail, "many");
      expect(await other.next()).toBe(1000);
      await busy.process.kill("SIGKILL");
      expect(await busy.process.exited).toMatchObject({ signal: 9 });
      await jail.spawn({ module: programUrl("worker"), arg: { entry: "many" } });
      expect(yard.threads.size).toBe(1); // the one that busy had: it gave it back by itself
    },
  );

  test("that sleeps and is killed is gone from the queue", async () => {
    const sleeper = await start(jail, "sleeper");
    await sleeper.next();
    await until(async () => (await sleeps(yard, jail)) === 1);
    await sleeper.process.kill("SIGTERM");
    expect(await sleeper.process.exited).toMatchObject({ signal: 15, error: null });
  });

  test("whose program throws ends as by SIGABRT, its jail named and alive", async () => {
    const { process } = await start(jail, "throws");
    const exit = await process.exited;
    expect(exit).toMatchObject({ signal: 6, status: null });
    expect(exit.error?.message).toBe("the program's own mistake");
    const next = await start(jail, "many");
    expect(await next.next()).toBe(1000);
  });

  test("that catches a signal is interrupted, in a call and in a sleep", async () => {
    const { process, next } = await start(jail, "interrupted");
    expect(await next()).toBe("ready");
    await until(async () => (await sleeps(yard, jail)) === 1);
    await process.kill("SIGUSR1");
    expect(await next()).toBe("sleeping");
    await process.kill("SIGUSR1");
    expect(await next()).toEqual({ code: "EINTR", seen: ["SIGUSR1", "SIGUSR1"], slept: true });
  });

  test("that calls with rubbish gets errnos and TypeErrors, and nobody else notices", async () => {
    const { process, next } = await start(jail, "rubbish");
    expect(await next()).toEqual(["SysError", "TypeError"]);
    expect(await process.exited).toMatchObject({ status: 0 });
  });
});

describe("a jail", () => {
  test("that is removed takes its objects and processes, also in an endless loop", async () => {
    await (await start(jail, "hold")).next();
    const spinner = await start(jail, "spin");
    await spinner.next();
    expect(await objects()).toBe(2);
    await jail.remove();
    expect(await spinner.process.exited).toMatchObject({ signal: 9 });
    expect([await objects(), await processes()]).toEqual([0, 0]);
  });

  test.each(["rejectsLater", "exits"])(
    "whose program %s ends as if it had crashed",
    async (entry) => {
      const other = await privateJail(yard, "b");
      const holder = await start(other, "hold");
      await holder.next();
      const { process } = await start(jail, entry);
      expect(await process.exited).toMatchObject({ status: null, signal: 9 });
      expect(await processes()).toBe(1);
      await holder.process.kill("SIGKILL");
      await holder.process.exited;
    },
  );

  test("whose thread crashes: undo applied, attaches gone, other jails as before", async () => {
    const held = await start(jail, "hold");
    await held.next();
    await jail.crash();
    expect(await held.process.exited).toMatchObject({ signal: 9 });
    expect(await processes()).toBe(0);
  });
});

describe("shared memory", () => {
  test("two jails that attach one segment see each other's stores without a call", async () => {
    const [one, two] = [
      await yard.jail({ name: "c", sysvshm: "inherit" }),
      await yard.jail({ name: "d", sysvshm: "inherit" }),
    ];
    const maker = await start(one, "segment");
    const shmid = await maker.next();
    const storer = await start(two, "store", { shmid, value: 42 });
    expect(await storer.next()).toBe(41);
    expect(await maker.next()).toBe(42);
  });

  test("a process knows its attachments as they come and go", async () => {
    const { next } = await start(jail, "attachments");
    expect(await next()).toEqual([true, true, false]);
  });

  test("an id of another jail's private space is EINVAL", async () => {
    const maker = await start(jail, "segment");
    const shmid = await maker.next();
    const other = await privateJail(yard, "b");
    const { process } = await start(other, "store", { shmid, value: 1 });
    expect((await process.exited).error?.message).toContain("Invalid argument");
  });
});

test("shutdown ends everything, whatever runs", async () => {
  await (await start(jail, "hold")).next();
  await (await start(jail, "spin")).next();
  await yard.shutdown();
});
