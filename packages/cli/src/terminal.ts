/** What people see: lines, tables, and progress where there is a terminal. */
import { styleText } from "node:util";
import Table from "cli-table3";

type Style = Parameters<typeof styleText>[0];

/** Colour and weight on a terminal, unless NO_COLOR asks for none. */
function style(how: Style, text: string): string {
  return styleText(how, text, { stream: process.stdout, validateStream: true });
}

export const bold = (text: string): string => style("bold", text);
export const dim = (text: string): string => style("dim", text);
export const red = (text: string): string => style("red", text);
export const green = (text: string): string => style("green", text);

export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

const BARE = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
};

/** Columns without borders. Those whose heading begins with `>` are aligned at the right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const colAligns = heads.map((head) => (head.startsWith(">") ? "right" : "left") as "left");
  const out = new Table({
    head: heads.map((head) => bold(head.replace(/^>/, ""))),
    chars: BARE,
    colAligns,
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
  });
  for (const row of rows) out.push(row.map(String));
  return out
    .toString()
    .split("\n")
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}

/** `22,198`. */
export const count = (value: number): string => value.toLocaleString("en-US");
/** `1 jail`, `8 jails`. */
export const plural = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Paragraphs in lines of at most `width`, with blanks before each. */
export function wrapped(text: string, indent = "  ", width = 96): string {
  return text
    .split("\n")
    .map((paragraph) => wrappedLine(paragraph, indent, width))
    .join("\n");
}

function wrappedLine(text: string, indent: string, width: number): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length + word.length > width && line.trim() !== "") {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join("\n");
}

/**
 * One piece of work with a title. On a terminal a line shows how far it is; elsewhere the title is
 * printed and nothing moves.
 */
export async function step<T>(
  title: string,
  work: (say: (text: string) => void) => Promise<T>,
): Promise<T> {
  if (process.stdout.isTTY !== true) {
    print(title);
    return work(() => {});
  }
  const { Listr } = await import("listr2");
  let result: T | undefined;
  const task = {
    title,
    task: async (_: unknown, shown: { output: string }): Promise<void> => {
      result = await work((text) => {
        shown.output = text;
      });
    },
  };
  await new Listr([task], { registerSignalListeners: false }).run();
  return result as T;
}
