/**
 * Many jails in one yard: what it takes to start one, the memory that it keeps, calls while all of
 * them work, and the end of all. `node bench/scale.ts [jails] [--processes n] [--json]`.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Jail } from "@jailyard/host/jail";
import { boot, type Yard } from "@jailyard/host/yard";

export interface Scale {
  readonly jails: number;
  /** In each jail, beside one that sleeps. */
  readonly processes: number;
  /** From the first call of yard.jail() until each jail has had an answer, divided by jails. */
  readonly startMs: number;
  /** Processor time of the same. */
  readonly startCpuMs: number;
  /** Growth of the resident set by a jail in which a process sleeps. */
  readonly memoryMib: number;
  /** The same without what several threads map of the same file. */
  readonly privateMib: number;
  /** Calls per second while all processes work. */
  readonly callsPerSecond: number;
  readonly shutdownMs: number;
}

const MODULE = new URL("./programs/scale.ts", import.meta.url);
/** Jails that are being started at a time. */
const AT_ONCE = 8;
const LIMITS = { "kern.ipc.semmni": 30_000, "kern.ipc.semmns": 60_000 };

/** Start `jails` jails, have `processes` in each work, end them all. */
export async function measureScale(jails: number, processes = 1, rounds = 100): Promise<Scale> {
  const yard = await boot({
    limits: LIMITS,
    log: "error",
    maxproc: 2 * jails * (processes + 1) + 100,
  });
  try {
    await startJail(yard, "first"); // whatever is made once
    const before = memory();
    const cpu = process.cpuUsage();
    const began = performance.now();
    const started = await startJails(yard, jails);
    const startMs = (performance.now() - began) / jails;
    const { user, system } = process.cpuUsage(cpu);
    const after = memory();
    const callsPerSecond = await work(started, processes, rounds);
    const ended = performance.now();
    await yard.shutdown();
    return {
      jails,
      processes,
      startMs,
      startCpuMs: (user + system) / 1000 / jails,
      memoryMib: (after.rss - before.rss) / jails,
      privateMib: (after.own - before.own) / jails,
      callsPerSecond,
      shutdownMs: performance.now() - ended,
    };
  } finally {
    await yard.shutdown();
  }
}

async function startJail(yard: Yard, name: string): Promise<Jail> {
  const jail = await yard.jail({ name, sysvsem: "new" });
  const first = await jail.spawn({ module: MODULE, arg: { rounds: 0 } });
  await once(first, "record");
  return jail;
}

async function startJails(yard: Yard, count: number): Promise<Jail[]> {
  const jails: Jail[] = [];
  let next = 0;
  const starter = async (): Promise<void> => {
    while (next < count) jails.push(await startJail(yard, `jail${next++}`));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, starter));
  return jails;
}

/** @returns calls per second of all processes together */
async function work(jails: readonly Jail[], processes: number, rounds: number): Promise<number> {
  const began = performance.now();
  const exits = jails.flatMap((jail) =>
    Array.from({ length: processes }, async () => {
      const worker = await jail.spawn({ module: MODULE, arg: { rounds } });
      return worker.exited;
    }),
  );
  for (const { status, error } of await Promise.all(exits)) {
    if (status !== 0) throw new Error(`a process ended with status ${status}`, { cause: error });
  }
  return (exits.length * rounds * 2) / ((performance.now() - began) / 1000);
}

/** In MiB. Without /proc both are the resident set. */
function memory(): { rss: number; own: number } {
  const rss = process.memoryUsage.rss() / 2 ** 20;
  try {
    const text = readFileSync("/proc/self/smaps_rollup", "utf8");
    return { rss, own: Number(/^Pss:\s+(\d+)/m.exec(text)![1]) / 1024 };
  } catch {
    return { rss, own: rss };
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { processes: { type: "string", default: "1" }, json: { type: "boolean" } },
  });
  const scale = await measureScale(Number(positionals[0] ?? 1000), Number(values.processes));
  const lines = Object.entries(scale).map(([name, n]) => `${name} ${Math.round(n * 100) / 100}`);
  process.stdout.write(`${values.json ? JSON.stringify(scale) : lines.join("\n")}\n`);
}
