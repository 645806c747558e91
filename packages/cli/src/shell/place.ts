/**
 * Where the commands of a shell run: a yard that listens, or one in this process; and the jails that
 * jexec has gone into. There a tool runs through jexec(8), jail by jail, as on FreeBSD.
 */
import type { Yard } from "@jailyard/host/yard";
import type { ToolName } from "@jailyard/tools/names";
import { runTool, type ToolOutput, type ToolRequest, type ToolResult } from "../toolrun.ts";
import { askYard } from "../yardclient.ts";

/** Runs a tool, and says what came of it. Throws Interrupted once the signal is raised. */
export type Runner = (
  request: ToolRequest,
  output: (output: ToolOutput) => void,
  signal?: AbortSignal,
) => Promise<number>;

/** Of a yard that listens in another process, or this one. */
export const distant =
  (yard: string): Runner =>
  (request, output, signal) =>
    askYard(yard, request, output, signal);

/** Of a yard of this process, without a socket between. */
export const embedded =
  (yard: Yard): Runner =>
  (request, output, signal) =>
    runTool(yard, request, output, signal);

/** A jail that the shell has gone into. */
export interface Level {
  readonly jail: string;
  readonly jid: string;
  /** -u or -U of jexec, with the user. */
  readonly options: readonly string[];
  readonly user: string;
}

/** A command of the yard: a tool, or a program by its file. */
export type Command = readonly [name: string, ...args: string[]];

/** The tool that runs `command` in the last of `levels`. */
function within(levels: readonly Level[], command: Command): Command {
  let inner = command;
  for (const { options, jid } of levels.toReversed()) inner = ["jexec", ...options, jid, ...inner];
  return inner;
}

export class Place {
  readonly yard: string;
  readonly levels: Level[] = [];
  readonly #run: Runner;

  constructor(yard: string, run: Runner) {
    this.yard = yard;
    this.#run = run;
  }

  /** `root@lab:/ # `, as FreeBSD's sh(1) has it. */
  get prompt(): string {
    const { user, jail } = this.levels.at(-1) ?? { user: "root", jail: this.yard };
    return `${user}@${jail}:/ ${user === "root" ? "#" : "$"} `;
  }

  run(
    command: Command,
    output: (output: ToolOutput) => void,
    signal?: AbortSignal,
    levels: readonly Level[] = this.levels,
  ): Promise<number> {
    const [tool, ...args] = within(levels, command);
    return this.#run({ tool: tool as ToolName, args, cwd: process.cwd() }, output, signal);
  }

  /** The same with all output at once. */
  async ask(command: Command, levels?: readonly Level[]): Promise<ToolResult> {
    const [out, err]: [string[], string[]] = [[], []];
    const take = (output: ToolOutput): void =>
      void ("line" in output ? out.push(output.line) : err.push(output.stderr));
    return { status: await this.run(command, take, undefined, levels), out, err };
  }

  /** Go into a jail. @returns the status of what prevents it, after saying so */
  async enter(
    jail: string,
    options: readonly string[],
    user: string | undefined,
    complain: (line: string) => void,
  ): Promise<number> {
    const tried = await this.ask([
      "jexec",
      ...options,
      jail,
      "sysctl",
      "-n",
      "security.jail.jailed",
    ]);
    const found = tried.status === 0 ? await this.ask(["jls", "-j", jail, "jid", "name"]) : tried;
    if (found.status !== 0) {
      for (const line of found.err) complain(line);
      return found.status;
    }
    const [jid, name] = found.out[0].split(" ");
    this.levels.push({ jail: name, jid, options, user: user ?? "root" });
    return 0;
  }

  /** Leave jails that are no more. @returns their names */
  async left(): Promise<string[]> {
    const gone: string[] = [];
    while (this.levels.length > 0) {
      const outer = this.levels.slice(0, -1);
      const { jid, jail } = this.levels.at(-1)!;
      if ((await this.ask(["jls", "-j", jid, "jid"], outer)).status === 0) break;
      this.levels.pop();
      gone.push(jail);
    }
    return gone;
  }
}
