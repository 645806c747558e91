/** `jailyard bench`: the benchmarks, which are part of a checkout and not of the published package. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { interrupted } from "./interrupt.ts";
import { print } from "./terminal.ts";
import { AbsentError, checkWritable, UsageError } from "./usage.ts";

const MAIN = new URL("../../../bench/main.ts", import.meta.url);

/** What bench/main.ts exports: the published package is compiled without it. */
interface Benches {
  readonly IDS: readonly string[];
  bench(options: object, print: (line: string) => void): Promise<void>;
  readme(): void;
}

interface Options {
  readonly only?: readonly string[];
  readonly quick?: boolean;
  readonly list?: boolean;
  readonly readme?: boolean;
  readonly json?: string;
  readonly placement?: string;
  readonly wake?: string;
}

const EXAMPLES = `
Every number stands beside what others take in the same run: C programs on the kernel of this machine
(if there is cc), postMessage, comlink, synckit. docs/benchmarks.md says what each id measures. A run
of all takes about ten minutes, and writes bench/results.json; one of some does not, nor one with
--quick, --placement or --wake, unless --json names a file. Exit status 3 where there are no
benchmarks: they are part of a checkout, not of the published package.

Examples:
  $ jailyard bench                                all of it
  $ jailyard bench --only semop_uncontended,gate_call
  $ jailyard bench --quick --json /tmp/try.json   does it run at all?
  $ jailyard bench --readme                       the last results into README.md`;

export function addBench(program: Command, run: (status: number) => void): void {
  program
    .command("bench")
    .description("measure calls beside what the same machine does natively")
    .option("--only <ids>", "benches that give these ids; names with commas", (ids) =>
      ids.split(","),
    )
    .option("--quick", "tiny numbers, good for nothing but to see that it runs")
    .option("--list", "show the ids and measure nothing")
    .option("--placement <where>", "where calls run (default: the yard's own)")
    .option("--wake <policy>", "who wakes sleepers how (default: the yard's own)")
    .option("--json <file>", "write the results to this file")
    .option("--readme", "write the table of README.md from bench/results.json; measures nothing")
    .addHelpText("after", EXAMPLES)
    .action(async (options: Options) => {
      await bench(options);
      run(0);
    });
}

/** @throws AbsentError, UsageError, Interrupted */
async function bench(options: Options): Promise<void> {
  if (options.json !== undefined) checkWritable(options.json);
  if (options.list === true && options.readme === true) {
    throw new UsageError("--list and --readme are two things; ask for one of them");
  }
  const { IDS, bench: measure, readme } = await benches();
  if (options.list === true) return print(IDS.join("\n"));
  if (options.readme === true) return readme();
  const { only = [], quick = false } = options;
  await measure({ ...options, only, quick, signal: interrupted }, print);
}

async function benches(): Promise<Benches> {
  // Compiled, it lies in node_modules, and MAIN is a file of whoever installed it.
  const checkout = import.meta.url.endsWith(".ts") && existsSync(MAIN);
  if (checkout) return (await import(MAIN.href)) as Benches;
  throw new AbsentError(
    "the benchmarks are not part of the published package; " +
      "run `npx -y pnpm@12 bench` in a checkout of the repository",
  );
}
