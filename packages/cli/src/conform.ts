/** `jailyard conform`: cases of calls and what has to come of them, played on a placement. */

import { setImmediate } from "node:timers/promises";
import type { LoadedCase } from "@jailyard/lab/conform/case";
import { centralTarget } from "@jailyard/lab/conform/centraltarget";
import { KernelTarget } from "@jailyard/lab/conform/kerneltarget";
import { loadCases } from "@jailyard/lab/conform/load";
import { resultsJson, resultsText } from "@jailyard/lab/conform/report";
import { type ConformResults, runCases } from "@jailyard/lab/conform/runner";
import type { ConformTarget } from "@jailyard/lab/conform/target";
import { Interrupted } from "@jailyard/lab/scenario/inyard";
import { type Command, Option } from "commander";
import { interrupted } from "./interrupt.ts";
import { count, print, printError, step } from "./terminal.ts";

const PLACEMENTS = ["kernel", "central", "direct"] as const;
type Placement = (typeof PLACEMENTS)[number];
/** Some case was not answered as it has to be. */
const STATUS_FAILED = 9;

interface ConformOptions {
  readonly placement: Placement;
  readonly json?: boolean;
}

const EXAMPLES = `
A FILE has one case a line, in JSON; test/data/conformance has the format and many cases. Exit
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

type Target = ConformTarget & { close?(): Promise<void> };
const TARGETS: Readonly<Record<Placement, () => Target>> = {
  kernel: () => new KernelTarget(),
  central: () => centralTarget(),
  direct: () => centralTarget({ placement: "direct" }),
};

async function conform(files: readonly string[], options: ConformOptions): Promise<number> {
  const cases = loadCases(files);
  const results = await played(cases, options);
  const text = resultsText(results);
  if (options.json === true) {
    print(JSON.stringify(resultsJson(results), null, 2));
    printError(text.slice(text.lastIndexOf("\n") + 1));
  } else print(text);
  return results.failures.length === 0 ? 0 : STATUS_FAILED;
}

/** On a terminal it shows how far it is. */
async function played(
  cases: readonly LoadedCase[],
  { placement, json }: ConformOptions,
): Promise<ConformResults> {
  const target = TARGETS[placement]();
  try {
    if (json === true || process.stdout.isTTY !== true) return await playAll(target, cases);
    const title = `${count(cases.length)} cases, placement ${placement}`;
    return await step(title, (say) => playAll(target, cases, say));
  } finally {
    await target.close?.();
  }
}

const CHUNK = 20;

/** In chunks, between which Ctrl-C is heard: cases on a Kernel value never wait for anything. */
async function playAll(
  target: Target,
  cases: readonly LoadedCase[],
  say: (text: string) => void = () => {},
): Promise<ConformResults> {
  const all: ConformResults = { placement: target.placement, passed: 0, failures: [], skips: [] };
  for (let at = 0; at < cases.length; at += CHUNK) {
    await setImmediate();
    if (interrupted.aborted) throw new Interrupted();
    const { passed, failures, skips } = await runCases(target, cases.slice(at, at + CHUNK));
    all.passed += passed;
    all.failures.push(...failures);
    all.skips.push(...skips);
    say(`${count(at)} played, ${count(all.failures.length)} failed`);
  }
  return all;
}
