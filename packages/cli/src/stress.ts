/** `jailyard stress`: a mix of workloads in jails, measured, with thresholds that can fail it. */

import { resolve } from "node:path";
import { USUAL } from "@jailyard/lab/scenario/manner";
import { dealt } from "@jailyard/lab/stress/mix";
import { checkNative, nativeProblem, runNative } from "@jailyard/lab/stress/native";
import type { RunFile } from "@jailyard/lab/stress/runfile";
import { readScenario, type Scenario } from "@jailyard/lab/stress/scenario";
import { completed, type StressSettings } from "@jailyard/lab/stress/settings";
import { stress, withNative } from "@jailyard/lab/stress/stress";
import type { Recorder } from "@jailyard/lab/trace/recorder";
import { type Command, type CommanderError, Option } from "commander";
import { addNameOptions, listening, type YardOptions } from "./command.ts";
import { interrupted, interruptStatus } from "./interrupt.ts";
import { machine } from "./record.ts";
import { writeWhole } from "./safewrite.ts";
import { addStressOptions, given, type StressOptions } from "./stressoptions.ts";
import { printRun, stressProgress } from "./stresstext.ts";
import { printError, step } from "./terminal.ts";
import { addTraceOptions, recorderFor, type TraceOptions, writeTrace } from "./tracefiles.ts";
import { checkWritable } from "./usage.ts";

/** As stress-ng: wrong options are 1, for 2 is a stressor that failed. */
class StressError extends Error {
  override readonly name = "StressError";
}

const EXAMPLES = `
The mix: each workload gets its share of the processes of every jail by weight. \`jailyard workloads\`
shows them. --rate gives every process a schedule; latency then counts from when an operation was due,
and how late operations began is reported.

--fail ends with status 8 if a condition holds: p50, p90, p95, p99, p99.9, max, mean, count of
(latency), (wait), (lag), (service); operations, throughput, errors, unexpected, missed, wrong,
unfairness; of one workload as p99(sem.wait), errors(sem); + - * / < <= > >= == != && || ( ).

--scenario takes a YAML file with the names of the options as keys, and as workloads:
  workloads: { sem: 3, convoy: { weight: 1, hold: 200 } }
What is on the command line comes before what is in the file.

Exit status, as stress-ng(1) has them: 0 done; 1 wrong options, or a yard or file that cannot be had;
2 a workload failed: a check of its own, or an error that does not belong to it; 3 no resources to
start one; 4 not used; 5 a process was killed or threw; 6 a process exited as it should not; 7 numbers
are missing; 8 a condition of --fail holds; 130 interrupted, with a partial result where asked for.

Examples:
  $ jailyard stress --workload sem=3,msg=1 --jails 8 --seconds 20
  $ jailyard stress --workload convoy --shared --model flat --with convoy.hold=500 --json convoy.json
  $ jailyard stress --workload postgres --jails 16 --seconds 20 --report postgres.html
  $ jailyard stress --workload noisy --jails 4 --fail 'p99(wait)>5ms' --repeat 5
  $ jailyard stress --workload pipeline --rate 2000 --fail 'p99(lag) > 1ms || missed > 0'
  $ jailyard stress --workload convoy --seconds 2 --trace convoy.json --flame convoy.folded
  $ jailyard stress --scenario friday.yaml --seed 7`;

export function addStress(program: Command, run: (status: number) => void): void {
  const command = program
    .command("stress")
    .description("run a mix of workloads in jails and measure it")
    .addHelpText("after", EXAMPLES)
    .exitOverride((error: CommanderError) => {
      if (error.exitCode === 0) throw error;
      const text = error.message
        .replace(/^error: /, "")
        .replaceAll("\n", " ")
        .replace(/\.$/, "");
      throw new StressError(`${text} (--help shows what there is)`);
    })
    .action(async (options: Options) => run(await refusing(options)));
  addTraceOptions(addStressOptions(command));
  command.addOption(new Option("--native", "run the same on this machine's own kernel too"));
  addNameOptions(command);
}

