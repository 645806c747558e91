/** What befalls a server on purpose, and what the rest of its processes do all day. */
import type { SignalName } from "@jailyard/abi/signal";
import { setClock } from "@jailyard/workload/postgres/clock";
import postgres from "@jailyard/workload/postgres/instance";
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { afterEach, describe, expect, test } from "vitest";
import { finished, logOf, ready, recordsOf, resultOf, simYard } from "../support/postgres.ts";
import type { SimHandle, SimYard } from "../support/simproc.ts";

afterEach(() => setClock(null));

let directories = 0;
function start(yard: SimYard, config: Partial<InstanceConfig>): SimHandle {
  const dataDirectory = `/chaos/${++directories}`;
  return yard.start(postgres.main, { version: "15", dataDirectory, backends: 4, ...config });
}

const objects = ({ k }: SimYard): number => k.sem.live + k.shm.table.live;
const eventsOf = (handle: SimHandle): string[] =>
  recordsOf(handle).flatMap((r) => (r.type === "chaos" ? [`${r.what}: ${r.text}`] : []));
const pass = async (yard: SimYard, millis: number): Promise<void> => {
  const until = yard.now + millis;
  await yard.until(() => yard.now >= until);
};

describe("chaos", () => {
  const common = { seconds: 3, chaosMillis: 700 } as const;
  const run = async (config: Partial<InstanceConfig>): Promise<SimHandle> => {
    const yard = simYard({}, 5);
    const server = start(yard, { ...common, ...config });
    await finished(yard, server);
    expect(server.errors).toEqual([]);
    expect(server.xstat).toBe(0);
    expect(objects(yard)).toBe(0);
    expect(yard.k.procs.size).toBe(0);
    expect(eventsOf(server).filter((event) => event.startsWith("wrong"))).toEqual([]);
    return server;
  };

  test("a backend is killed: all processes end, and the server starts anew [PG-35]", async () => {
    const server = await run({ chaos: "backend" });
    const deaths = eventsOf(server).filter((event) => event.startsWith("death: backend"));
    expect(deaths.length).toBeGreaterThan(1);
    expect(resultOf(server).crashes).toBe(deaths.length);
    expect(resultOf(server).lost).toBe(0);
  });

  test.each(["9.2", "9.6", "15", "18"] as const)(
    "%s: the postmaster is killed; refused while a child lives, recycled after [PG-36]",
    async (version) => {
      const server = await run({ chaos: "postmaster", version });
      const events = eventsOf(server);
      expect(events.slice(0, 3)).toEqual([
        expect.stringMatching(/^death: the postmaster \(PID \d+\) is killed/),
        expect.stringMatching(/^refusal: the postmaster is not started again while a child/),
        expect.stringMatching(/^start: the postmaster is up again after \d+ refused attempts/),
      ]);
      expect(logOf(server).join("\n")).toMatch(
        /^FATAL: pre-existing shared memory block \(key \d+, ID \d+\) is still in use$/m,
      );
      expect(resultOf(server).transactions).toBeGreaterThan(100);
    },
  );

  test("a second postmaster on the same directory is refused [PG-13]", async () => {
    const server = await run({ chaos: "second" });
    expect(eventsOf(server).length).toBeGreaterThan(1);
    expect(logOf(server)).toContain('FATAL: lock file "postmaster.pid" already exists');
    expect(resultOf(server).crashes).toBe(0);
  });

  test("the same seed brings the same", async () => {
    const story = async (seed: number): Promise<string[]> =>
      eventsOf(await run({ chaos: "all", seed })).map((event) => event.replace(/\d+/g, "n"));
    expect(await story(3)).toEqual(await story(3));
    expect(await story(3)).not.toEqual(await story(4));
  });
});

describe("a server by itself", () => {
  test("held: its clients begin at SIGUSR2", async () => {
    const yard = simYard();
    const server = start(yard, { held: true, seconds: 1 });
    await ready(yard, server);
    await pass(yard, 5000);
    const begun = (): boolean => recordsOf(server).some(({ type }) => type === "progress");
    expect(begun()).toBe(false);
    yard.kill(server.pid, "SIGUSR2" satisfies SignalName);
    await finished(yard, server);
    expect(begun()).toBe(true);
    expect(resultOf(server).seconds).toBeLessThan(1.5);
  });

  test("idle, it makes few calls", async () => {
    const yard = simYard();
    const server = start(yard, { startOnly: true });
    await ready(yard, server);
    await pass(yard, 10_000);
    const before = yard.trace.length;
    await pass(yard, 10_000);
    expect(yard.trace.length - before).toBeLessThan(10 * 20); // a second
    yard.kill(server.pid, "SIGINT");
    await finished(yard, server);
  });

  test.each(["9.2", "15", "18"] as const)(
    "%s: checkpoints and autovacuum workers come as often as they are told",
    async (version) => {
      const yard = simYard();
      const often = { checkpointMillis: 400, naptimeMillis: 300 };
      const server = start(yard, { version, seconds: 2, ...often });
      await finished(yard, server);
      expect(server.xstat).toBe(0);
      const { checkpoints, vacuums, crashes } = resultOf(server);
      expect(checkpoints).toBeGreaterThanOrEqual(3);
      expect(checkpoints).toBeLessThanOrEqual(5);
      expect(vacuums).toBeGreaterThanOrEqual(3);
      expect(vacuums).toBeLessThanOrEqual(7);
      expect(crashes).toBe(0);
    },
  );

  test("think time leaves the server idle; skewed keys make clients meet at rows", async () => {
    const run = async (config: Partial<InstanceConfig>): Promise<ReturnType<typeof resultOf>> => {
      const yard = simYard();
      const server = start(yard, { seconds: 1, ...config });
      await finished(yard, server);
      return resultOf(server);
    };
    const thinking = await run({ thinkMicros: 50_000, fsync: false });
    expect(thinking.tps).toBeGreaterThan(4 * 15);
    expect(thinking.tps).toBeLessThan(4 * 21);
    const rows = async (skew: number): Promise<number> => {
      const { waits, transactions } = await run({ workload: "simple-update", skew, backends: 8 });
      return (waits["Lock:transactionid"]?.waits ?? 0) / transactions;
    };
    expect(await rows(0)).toBeLessThan(0.01);
    expect(await rows(0.95)).toBeGreaterThan(0.05);
  });
});
