/** Run benches, one after the other, and say with what: the content of bench/results.json. */
import { execFileSync } from "node:child_process";
import { machine } from "../packages/cli/src/record.ts";
import type { Bench, BenchContext, Variant } from "./bench.ts";
import type { Result } from "./result.ts";

export interface Run {
  readonly machine: Machine;
  readonly node: string;
  /** Abbreviated; `-dirty` if the working tree differs. */
  readonly commit: string;
  readonly results: readonly Result[];
}

interface Machine extends Variant {
  readonly cpus: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly arch: string;
  readonly release: string;
}

function commit(): string {
  const args = ["describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"];
  try {
    const options = { cwd: import.meta.dirname, encoding: "utf8", stdio: "pipe" } as const;
    return execFileSync("git", args, options).trim();
  } catch {
    return "unknown"; // not a checkout, or no git
  }
}

/** Those of `benches` that give one of `only`; all if it is empty. */
export function wanted(benches: readonly Bench[], only: readonly string[]): Bench[] {
  if (only.length === 0) return [...benches];
  return benches.filter(({ ids }) => ids.some((id) => only.includes(id)));
}

/** @throws what a bench throws; Interrupted */
export async function runBenches(cx: BenchContext, benches: readonly Bench[]): Promise<Run> {
  const results: Result[] = [];
  const of = commit();
  for (const [i, bench] of benches.entries()) {
    const say = (text: string): void =>
      cx.say(`${i + 1}/${benches.length} ${bench.ids[0]} ${text}`);
    say("");
    results.push(...(await bench.run({ ...cx, say })));
  }
  const { machine: host } = machine() as { machine: Omit<Machine, keyof Variant> };
  return { machine: { ...host, ...cx.variant }, node: process.version, commit: of, results };
}
