/** `jailyard replay`: recordings of real programs, in many jails at once. */

import { shippedTraces } from "@jailyard/lab/scenario/modules";
import {
  type FileReplay,
  loadRecordings,
  type ReplayProgress,
  replayAll,
} from "@jailyard/lab/scenario/replays";
import type { Command } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { machine, writeJson } from "./record.ts";
import { count, dim, green, plural, print, red, step, table, wrapped } from "./terminal.ts";
import { checkWritable, whole } from "./usage.ts";

const JAILS_MAX = 64;

interface ReplayOptions extends YardOptions {
  readonly jails: number;
  readonly json?: string;
}

const EXAMPLES = `
A FILE is JSON Lines or the raw text of \`strace -f -ttt -T\`, packed by gzip or not. Without a FILE the
recordings shipped with jailyard are replayed. Exit status 1 if anything differs without a rule of
FreeBSD that explains it, 2 for a file that is no recording.

Examples:
  $ jailyard replay --jails 8
  $ strace -f -ttt -T -e trace=ipc,process,kill -o pg.strace postgres -D data
  $ jailyard replay pg.strace --jails 2`;

export function addReplay(program: Command, run: (status: number) => void): void {
  const command = program
    .command("replay")
    .description("replay recorded System V calls in jails and compare every result")
    .argument("[file...]", "recordings; the shipped ones if left out")
    .option("--jails <n>", "jails that replay at once", whole(1, JAILS_MAX), 1)
    .option("--json <file>", "write all results to this file")
    .addHelpText("after", EXAMPLES)
    .action(async (files: string[], options: ReplayOptions) => run(await replay(files, options)));
  addYardOptions(command);
}

async function replay(files: readonly string[], options: ReplayOptions): Promise<number> {
  if (options.json !== undefined) checkWritable(options.json);
  const recordings = loadRecordings(files.length > 0 ? files : shippedTraces());
  const title = `Replaying ${plural(recordings.length, "recording")} in ${plural(options.jails, "jail")}`;
  const results = await listening(options, (cx) =>
    step(title, (say) => replayAll(cx, recordings, options.jails, (at) => say(replayProgress(at)))),
  );
  printReplays(results);
  const { jails } = options;
  if (options.json !== undefined) {
    writeJson(options.json, { job: "replay", ...machine(), settings: { jails }, replays: results });
  }
  return results.every(({ passed }) => passed) ? 0 : 1;
}

export const replayProgress = ({ name, done, total }: ReplayProgress): string =>
  `${name}: ${count(done)} of ${count(total)} calls`;

/** A table, what differed and why, and failures in full. */
export function printReplays(replays: readonly FileReplay[]): void {
  print(table(HEADS, replays.map(rowOf)));
  for (const { name, remark } of replays) {
    if (remark !== "") print(dim(`  ${name}: ${remark}`));
  }
  printExplained(replays);
  for (const replay of replays) if (!replay.passed) printFailures(replay);
  const failed = replays.filter(({ passed }) => !passed).length;
  print();
  if (failed === 0)
    print(`  ${green("Every result is as recorded, or differs by a rule of FreeBSD.")}`);
  else print(`  ${red(`${plural(failed, "recording")} differed without an explanation.`)}`);
}

const HEADS = [
  "recording",
  ">jails",
  ">events",
  ">as recorded",
  ">by a rule",
  ">unexplained",
  ">slept",
  ">seconds",
];

function rowOf(replay: FileReplay): string[] {
  const { name, jails, seconds } = replay;
  const { checked, same, failures, sleeps } = sums(replay);
  const explained = checked - same - failures;
  const numbers = [jails.length, checked, same, explained, failures, sleeps];
  return [name, ...numbers.map(count), seconds.toFixed(1)];
}

function sums({ jails }: FileReplay): Record<"checked" | "same" | "failures" | "sleeps", number> {
  const sum = { checked: 0, same: 0, failures: 0, sleeps: 0 };
  for (const { result } of jails) {
    if (result === null) continue;
    for (const field of Object.keys(sum) as (keyof typeof sum)[]) sum[field] += result[field];
  }
  return sum;
}

/** Differences by their reason, the most frequent first. */
function printExplained(replays: readonly FileReplay[]): void {
  const reasons = new Map<string, { rule: string; count: number }>();
  for (const { result } of replays.flatMap(({ jails }) => jails)) {
    for (const { rule, text, count: times } of result?.explained ?? []) {
      const known = reasons.get(text) ?? { rule, count: 0 };
      reasons.set(text, { rule, count: known.count + times });
    }
  }
  if (reasons.size === 0) return;
  print("\n  What differed, by the rule of FreeBSD that explains it:");
  const sorted = [...reasons].sort(([, a], [, b]) => b.count - a.count);
  print(
    table(
      [">times", "rule", "why"],
      sorted.map(([text, r]) => [count(r.count), r.rule, text]),
    ),
  );
}

const SHOWN = 5;

function printFailures({ name, jails }: FileReplay): void {
  for (const { jail, result, stopped } of jails) {
    if (stopped !== null) print(red(wrapped(`${name} in ${jail} stopped: ${stopped}`)));
    for (const { event, pid, call, expected, got } of (result?.unexplained ?? []).slice(0, SHOWN)) {
      const where = `${name} in ${jail}, event ${event}, process ${pid}`;
      print(red(wrapped(`${where}: ${call} was ${expected}, is ${got}`)));
    }
    const more = (result?.failures ?? 0) - SHOWN;
    if (more > 0) print(red(`  … and ${count(more)} more in ${jail}`));
  }
}
