/** What --help shows of a tool, made of its manual page. */
import { ABSENT, type Page, shellWord, YARD_OPTIONS } from "@jailyard/tools/page";
import { wrapped } from "./terminal.ts";

const WIDTH = 96;
const OPTION_WIDTH = 24;

export function helpText(page: Page): string {
  const { name, about, section, synopsis, description, options, exit, examples, see } = page;
  const parts = [
    synopsis.map((line) => synopsisText(`jailyard ${name} ${line}`)).join("\n"),
    "",
    `${name}(${section}): ${about}.`,
    "",
    ...description.flatMap((text) => [wrapped(text, "", WIDTH), ""]),
    "Options:",
    ...options.map(optionText),
    "",
    "Of every tool:",
    ...YARD_OPTIONS.map(optionText),
    "",
    wrapped(`Exit status: ${exit}; ${ABSENT}.`, "", WIDTH),
    "",
    "Examples:",
    ...examples.map(({ about: why, argv }) => exampleText(argv, why)),
    "",
    `See also: ${see.join(", ")}; docs/man has what the examples print.`,
  ];
  return `Usage:\n${parts.join("\n")}\n`;
}

/** An option and its argument stay in one line. */
const synopsisText = (line: string): string =>
  wrapped(line.replace(/(?<=\[[^\]]*) /g, "\u00a0"), "  ", WIDTH).replaceAll("\u00a0", " ");

function optionText([option, about]: readonly [string, string]): string {
  const indent = " ".repeat(OPTION_WIDTH + 2);
  const text = wrapped(about, indent, WIDTH).slice(indent.length);
  const start = `  ${option}`;
  return start.length < OPTION_WIDTH + 1
    ? start.padEnd(indent.length) + text
    : `${start}\n${indent}${text}`;
}

function exampleText(argv: readonly string[], why: string): string {
  const command = `  $ jailyard ${argv.map(shellWord).join(" ")}`;
  return why === "" ? command : `${command.padEnd(58)}  ${why}`;
}
