/** `jailyard run FILE`: a user's own program, in several jails with several processes in each. */

import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { LATE_LOADS, type LateLoad } from "@jailyard/kernel/lateload";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { modelNamed } from "@jailyard/kernel/models";
import { LIMIT_SCOPES, type LimitScope } from "@jailyard/kernel/usage";
import { jailNames, privateParams } from "@jailyard/lab/scenario/inyard";
import { USUAL } from "@jailyard/lab/scenario/manner";
import {
  type Output,
  type ProgramEnd,
  type ProgramsOptions,
  type ProgramsRun,
  runPrograms,
} from "@jailyard/lab/scenario/programs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { effectiveLimits, machine, writeJson } from "./record.ts";
import { plural, print, printError } from "./terminal.ts";
import { addTraceOptions, recorderFor, type TraceOptions, writeTrace } from "./tracefiles.ts";
import { checkWritable, setting, settingOption, UsageError, whole, yardSettings } from "./usage.ts";

const JAILS_MAX = 1000;
const PROCS_MAX = 500;

interface RunOptions extends YardOptions, TraceOptions {
  readonly jails: readonly string[];
  readonly procs: number;
  readonly model: ModelName;
  readonly lateLoad: LateLoad;
  readonly limits: LimitScope;
  readonly param?: readonly string[];
  readonly set?: readonly string[];
  readonly json?: string;
}

const EXAMPLES = `
FILE is TypeScript or JavaScript and exports a program:

  import { IPC_CREAT, program } from "jailyard";
  export default program("hello", async (p) => {
    const id = await p.semget(p.ftok("/var/db/hello", 1), 2, IPC_CREAT | 0o600);
    p.print(\`semaphore set \${id}\`);
  });

Every line it prints is shown with its jail and pid. The exit status is 0 if every process exits with 0.
Options of the program itself come after --.

Examples:
  $ jailyard run ./hello.ts --jails 4 --procs 8
  $ jailyard run ./hello.ts --jails web,db -o kern.ipc.semmni=4
  $ jailyard run ./hello.ts --model flat -o security.jail.sysvipc_allowed=0
  $ jailyard run ./hello.ts --model disjoint --jails 8 --limits namespace
  $ jailyard run postgres --jails 8`;

/** A number of jails, or their names. */
function jailsArgument(text: string): string[] {
  if (/^[+-]?[\d.]+$/.test(text)) return jailNames(whole(1, JAILS_MAX)(text));
  const names = text.split(",");
  if (names.some((name) => name.trim() === "")) {
    throw new InvalidArgumentError("It takes a number, or names as web,db.");
  }
  return names;
}

/** The command `run`, which also has ready-made jobs as commands of its own. */
export function addRun(program: Command, run: (status: number) => void): Command {
  const command = program
    .command("run")
    .description("run a program, or a ready-made job, in a yard of jails")
    .argument("[file]", "module that exports a program")
    .argument("[args...]", "what the program finds in p.args")
    .option("--jails <n|names>", "how many jails, or their names", jailsArgument, jailNames(1))
    .option("--procs <n>", "processes in each jail", whole(1, PROCS_MAX), 1)
    .addOption(
      new Option("--model <model>", "virtualisation model").choices(MODELS).default(MODELS[0]),
    )
    .addOption(
      new Option("--late-load <policy>", "what jails get that were there before a module")
        .choices(LATE_LOADS)
        .default(LATE_LOADS[0]),
    )
    .addOption(
      new Option("--limits <whose>", "whose use counts against a limit")
        .choices(LIMIT_SCOPES)
        .default(LIMIT_SCOPES[0]),
    )
    .addOption(
      new Option(
        "-p, --param <name=value>",
        "parameter of every jail, as jail(8); repeatable",
      ).argParser(setting as never),
    )
    .addOption(settingOption())
    .option("--json <file>", "write ends, calls and settings to this file")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, args: string[], options: RunOptions) =>
      run(await runFile(fileOf(file), args, options)),
    );
  for (const option of command.options)
    if (option.long === "--jails") option.defaultValueDescription = "1";
  return addYardOptions(addTraceOptions(command));
}

