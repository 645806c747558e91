/**
 * The same mix on the machine's own kernel, for scale: bench/native/stress.c, compiled when it is
 * asked for. A workload that has no native form is left out.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { emptyHdr, quantileMs } from "./histogram.ts";
import { dealt } from "./mix.ts";
import { SettingsError, type StressSettings } from "./settings.ts";

/** What it did with one workload. Times in milliseconds. */
export interface NativeResult {
  readonly name: string;
  readonly procs: number;
  readonly seconds: number;
  readonly operations: number;
  readonly throughput: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const SOURCE = fileURLToPath(new URL("../../../../bench/native/stress.c", import.meta.url));
export const NATIVE = ["sem", "shm", "msg", "storm", "pipeline", "convoy", "churn"] as const;
/** Longer tells no more. */
const SECONDS_MAX = 10;
const run = promisify(execFile);

/** @throws SettingsError that says why the machine cannot; before a long run, not after it */
export function checkNative({ workloads, rate }: StressSettings): void {
  if (!existsSync(SOURCE)) {
    throw new SettingsError("native: the C program is part of a checkout, not of the package");
  }
  if (rate !== null)
    throw new SettingsError("native: there is no schedule for it; leave out --rate");
  if (!Object.keys(workloads).some((name) => isNative(name))) {
    throw new SettingsError(`native: none of the mix has a native form; ${NATIVE.join(", ")} have`);
  }
}

/** Why there will be no figures of this machine's kernel; null if there will be. */
export function nativeProblem(): string | null {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return null;
  } catch {
    return "there is no C compiler on this machine; install one, so that cc is found";
  }
}

const isNative = (name: string): boolean => (NATIVE as readonly string[]).includes(name);

/** All workloads of the mix at once, as in the yard. */
export async function runNative(
  settings: StressSettings,
  signal: AbortSignal | undefined,
): Promise<NativeResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "jailyard-native-"));
  try {
    const program = join(folder, "stress");
    await run("cc", ["-O2", "-o", program, SOURCE]);
    const deal = [...dealt(settings)].filter(([name]) => isNative(name));
    return await Promise.all(
      deal.map(([name, procs]) => one(program, settings, name, procs, signal)),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function one(
  program: string,
  settings: StressSettings,
  name: string,
  procs: number,
  signal: AbortSignal | undefined,
): Promise<NativeResult> {
  // It removes its objects at its end, so an interruption waits for that.
  const seconds = signal?.aborted ? 0.01 : Math.min(settings.seconds, SECONDS_MAX);
  const args = [name, settings.jails, procs, seconds].map(String);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (part) => {
    text += part;
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  if (status !== 0) throw new SettingsError(`native: ${name} ended with status ${status}`);
  const hdr = emptyHdr();
  for (const line of text.split("\n").filter(Boolean)) {
    const [nanos, count] = line.split(" ").map(Number);
    hdr.recordValueWithCount(nanos, count);
  }
  return {
    name,
    procs,
    seconds,
    operations: hdr.totalCount,
    throughput: hdr.totalCount / seconds,
    p50Ms: quantileMs(hdr, 50),
    p99Ms: quantileMs(hdr, 99),
    maxMs: hdr.maxValue / 1e6,
  };
}
