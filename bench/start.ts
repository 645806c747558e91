/** Start and memory of many jails, beside as many bare worker threads. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import type { Yard } from "@jailyard/host/yard";
import { type Bench, type BenchContext, benchYard } from "./bench.ts";
import { fileOf, privateJail } from "./players.ts";
import { goOn } from "./race.ts";
import { type Result, result } from "./result.ts";

/** For each of them: start, resident memory, end. */
export interface Scale {
  readonly startMs: number;
  readonly memoryMib: number;
  readonly shutdownMs: number;
}

/** Started a few at a time: a core is never without work. */
const AT_A_TIME = 8;

async function startAll(count: number, start: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += AT_A_TIME) {
    const batch = Math.min(AT_A_TIME, count - i);
    await Promise.all(Array.from({ length: batch }, (_, j) => start(i + j)));
  }
}

async function measured(
  count: number,
  start: (i: number) => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<Scale> {
  const [before, began] = [process.memoryUsage.rss(), performance.now()];
  await startAll(count, start);
  const [up, after] = [performance.now(), process.memoryUsage.rss()];
  await end();
  return {
    startMs: (up - began) / count,
    memoryMib: (after - before) / 2 ** 20 / count,
    shutdownMs: (performance.now() - up) / count,
  };
}

/** A jail with name spaces of its own, which is up once it has run a program. */
async function startJail(yard: Yard, name: string): Promise<void> {
  const jail = await privateJail(yard, name);
  const process = await jail.spawn({ module: fileOf("nothing") });
  await process.exited;
}

/** Jails of a fresh yard. */
export async function measureScale(jails: number): Promise<Scale> {
  await using stack = new AsyncDisposableStack();
  const yard = await benchYard(stack, {});
  return await measured(
    jails,
    (i) => startJail(yard, `jail${i + 1}`),
    () => yard.shutdown(),
  );
}

/** A thread that does nothing, and stays. Not a file with types, which each thread would strip: 8 MiB. */
const IDLE = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", () => {});
parentPort.postMessage("up");`;

/** Bare worker threads: the least that a jail's thread could cost. */
export async function measureThreads(count: number): Promise<Scale> {
  const workers: Worker[] = [];
  return measured(
    count,
    async () => {
      const worker = new Worker(IDLE, { eval: true });
      workers.push(worker);
      await once(worker, "message");
    },
    () => Promise.all(workers.map((worker) => worker.terminate())),
  );
}

const CHILD = `${import.meta.dirname}/scalechild.ts`;

async function sample(what: "jails" | "threads", count: number): Promise<Scale> {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, what, String(count)]);
  return JSON.parse(stdout) as Scale;
}

const IDS = {
  startMs: ["jail_start_ms", "ms"],
  memoryMib: ["jail_memory_mib", "MiB"],
  shutdownMs: ["jail_shutdown_ms", "ms"],
} as const;

const FULL = { jails: 200, samples: 5 };
const QUICK = { jails: 2, samples: 1 };

async function measure(cx: BenchContext): Promise<Result[]> {
  const { jails, samples } = cx.quick ? QUICK : FULL;
  const all: { ours: Scale; limit: Scale }[] = [];
  for (let i = 0; i < samples; i++) {
    goOn(cx.plan);
    cx.say(`${i + 1} of ${samples}`);
    all.push({ ours: await sample("jails", jails), limit: await sample("threads", jails) });
  }
  return (Object.keys(IDS) as (keyof Scale)[]).map((of) => {
    const [id, unit] = IDS[of];
    const ours = all.map((one) => one.ours[of]);
    return result(id, unit, ours, { limit: all.map((one) => one.limit[of]) });
  });
}

export const START_BENCHES: readonly Bench[] = [
  { ids: Object.values(IDS).map(([id]) => id), run: measure },
];