function fileOf(file: string | undefined): string {
  if (file === undefined) {
    throw new UsageError("run what? Name a file that exports a program, or `postgres`");
  }
  if (!existsSync(file)) {
    throw new UsageError(
      `${file}: no such file; run takes a module that exports a program, or \`postgres\``,
    );
  }
  if (!statSync(file).isFile()) throw new UsageError(`${file} is not a file; name a module`);
  if (!/\.[cm]?[jt]s$/.test(file)) {
    throw new UsageError(
      `${file}: a program is a module whose name ends in .ts, .mts, .js or .mjs`,
    );
  }
  return resolve(file);
}

async function runFile(
  module: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  if (options.json !== undefined) checkWritable(options.json);
  const { jails, procs, model, lateLoad, limits: limitScope } = options;
  const yard = { model, lateLoad, limitScope, ...yardSettings(options.set) };
  const all = { module, args, jails, procs, params: paramsOf(options), yard };
  const records: object[] = [];
  const output: Output = {
    ...lineOutput,
    record: (jail, pid, record) => records.push({ jail, pid, record }),
  };
  const recorder = await recorderFor(options, options.stats ?? USUAL.stats, jails.length + 1);
  const traced = recorder && { recorder };
  const result = await listening(options, (cx) => runPrograms({ ...cx, ...traced }, all, output));
  reportRun(result, all);
  if (options.json !== undefined) writeJson(options.json, recordOf(result, all, records));
  await writeTrace(options, recorder, [], { program: module });
  return result.ends.every(({ status }) => status === 0) ? 0 : 1;
}

/** What programs say, line by line, and how they end. */
export const lineOutput: Output = {
  line: (jail, pid, text) => print(`${jail}[${pid}] ${text}`),
  record: () => {},
  crash: (jail, pid, error) => printError(`${jail}[${pid}] the program threw: ${tidied(error)}`),
  end: (end) => {
    if (!interrupted.aborted) reportEnd(end);
  },
};

/** Name spaces of its own for each jail, as the model has them, unless told otherwise. */
function paramsOf({ model, param = [] }: RunOptions): Record<string, string> {
  const given = param.map((text) => {
    const at = text.indexOf("=");
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return { ...privateParams(modelNamed(model)), ...Object.fromEntries(given) };
}

/** A stack without our frames and Node's. */
function tidied(stack: string): string {
  const ours = /node:|\/(trap|host|kernel|memory)\/(src|dist)\//;
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !ours.test(line))
    .join("\n");
}

function reportEnd({ jail, pid, status, signal, error }: ProgramEnd): void {
  if (error !== null) printError(`${jail}[${pid}] the program threw: ${tidied(error)}`);
  else if (signal !== null) printError(`${jail}[${pid}] was ended by ${signal}`);
  else if (status !== 0) printError(`${jail}[${pid}] exited with status ${status}`);
}

/** Only what needs the user's attention: failures, and objects that nobody removed. */
function reportRun({ ends, left }: ProgramsRun, { jails }: ProgramsOptions): void {
  const failed = ends.filter(({ status }) => status !== 0).length;
  if (failed > 0 && ends.length > 1)
    printError(`${failed} of ${`${ends.length} processes`} failed`);
  const { msg, shm, sem } = left;
  if (msg + shm + sem === 0) return;
  const parts = [plural(msg, "queue"), plural(shm, "segment"), plural(sem, "semaphore set")];
  const found = parts.filter((part) => !part.startsWith("0 ")).join(", ");
  printError(`left behind in ${plural(jails.length, "jail")}: ${found}`);
}

function recordOf(result: ProgramsRun, all: ProgramsOptions, records: readonly object[]): object {
  const { module, args, jails, procs, params, yard } = all;
  const { limits = {}, ...rest } = yard;
  const settings = { jails, procs, params, ...rest, limits: effectiveLimits(limits) };
  return { job: "run", ...machine(), program: module, args, settings, ...result, records };
}
