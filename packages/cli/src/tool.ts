/**
 * `jailyard ipcs`, `jailyard jail -r web`, …: tools run in a yard that is up.
 *
 * What follows the tool's name is the tool's, to the letter, but for --yard, --in and --help: the
 * parser of jailyard's own commands, which would reorder and abbreviate, has no part in it.
 */
import type { ToolName } from "@jailyard/tools/names";
import type { Page } from "@jailyard/tools/page";
import type { Command } from "commander";
import { interrupted } from "./interrupt.ts";
import { print, printError } from "./terminal.ts";
import { helpText } from "./toolhelp.ts";
import { UsageError } from "./usage.ts";
import { askYard } from "./yardclient.ts";

interface ToolLine {
  readonly args: readonly string[];
  readonly yard?: string;
  readonly jail?: string;
  readonly help: boolean;
}

export async function pageOf(tool: ToolName): Promise<Page> {
  return ((await import(`@jailyard/tools/page/${tool}`)) as { page: Page }).page;
}

/** For the list of commands; what is typed never comes to this parser. */
export async function addTool(program: Command, tool: ToolName): Promise<void> {
  const page = await pageOf(tool);
  const command = program.command(tool).description(`${page.about}, as ${tool}(${page.section})`);
  command.helpInformation = () => helpText(page);
}

/** Carry out a tool's command line. @returns the exit status */
export async function runToolLine(tool: ToolName, words: readonly string[]): Promise<number> {
  const { args, yard, jail, help } = toolLine(tool, words);
  if (help) {
    print(helpText(await pageOf(tool)).trimEnd());
    return 0;
  }
  const request = { tool, args, cwd: process.cwd(), ...(jail === undefined ? {} : { jail }) };
  return askYard(
    yard,
    request,
    (output) => ("line" in output ? print(output.line) : printError(output.stderr)),
    interrupted,
  );
}

/** Options whose next word is their argument, of a tool that has a command among its operands. */
const VALUED: Partial<Record<ToolName, ReadonlySet<string>>> = {
  jexec: new Set(["-u", "-U"]),
  ipcns: new Set(["-c", "-e"]),
};

/** Where the words of a command in a jail begin: they are not looked at. */
function commandStart(tool: ToolName, words: readonly string[]): number {
  const valued = VALUED[tool];
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--" || words[i].startsWith("command=")) return i;
    if (valued === undefined) continue;
    if (valued.has(words[i]) || words[i] === "--yard" || words[i] === "--in") i++;
    else if (!words[i].startsWith("-")) return i;
  }
  return words.length;
}

/** @throws UsageError for an option of ours without its argument */
export function toolLine(tool: ToolName, words: readonly string[]): ToolLine {
  const end = commandStart(tool, words);
  const args: string[] = [];
  const given: { yard?: string; jail?: string } = {};
  let help = false;
  for (let i = 0; i < end; i++) {
    const [, name, attached] = /^--(yard|in)(?:=(.*))?$/s.exec(words[i]) ?? [];
    if (words[i] === "--help") help = true;
    else if (name === undefined) args.push(words[i]);
    else {
      const value = attached ?? (i + 1 < end ? words[++i] : undefined);
      if (value === undefined || value === "") throw new UsageError(`--${name} takes a name`);
      given[name === "in" ? "jail" : "yard"] = value;
    }
  }
  return { args: [...args, ...words.slice(end)], ...given, help };
}
