/** The kernel's thread dies: one error that names the cause, at once, for all who wait; no thread. */
import type { Jail } from "@jailyard/host/jail";
import { boot, type Yard, YardError } from "@jailyard/host/yard";
import { afterEach, describe, expect, test } from "vitest";
import { manners } from "../support/placements.ts";
import { privateJail, programUrl, quiet, type Running, start, until } from "../support/yard.ts";

/** Milliseconds that the end may take; the machine may be busy with other things. */
const AT_ONCE = 1000;

type Way = readonly [how: string, kill: (yard: Yard) => unknown, cause: string];
const WAYS: readonly Way[] = [
  ["panics in a control call", (y) => y.control.sysctl("debug.kdb.panic", 1), "kdb_sysctl_panic"],
  ["panics in a system call", panicByProgram, "kdb_sysctl_panic"],
  ["exits", (yard) => yard.control.crash("exit"), "exited with code 7"],
  ["runs out of memory", (yard) => yard.control.crash("memory"), "memory limit"],
  ["is terminated", (yard) => yard.crash(), "exited with code 1"],
];

async function panicByProgram(yard: Yard): Promise<void> {
  await (await yard.host).spawn({ module: programUrl("victim"), arg: { entry: "panics" } });
}

/** What a promise comes to, and after how long. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => value,
    (error: unknown) => error,
  );
}

describe.each(manners)("placement $placement, wake $wake, locks $locks", (manner) => {
  let yard: Yard;
  let jail: Jail;
  afterEach(() => yard.shutdown());

  /** Processes in all that a thread can be in: calls, loops, sleeps. */
  async function busy(): Promise<Running[]> {
    jail = await privateJail(yard, "a");
    const running = [
      await start(jail, "sleeps", {}, "victim"),
      await start(await privateJail(yard, "b"), "sleeps", {}, "blocker"),
      await start(await privateJail(yard, "c"), "spins", {}, "blocker"),
      await start(await privateJail(yard, "d"), "spins", {}, "victim"),
    ];
    for (const one of running) expect(await one.next()).toBe("ready");
    return running;
  }

  test.each(WAYS)("a kernel that %s ends the yard with one error", async (_how, kill, cause) => {
    yard = await quiet({ ...manner, kernelMemoryMib: 64 });
    const host = await yard.host;
    const running = await busy();
    const spawned = jail.spawn({ module: programUrl("endless") });
    const exits = running.map(({ process }) => process.exited);
    const killed = settled(Promise.resolve(kill(yard)));
    const failed = (await settled(yard.failed)) as YardError;
    const died = performance.now();
    const waiting = [yard.stats(), yard.jail({ name: "late" }), jail.spawn({ module: "x.ts" })];
    const errors = await Promise.all([spawned, host.remove(), ...waiting].map(settled));
    const ends = await Promise.all(exits);
    await killed;
    await yard.shutdown();
    expect(failed).toBeInstanceOf(YardError);
    expect(failed.message).toContain("the kernel's thread died, and with it the yard: ");
    expect(failed.message).toContain(cause);
    expect(errors).toEqual(errors.map(() => failed));
    expect(ends).toEqual(ends.map(({ pid }) => ({ pid, status: null, signal: 9, error: failed })));
    expect([yard.pool.threads.length, yard.threads.size, jail.processes.size]).toEqual([0, 0, 0]);
    expect(performance.now() - died).toBeLessThan(AT_ONCE);
  });

  test("many jails asleep are told within a second", async () => {
    yard = await quiet(manner);
    const names = Array.from({ length: 16 }, (_, i) => `sleeper${i}`);
    const sleepers = await Promise.all(
      names.map(async (name, i) => {
        const sleeper = await start(
          await privateJail(yard, name),
          "sleeps",
          {},
          i % 2 === 0 ? "victim" : "blocker",
        );
        expect(await sleeper.next()).toBe("ready");
        return sleeper;
      }),
    );
    const asleep = async (): Promise<number> =>
      (await yard.control.processes()).filter((one) => one.asleep).length;
    await until(async () => (await asleep()) === names.length);
    await yard.crash();
    const failed = (await settled(yard.failed)) as YardError;
    const died = performance.now();
    const ends = await Promise.all(sleepers.map(({ process }) => process.exited));
    expect(ends.map(({ error }) => error)).toEqual(ends.map(() => failed));
    expect(performance.now() - died).toBeLessThan(AT_ONCE);
  });

  test("one that dies during shutdown does not keep it", async () => {
    yard = await quiet(manner);
    await busy();
    const down = yard.shutdown();
    await yard.crash();
    await down;
    expect(yard.pool.threads.length).toBe(0);
  });

  test("one that is shut down has not failed", async () => {
    yard = await quiet(manner);
    await yard.shutdown();
    const pending = Symbol("pending");
    expect(await Promise.race([yard.failed, Promise.resolve(pending)])).toBe(pending);
    expect(yard.failure).toBeNull();
  });

  test("one that cannot start is said to", async () => {
    yard = await quiet(manner);
    const maxproc = Number.MAX_SAFE_INTEGER; // no table is that large
    await expect(boot({ log: "silent", maxproc })).rejects.toThrow(/^the kernel does not start: /);
  });
});
