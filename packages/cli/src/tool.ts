/** `jailyard ipcs` and `jailyard jls`: FreeBSD's tools, run in a yard that is up. */
import type { Command } from "commander";
import { print, printError } from "./terminal.ts";
import { askYard } from "./yardclient.ts";
import type { ToolName } from "./yardserver.ts";

interface ToolOptions {
  readonly yard?: string;
  readonly in?: string;
}

const ABOUT: Readonly<Record<ToolName, string>> = {
  ipcs: "list System V objects or limits, as ipcs(1) of FreeBSD",
  jls: "list jails, as jls(8) of FreeBSD",
};

const EXAMPLES: Readonly<Record<ToolName, string>> = {
  ipcs: `
All options of FreeBSD's ipcs -abcmopqstyMQST -u USER; ours are -Z, the jail and the true key of each
object as the host knows them, and --json. Exit status 3 if there is no such yard or jail.

Examples:
  $ jailyard ipcs                 every object, as the host sees it
  $ jailyard ipcs -Z              with the jail that each belongs to
  $ jailyard ipcs -ma --in jail1  segments, all columns, as jail1 sees them
  $ jailyard ipcs -T              limits`,
  jls: `
All options of FreeBSD's jls -acdhNnqsv -j JAIL, names of parameters, and --json. Exit status 3 if
there is no such yard or jail.

Examples:
  $ jailyard jls
  $ jailyard jls jid name sysvmsg sysvsem sysvshm
  $ jailyard jls -n -j jail1`,
};

export function addTool(program: Command, tool: ToolName, run: (status: number) => void): void {
  program
    .command(tool)
    .description(ABOUT[tool])
    .argument("[args...]", `options of ${tool}`)
    .option("--yard <name>", "the yard to look into; the only one that runs if left out")
    .option("-J, --in <jail>", "run it in this jail, which sees its own only; name or jid")
    .helpOption("--help", "show this text")
    .allowUnknownOption()
    .addHelpText("after", EXAMPLES[tool])
    .action(async (args: string[], options: ToolOptions) => run(await ask(tool, args, options)));
}

function ask(tool: ToolName, args: string[], options: ToolOptions): Promise<number> {
  const request = { tool, args, ...(options.in === undefined ? {} : { jail: options.in }) };
  return askYard(options.yard, request, (answer) => {
    if ("line" in answer) print(answer.line);
    else if ("stderr" in answer) printError(answer.stderr);
  });
}