/** What is wrong with the options is status 1 here. */
async function refusing(options: Options): Promise<number> {
  try {
    return await runStress(options);
  } catch (error) {
    const { name, message } = error as Error;
    if (name === "Interrupted") {
      printError("interrupted before anything was measured; no file is written");
      return interruptStatus();
    }
    if (name === "UsageError" || name === "SettingsError") throw new StressError(message);
    throw error;
  }
}

type Options = StressOptions & TraceOptions & YardOptions;

interface Files {
  readonly json: string | null;
  readonly report: string | null;
}

async function runStress(options: Options): Promise<number> {
  const scenario = options.scenario === undefined ? null : readScenario(options.scenario);
  const settings = completed({
    ...scenario?.settings,
    ...given(options, scenario?.settings ?? {}),
  });
  dealt(settings); // too few processes are told of before anything starts
  const files: Files = {
    json: options.json ?? scenario?.json ?? null,
    report: options.report ?? scenario?.report ?? null,
  };
  if (files.json !== null) checkWritable(files.json);
  if (files.report !== null) checkWritable(files.report, undefined, "--report");
  if (settings.native) checkNative(settings);
  const traced = tracedFiles(options, scenario ?? {}, settings);
  const { trace = null, flame = null } = traced;
  apart({ json: files.json, report: files.report, trace, flame });
  const { stats = USUAL.stats, jails } = settings;
  const recorder = await recorderFor(traced, stats, jails + 1);
  const { reportHtml } = await import("@jailyard/lab/report/html");
  const run = await measured(options, settings, recorder);
  printRun(run);
  await write(run, files, reportHtml);
  await writeTrace(traced, recorder, run.repetitions[0].events, { settings });
  return interrupted.aborted ? interruptStatus() : run.verdict.status;
}

/** @throws StressError if two results are to go to the same file */
function apart(files: Readonly<Record<string, string | null>>): void {
  const seen = new Map<string, string>();
  for (const [option, file] of Object.entries(files)) {
    if (file === null) continue;
    const other = seen.get(resolve(file));
    if (other !== undefined)
      throw new StressError(`--${other} and --${option} are both ${file}; name two files`);
    seen.set(resolve(file), option);
  }
}

/** A trace is of one yard. @throws StressError */
function tracedFiles(
  options: Options,
  { trace, flame }: Pick<Scenario, "trace" | "flame">,
  { repeat }: StressSettings,
): TraceOptions {
  const files = { ...(trace && { trace }), ...(flame && { flame }), ...options };
  const option = files.trace !== undefined ? "--trace" : "--flame";
  if (repeat > 1 && (files.trace ?? files.flame) !== undefined)
    throw new StressError(`${option} tells of one run, and --repeat ${repeat} asks for more`);
  return files;
}

async function measured(
  options: YardOptions,
  settings: StressSettings,
  recorder: Recorder | undefined,
): Promise<RunFile> {
  const around = machine() as Pick<RunFile, "date" | "machine" | "versions">;
  const run = await listening(options, (cx) =>
    stressProgress(settings, (progress) =>
      stress({ ...cx, ...(recorder && { recorder }) }, settings, around, progress),
    ),
  );
  if (!settings.native || interrupted.aborted) return run;
  const nativeMissing = nativeProblem();
  if (nativeMissing !== null) return { ...run, nativeMissing };
  const native = await step("The same on this machine's own kernel", () =>
    runNative(settings, interrupted),
  );
  return withNative(run, native);
}

async function write(
  run: RunFile,
  { json, report }: Files,
  page: (run: RunFile) => Promise<string>,
): Promise<void> {
  if (json !== null) {
    writeWhole(json, `${JSON.stringify(run)}\n`);
    printError(`${what(run)} in ${json}`);
  }
  if (report !== null) {
    writeWhole(report, await page(run));
    printError(`${run.partial === null ? "the report is" : "a partial report is"} in ${report}`);
  }
}

const what = ({ partial }: RunFile): string =>
  partial === null ? "the result is" : `a partial result (${partial}) is`;
