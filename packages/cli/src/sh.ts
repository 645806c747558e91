/** `jailyard sh`: a shell whose commands are processes of a yard, on the host or in a jail. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Yard } from "@jailyard/host/yard";
import { up } from "@jailyard/lab/scenario/up";
import { visible } from "@jailyard/tools/vis";
import type { Command } from "commander";
import { listening } from "./command.ts";
import { interrupted, interruptStatus, takeInterrupts } from "./interrupt.ts";
import { complete } from "./shell/complete.ts";
import { History } from "./shell/history.ts";
import { LineEditor } from "./shell/lineeditor.ts";
import { UNFINISHED } from "./shell/parse.ts";
import { distant, embedded, Place } from "./shell/place.ts";
import { Session } from "./shell/session.ts";
import { printError } from "./terminal.ts";
import { configOf, planOf } from "./up.ts";
import { AbsentError, settingOption, UsageError } from "./usage.ts";
import { onlyYard } from "./yardclient.ts";

interface ShOptions {
  readonly c?: string;
  readonly e?: true;
  readonly yard?: string;
  readonly in?: string;
  readonly new?: string | true;
  readonly set?: readonly string[];
}

const EXAMPLES = `
Commands are the tools: ipcs, jls, sysctl and the like, each a process of the yard. \`jexec JAIL\`
goes into a jail, where they see what the jail sees; exit or Ctrl-D comes out again. help lists them,
the tab key completes them, Ctrl-R looks for what was typed before, Ctrl-C ends the one that runs.

Lists have ; && || as in sh(1), words ' " and \\, comments #, and $? is the status of the last
command. What follows | is a command of this machine. There are no variables, jobs or redirections.

Without -c or a script, commands are read from standard input, and from a terminal with prompts. What
is typed there is kept in $XDG_STATE_HOME/jailyard/history (below ~/.local/state if that is not set),
which only its owner can read, but for lines that begin with a blank.

Examples:
  $ jailyard sh                                   the yard that runs
  $ jailyard sh -c 'ipcs; jls'
  $ jailyard sh --in web -c 'ipcmk -Q && ipcs -q'
  $ jailyard sh --new lab.yaml                    a yard of its own, gone with the shell
  $ jailyard sh --new -o kern.ipc.semmni=4 -e script.sh
  $ jailyard sh -c 'ipcs -Z | grep web'

Exit status: that of the last command: 2 for what makes no sense, 127 for what is no command; 3 if
there is no yard, or it goes down; 130 Ctrl-C.`;

export function addSh(program: Command, run: (status: number) => void): void {
  program
    .command("sh")
    .description("a shell with history and completion, on the host of a yard or in a jail")
    .argument("[script]", "a file of commands")
    .option("-c <commands>", "carry out these and leave")
    .option("-e", "leave as soon as a command fails")
    .option("--in <jail>", "begin in this jail, by name or jid")
    .option("--yard <name>", "the yard to work in, or the name of a new one")
    .option("--new [file]", "boot a yard for this shell, from a file as `jailyard up` takes it")
    .addOption(settingOption())
    .addHelpText("after", EXAMPLES)
    .action(async (script: string | undefined, options: ShOptions) =>
      run(await runSh(script, options)),
    );
}

async function runSh(script: string | undefined, options: ShOptions): Promise<number> {
  if (script !== undefined && options.c !== undefined) {
    throw new UsageError("give -c or a script, not both");
  }
  const text = options.c ?? (script === undefined ? undefined : textOf(script));
  if (options.new !== undefined) return inNewYard(text, options);
  if (options.set !== undefined) throw new UsageError("-o is for a yard that --new boots");
  const yard = options.yard ?? (await onlyYard());
  return new Shell(new Place(yard, distant(yard)), options).run(text);
}

function textOf(script: string): string {
  try {
    return readFileSync(script, "utf8");
  } catch (error) {
    throw new UsageError(`${script} cannot be read: ${(error as Error).message}`);
  }
}

/** The yard is up as long as the shell is; its programs print beside the line that is edited. */
function inNewYard(text: string | undefined, options: ShOptions): Promise<number> {
  const plan = planOf(options.new === true ? undefined : options.new);
  const config = configOf(plan, options.set === undefined ? {} : { set: options.set });
  const name = options.yard ?? plan.name ?? String(process.pid);
  let shell: Shell | null = null;
  const say = (line: string): void => (shell === null ? printError(line) : shell.say(line));
  const output: Parameters<typeof up>[3] = {
    line: (jail, pid, line) => say(`${jail}[${pid}] ${line}`),
    record() {},
    crash: (jail, pid, error) => say(`${jail}[${pid}] ${error}`),
    end: ({ jail, pid, error }) => error !== null && say(`${jail}[${pid}] ${error}`),
    isUp() {},
    console: (line) => say(visible(line)),
  };
  const work = (yard: Yard): Promise<number> => {
    shell = new Shell(new Place(name, embedded(yard)), options);
    return shell.run(text);
  };
  return listening({ logLevel: "error", yard: name }, (cx) =>
    up(cx, config, plan.jails, output, work),
  );
}

