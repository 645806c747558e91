/**
 * What a shell does with a line: its lists, its own commands, and tools, each of which is a process
 * of the yard. Of terminals it knows nothing.
 */
import { spawn } from "node:child_process";
import { Interrupted } from "@jailyard/lab/scenario/inyard";
import { argumentOf, getopt } from "@jailyard/tools/getopt";
import { isToolName, TOOLS, type ToolName } from "@jailyard/tools/names";
import { explain } from "../explain.ts";
import { print, printError } from "../terminal.ts";
import { pageOf, toolLine } from "../tool.ts";
import { helpText } from "../toolhelp.ts";
import type { ToolOutput } from "../toolrun.ts";
import { UsageError } from "../usage.ts";
import {
  expanded,
  type Pipeline,
  parse,
  ShellSyntaxError,
  type Step,
  UNFINISHED,
} from "./parse.ts";
import type { Command, Place } from "./place.ts";

/** Statuses of sh(1). */
const MISUSED = 2;
const CANNOT_RUN = 126;
const NOT_FOUND = 127;
const INTERRUPTED = 130;

export interface SessionOptions {
  /** -e: leave at the first list that fails. */
  readonly strict?: boolean;
  /** Lines typed so far, for `history`. */
  readonly history?: readonly string[];
  /** The terminal is the command's while `work` lasts. */
  readonly lend?: <T>(work: () => Promise<T>) => Promise<T>;
}

export class Session {
  readonly place: Place;
  /** `$?`. */
  status = 0;
  /** `exit` left the last shell. */
  over = false;
  readonly #options: SessionOptions;
  #running: AbortController | null = null;

  constructor(place: Place, options: SessionOptions = {}) {
    this.place = place;
    this.#options = options;
  }

  /** Ctrl-C: the command that runs, and no other. @returns whether one did */
  interrupt(): boolean {
    this.#running?.abort();
    return this.#running !== null;
  }

  /**
   * Carry out whole lines. @returns UNFINISHED if they go on
   * @throws AbsentError if the yard is gone
   */
  async execute(text: string): Promise<typeof UNFINISHED | undefined> {
    try {
      const steps = parse(text);
      if (steps === UNFINISHED) return UNFINISHED;
      this.#running = new AbortController();
      await this.#steps(steps, this.#running.signal);
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error;
      this.status = this.#misused(error.message);
    } finally {
      this.#running = null;
    }
    return undefined;
  }

  async #steps(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    for (const [i, { after, pipeline }] of steps.entries()) {
      if (after !== ";" && (after === "&&") !== (this.status === 0)) continue;
      this.status = await this.#pipeline(pipeline, signal);
      if (this.over || signal.aborted) return;
      const isTested = i + 1 < steps.length && steps[i + 1].after !== ";";
      if (this.#options.strict === true && this.status !== 0 && !isTested) {
        this.over = true;
        return;
      }
    }
  }

  async #pipeline({ words, filter }: Pipeline, signal: AbortSignal): Promise<number> {
    const command = words.map((word) => expanded(word, this.status)) as unknown as Command;
    try {
      if (filter === null) return await this.#command(command, printed, signal);
      return await this.#filtered(command, filter, signal);
    } catch (error) {
      if (error instanceof UsageError) return this.#misused(error.message);
      if (error instanceof Interrupted) return INTERRUPTED;
      throw error;
    }
  }

  /** What a command prints goes through a command of the machine, whose status counts. */
  #filtered(command: Command, filter: string, signal: AbortSignal): Promise<number> {
    const lend = this.#options.lend ?? ((work) => work());
    return lend(async () => {
      const child = spawn("/bin/sh", ["-c", filter], { stdio: ["pipe", "inherit", "inherit"] });
      const closed = new Promise<number>((resolve) => {
        child.on("error", () => resolve(CANNOT_RUN));
        child.on("close", (status, name) => resolve(status ?? (name === null ? 1 : INTERRUPTED)));
      });
      child.stdin.on("error", () => {}); // it wants no more
      const output = (one: ToolOutput): void =>
        void ("line" in one ? child.stdin.write(`${one.line}\n`) : printError(one.stderr));
      try {
        await this.#command(command, output, signal);
      } finally {
        child.stdin.end();
      }
      return closed;
    });
  }

  async #command(
    command: Command,
    output: (output: ToolOutput) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const [name, ...args] = command;
    const say = (line: string): void => output({ line });
    if (Object.hasOwn(BUILTINS, name)) return BUILTINS[name].run(this, args, say);
    if (isToolName(name)) return this.#tool(name, args, output, signal);
    if (name.includes("/")) return this.#program(command, output, signal);
    return this.#failed(NOT_FOUND, `${name}: not found`);
  }

  async #tool(
    tool: ToolName,
    words: readonly string[],
    output: (output: ToolOutput) => void,
    signal: AbortSignal,
  ): Promise<number> {
    const { args, yard, jail, help } = toolLine(tool, words);
    if (help) for (const line of await helpOf(tool)) output({ line });
    if (help) return 0;
    if (yard !== undefined && yard !== this.place.yard) {
      return this.#misused(`--yard ${yard}: this shell is in yard ${this.place.yard}`);
    }
    const entered = jail === undefined && tool === "jexec" ? entering(args) : null;
    if (entered !== null) return this.#enter(entered);
    const command: Command = jail === undefined ? [tool, ...args] : ["jexec", jail, tool, ...args];
    return this.#watched(await this.place.run(command, output, signal));
  }

  /** A file of the machine: in a jail jexec runs it; on the host nothing could. */
  async #program(
    [file, ...args]: Command,
    output: (output: ToolOutput) => void,
    signal: AbortSignal,
  ): Promise<number> {
    if (this.place.levels.length === 0) {
      return this.#failed(CANNOT_RUN, `${file}: programs run in jails: jexec JAIL ${file}`);
    }
    return this.#watched(await this.place.run([file, ...args], output, signal));
  }

  #enter({ jail, options, user }: Entering): Promise<number> {
    return this.place.enter(jail, options, user, printError);
  }

  /** After a failure: is the jail where this shell is still there? */
  async #watched(status: number): Promise<number> {
    if (status === 0) return status;
    for (const jail of await this.place.left()) printError(`sh: jail ${jail} is gone; left it`);
    return status;
  }

  #misused(text: string): number {
    return this.#failed(MISUSED, text);
  }

  #failed(status: number, text: string): number {
    printError(`sh: ${text}`);
    return status;
  }

  /** `exit`: out of the jail, or out of the shell. */
  leave(status: number): number {
    if (this.place.levels.pop() === undefined) this.over = true;
    return status;
  }

  get history(): readonly string[] {
    return this.#options.history ?? [];
  }
}

