/** `jailyard conform`: cases of calls and what has to come of them, played on a placement. */

import { KernelTarget } from "@jailyard/lab/conform/kerneltarget";
import { loadCases } from "@jailyard/lab/conform/load";
import { resultsJson, resultsText } from "@jailyard/lab/conform/report";
import { runCases } from "@jailyard/lab/conform/runner";
import type { ConformTarget } from "@jailyard/lab/conform/target";
import { type Command, Option } from "commander";
import { print, printError } from "./terminal.ts";

const PLACEMENTS = ["kernel"] as const;
type Placement = (typeof PLACEMENTS)[number];
/** Some case was not answered as it has to be. */
const STATUS_FAILED = 9;

interface ConformOptions {
  readonly placement: Placement;
  readonly json?: boolean;
}

const EXAMPLES = `
A FILE has one case a line, in JSON; test/data/conformance has the format and 4,500 cases. Exit
status 9 if any case fails, 2 for a file that is not valid.

Examples:
  $ jailyard conform test/data/conformance/*.jsonl
  $ jailyard conform my-cases.jsonl --placement central
  $ jailyard conform my-cases.jsonl --json`;

export function addConform(program: Command, run: (status: number) => void): void {
  program
    .command("conform")
    .description("play conformance cases and compare every answer")
    .argument("<file...>", "files of cases, JSON Lines")
    .addOption(
      new Option("--placement <where>", "functions in one thread, or real threads through the gate")
        .choices(PLACEMENTS)
        .default(PLACEMENTS[0]),
    )
    .option("--json", "results as one JSON object on stdout; the summary goes to stderr")
    .addHelpText("after", EXAMPLES)
    .action(async (files: string[], options: ConformOptions) => run(await conform(files, options)));
}

const TARGETS: Readonly<Record<Placement, () => ConformTarget>> = {
  kernel: () => new KernelTarget(),
};

async function conform(files: readonly string[], options: ConformOptions): Promise<number> {
  const cases = loadCases(files);
  const results = await runCases(TARGETS[options.placement](), cases);
  const text = resultsText(results);
  if (options.json === true) {
    print(JSON.stringify(resultsJson(results), null, 2));
    printError(text.slice(text.lastIndexOf("\n") + 1));
  } else print(text);
  return results.failures.length === 0 ? 0 : STATUS_FAILED;
}