class Shell {
  readonly #place: Place;
  readonly #options: ShOptions;
  #editor: LineEditor | null = null;

  constructor(place: Place, options: ShOptions) {
    this.#place = place;
    this.#options = options;
  }

  say(line: string): void {
    if (this.#editor === null) printError(line);
    else this.#editor.say(line);
  }

  /** @returns the exit status. @throws AbsentError if the yard is gone */
  async run(text: string | undefined): Promise<number> {
    const { e = false, in: jail } = this.#options;
    if (jail !== undefined && (await this.#place.enter(jail, [], undefined, printError)) !== 0) {
      throw new AbsentError(`there is no shell in ${jail}`);
    }
    if (text === undefined && process.stdin.isTTY && process.stdout.isTTY) return this.#typed();
    const session = new Session(this.#place, { strict: e });
    const interrupt = (): void => void session.interrupt();
    interrupted.addEventListener("abort", interrupt);
    await (text === undefined ? readAll(session) : whole(session, text));
    interrupted.removeEventListener("abort", interrupt);
    return interrupted.aborted ? interruptStatus() : session.status;
  }

  /** A terminal: prompts, until `exit`. */
  async #typed(): Promise<number> {
    const history = new History();
    if (history.problem !== null) printError(`sh: no history is kept: ${history.problem}`);
    const session: Session = new Session(this.#place, {
      history: history.lines,
      lend: (work) => editor.lend(work),
    });
    const editor = new LineEditor({
      history: history.lines,
      complete: (line) => complete(this.#place, line),
      interrupt: () => session.interrupt(),
    });
    this.#editor = editor;
    takeInterrupts(() => session.interrupt());
    try {
      await dialogue(session, editor, history);
    } finally {
      takeInterrupts(null);
      this.#editor = null;
      editor.close();
    }
    return session.status;
  }
}

/** Lines as they are typed; one that is unfinished is asked for more. */
async function dialogue(session: Session, editor: LineEditor, history: History): Promise<void> {
  let before = "";
  while (!session.over) {
    const line = await editor.read(before === "" ? session.place.prompt : "> ");
    if (line === null) {
      [before, session.status] = ["", 130];
      continue;
    }
    history.add(line);
    const text = before + line;
    before = (await session.execute(text)) === UNFINISHED ? `${text}\n` : "";
  }
}

/** A script all at once. */
async function whole(session: Session, text: string): Promise<void> {
  await readLines(session, text.split("\n"));
}

/** Standard input, line by line as it comes. */
async function readAll(session: Session): Promise<void> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  await readLines(session, lines);
  lines.close();
}

async function readLines(
  session: Session,
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  let before = "";
  for await (const line of lines) {
    if (session.over || interrupted.aborted) break;
    const text = before + line;
    before = (await session.execute(text)) === UNFINISHED ? `${text}\n` : "";
  }
  if (before === "" || session.over) return;
  printError("sh: the script ends in the middle of a command");
  session.status = 2;
}
