/** The `jailyard` command: its subcommands, and what becomes of an error. */
import { YardError } from "@jailyard/host/yard";
import { CorpusError } from "@jailyard/lab/conform/load";
import { Interrupted } from "@jailyard/lab/scenario/inyard";
import { RecordingError } from "@jailyard/workload/replay/recording";
import { Command, CommanderError } from "commander";
import { addConform } from "./conform.ts";
import { catchSignals, interruptStatus } from "./interrupt.ts";
import { VERSION } from "./record.ts";
import { addReplay } from "./replay.ts";
import { addRun } from "./runfile.ts";
import { addRunPostgres } from "./runpostgres.ts";
import { printError } from "./terminal.ts";
import { addTool } from "./tool.ts";
import { AbsentError, UsageError } from "./usage.ts";

const STATUS_FAILED = 1;
const STATUS_USAGE = 2;
const STATUS_ABSENT = 3;

const EXAMPLES = `
Examples:
  $ jailyard run postgres                       PostgreSQL in jails: how it broke, how it works
  $ jailyard run ./my-program.ts --jails 4      a program of your own
  $ jailyard replay recording.jsonl --jails 8   recorded calls of a real program
  $ jailyard ipcs -Z                            objects of the yard that runs, with their jails

Exit status: 0 done; 1 it failed; 2 asked for what cannot be; 3 no such yard or jail;
9 a conformance case failed; 130 interrupted.`;

function commands(run: (status: number) => void): Command {
  const program = new Command("jailyard")
    .description("Emulates FreeBSD jails and System V IPC in threads.")
    .version(VERSION, "--version", "show the version")
    .helpOption("-h, --help", "show this text")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText("after", EXAMPLES);
  addRunPostgres(addRun(program, run), run);
  addReplay(program, run);
  addConform(program, run);
  addTool(program, "ipcs", run);
  addTool(program, "jls", run);
  return program;
}

/** Carry out a command line. @returns the exit status */
export async function main(args: readonly string[]): Promise<number> {
  catchSignals();
  let status = 0;
  const program = commands((result) => {
    status = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): number {
  if (error instanceof Interrupted) return interruptStatus();
  if (error instanceof CommanderError) return refused(error);
  const { message, stack } = error as Error;
  const status = statusOf(error);
  printError(`jailyard: ${status === null ? `a defect of jailyard's: ${stack}` : message}`);
  return status ?? STATUS_FAILED;
}

/** null for what should not happen. */
function statusOf(error: unknown): number | null {
  const isUsage = [UsageError, RecordingError, CorpusError].some((kind) => error instanceof kind);
  if (isUsage) return STATUS_USAGE;
  if (error instanceof AbsentError) return STATUS_ABSENT;
  return error instanceof YardError ? STATUS_FAILED : null;
}

/** What the parser of the command line says, in one line; help and version are no failures. */
function refused({ code, message, exitCode }: CommanderError): number {
  if (exitCode === 0) return 0;
  if (code === "commander.help") return STATUS_USAGE;
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  printError(`jailyard: ${text.replace(/\.$/, "")} (--help shows what there is)`);
  return STATUS_USAGE;
}