const printed = (one: ToolOutput): void =>
  "line" in one ? print(one.line) : printError(one.stderr);

interface Entering {
  readonly jail: string;
  readonly options: readonly string[];
  readonly user: string | undefined;
}

/** jexec with a jail and no command; null for any other, which is a tool's to judge. */
function entering(args: readonly string[]): Entering | null {
  const parsed = getopt(args, "lu:U:");
  if (typeof parsed === "string" || parsed.operands.length !== 1) return null;
  const user = argumentOf(parsed, "u") ?? argumentOf(parsed, "U");
  return { jail: parsed.operands[0], options: args.slice(0, -1), user };
}

interface Builtin {
  readonly synopsis: string;
  readonly about: string;
  run(
    session: Session,
    args: readonly string[],
    say: (line: string) => void,
  ): number | Promise<number>;
}

const HISTORY_SHOWN = 20;

/** Commands of the shell itself: no processes. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  help: {
    synopsis: "[command]",
    about: "what there is, or a tool's options and examples",
    run: help,
  },
  history: {
    synopsis: "",
    about: "what was typed last; Ctrl-R looks for it",
    run({ history }, _args, say) {
      const from = Math.max(0, history.length - HISTORY_SHOWN);
      for (const [i, line] of history.slice(from).entries()) say(`${from + i + 1}  ${line}`);
      return 0;
    },
  },
  explain: {
    synopsis: "[topic [call]]",
    about: "what an error, a call, a limit or a rule means",
    run: ({ place }, args, say) =>
      explain(args, (...command) => place.ask(command as unknown as Command, []), say),
  },
  echo: {
    synopsis: "[word ...]",
    about: "print words: $? is the status of the last command",
    run(_session, args, say) {
      say(args.join(" "));
      return 0;
    },
  },
  exit: {
    synopsis: "[status]",
    about: "leave the jail, or the shell; Ctrl-D does too",
    run(session, [word = String(session.status)]) {
      if (!/^\d+$/.test(word)) throw new UsageError(`exit: Illegal number: ${word}`);
      return session.leave(Number(word) & 0xff);
    },
  },
  ":": { synopsis: "", about: "", run: () => 0 },
  true: { synopsis: "", about: "", run: () => 0 },
  false: { synopsis: "", about: "", run: () => 1 },
};

const HELP_END = [
  "",
  "Lists have ; && || as in sh(1), words ' \" and \\, comments #. What follows | is a command of",
  "this machine: ipcs -Z | grep web. The tab key completes; Ctrl-R searches what was typed; Ctrl-C",
  "ends the command that runs.",
];

async function help(
  _session: Session,
  [topic]: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  if (topic !== undefined && isToolName(topic)) {
    for (const line of await helpOf(topic)) say(line);
    return 0;
  }
  if (topic !== undefined && !Object.hasOwn(BUILTINS, topic)) {
    throw new UsageError(`help: ${topic} is no command; help shows what there is`);
  }
  const own = Object.entries(BUILTINS).filter(([, { about }]) => about !== "");
  for (const [name, { synopsis, about }] of own) {
    if (topic === undefined || topic === name) say(entry(`${name} ${synopsis}`, about));
  }
  if (topic !== undefined) return 0;
  say(entry("jexec jail", "go into a jail: what follows runs there"));
  say("");
  for (const tool of TOOLS) say(entry(tool, (await pageOf(tool)).about));
  say(entry("./file.ts", "in a jail: a program of your own"));
  for (const line of HELP_END) say(line);
  return 0;
}

const entry = (name: string, about: string): string => `  ${name.padEnd(18)} ${about}`;

const helpOf = async (tool: ToolName): Promise<string[]> =>
  helpText(await pageOf(tool))
    .trimEnd()
    .replaceAll("jailyard ", "")
    .split("\n");
