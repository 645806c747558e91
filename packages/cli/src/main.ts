/** The `jailyard` command: its subcommands, and what becomes of an error. */
import { isToolName, TOOLS, type ToolName } from "@jailyard/tools/names";
import { Command, CommanderError } from "commander";
import { interruptStatus } from "./interrupt.ts";
import { VERSION } from "./record.ts";
import { printError } from "./terminal.ts";

const STATUS_FAILED = 1;
const STATUS_USAGE = 2;

const EXAMPLES = `
Examples:
  $ jailyard run postgres                       PostgreSQL in jails: how it broke, how it works
  $ jailyard run ./my-program.ts --jails 4      a program of your own
  $ jailyard up lab.yaml                        a yard that stays, for tools in other terminals
  $ jailyard sh                                 a shell in the yard that runs
  $ jailyard stress --workload sem=3,msg=1      a mix of workloads, measured
  $ jailyard lockstat --live                    what is waited for in the yard that runs
  $ jailyard top                                the same, jails and limits, as it happens
  $ jailyard replay recording.jsonl --jails 8   recorded calls of a real program
  $ jailyard size --instances 40                limits that 40 PostgreSQL servers need
  $ jailyard lint /etc/jail.conf                what will not do what it looks like
  $ jailyard explain ENOSPC                     what an error means, and what helps
  $ jailyard ipcs -Z                            objects of the yard that runs, with their jails
  $ jailyard jexec jail1 ipcs                   the same from inside a jail

Exit status: 0 done; 1 it failed; 2 asked for what cannot be; 3 no such yard or jail;
9 a conformance case failed; 130 interrupted.`;

type Report = (status: number) => void;

const toolAdder =
  (tool: ToolName) =>
  async (program: Command): Promise<void> =>
    (await import("./tool.ts")).addTool(program, tool);

/** Each command adds itself; only what the command line needs is loaded. */
const COMMANDS: Readonly<Record<string, (program: Command, run: Report) => Promise<void>>> = {
  async run(program, run) {
    const { addRun } = await import("./runfile.ts");
    const { addRunPostgres } = await import("./runpostgres.ts");
    addRunPostgres(addRun(program, run), run);
  },
  async up(program, run) {
    (await import("./up.ts")).addUp(program, run);
  },
  async sh(program, run) {
    (await import("./sh.ts")).addSh(program, run);
  },
  async stress(program, run) {
    (await import("./stress.ts")).addStress(program, run);
  },
  async workloads(program, run) {
    (await import("./workloads.ts")).addWorkloads(program, run);
  },
  async compare(program, run) {
    (await import("./compare.ts")).addCompare(program, run);
  },
  async "compare-models"(program, run) {
    (await import("./comparemodels.ts")).addCompareModels(program, run);
  },
  async lockstat(program, run) {
    (await import("./lockstat.ts")).addLockstat(program, run);
  },
  async top(program, run) {
    (await import("./top.ts")).addTop(program, run);
  },
  async replay(program, run) {
    (await import("./replay.ts")).addReplay(program, run);
  },
  async size(program, run) {
    (await import("./size.ts")).addSize(program, run);
  },
  async explain(program, run) {
    (await import("./explain.ts")).addExplain(program, run);
  },
  async lint(program, run) {
    (await import("./lint.ts")).addLint(program, run);
  },
  async conform(program, run) {
    (await import("./conform.ts")).addConform(program, run);
  },
  async bench(program, run) {
    (await import("./bench.ts")).addBench(program, run);
  },
  async completion(program, run) {
    (await import("./completion.ts")).addCompletion(program, run, () =>
      commandLine(undefined, () => {}),
    );
  },
  ...Object.fromEntries(TOOLS.map((tool) => [tool, toolAdder(tool)])),
};

/** All of them, but where the first word says which. */
function needed(wanted = ""): (typeof COMMANDS)[string][] {
  if (wanted === "--version") return [];
  return Object.hasOwn(COMMANDS, wanted) ? [COMMANDS[wanted]] : Object.values(COMMANDS);
}

async function commandLine(wanted: string | undefined, run: Report): Promise<Command> {
  const program = new Command("jailyard")
    .description("Emulates FreeBSD jails and System V IPC in threads.")
    .version(VERSION, "--version", "show the version")
    .helpOption("-h, --help", "show this text")
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText("after", EXAMPLES);
  for (const add of needed(wanted)) await add(program, run);
  return program;
}

/** Carry out a command line. @returns the exit status */
export async function main(args: readonly string[]): Promise<number> {
  const [first = "", ...rest] = args;
  let status = 0;
  try {
    if (isToolName(first)) return await (await import("./tool.ts")).runToolLine(first, rest);
    const program = await commandLine(first, (result) => {
      status = result;
    });
    await program.parseAsync(args, { from: "user" });
    return status;
  } catch (error) {
    return failed(error);
  }
}

/** Exit statuses of errors that are no defects, by name: their classes are not all loaded. */
const STATUS: Readonly<Record<string, number>> = {
  UsageError: 2,
  RecordingError: 2,
  CorpusError: 2,
  AbsentError: 3,
  SettingsError: 2,
  ScenarioError: 1,
  StressError: 1,
  WriteError: 1,
  YardError: 1,
};

function failed(error: unknown): number {
  if (error instanceof CommanderError) return refused(error);
  const { name, message, stack } = error as Error;
  if (name === "Interrupted") return interruptStatus();
  const status = STATUS[name];
  const what = status === undefined ? `a defect of jailyard's: ${stack}` : message;
  printError(`jailyard: ${what}`);
  return status ?? STATUS_FAILED;
}

/** What the parser of the command line says, in one line; help and version are no failures. */
function refused({ code, message, exitCode }: CommanderError): number {
  if (exitCode === 0) return 0;
  if (code === "commander.help") return STATUS_USAGE;
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  printError(`jailyard: ${text.replace(/\.$/, "")} (--help shows what there is)`);
  return STATUS_USAGE;
}
