/**
 * A manual page of a tool as data: `--help`, docs/man and completion are made of it, and its
 * examples are run to show what they print.
 */
import type { ToolName } from "./names.ts";

export interface Example {
  /** What it is good for, as a clause: "what nobody uses any more". */
  readonly about: string;
  /** Arguments; they begin with the name of a tool. */
  readonly argv: readonly [ToolName, ...string[]];
}

export interface Page {
  readonly name: ToolName;
  readonly section: 1 | 8;
  /** One line, without the name. */
  readonly about: string;
  /** Arguments after the name, a line each. */
  readonly synopsis: readonly string[];
  readonly description: readonly string[];
  readonly options: readonly (readonly [option: string, about: string])[];
  readonly exit: string;
  /** Of the yard in which the examples make sense; the default one's if absent. */
  readonly model?: "disjoint";
  readonly examples: readonly Example[];
  /** `jls(8)`. */
  readonly see: readonly string[];
}

/** What every tool has when it is a subcommand of jailyard. */
export const YARD_OPTIONS: readonly (readonly [option: string, about: string])[] = [
  ["--yard NAME", "the yard to look into; the only one that runs if left out"],
  ["--in JAIL", "run it in this jail, by name or jid: it sees what the jail sees"],
  ["-v", "first of all: if it fails, say which rule and which limit refused it"],
  ["--help", "show this text"],
];

/** Status 3 of every tool. */
export const ABSENT = "3 if there is no such yard or jail, or the yard goes down meanwhile";

/** An argument as one types it for a shell. */
export const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** Every option of a page as it stands on a command line: `-q`, `--older`. */
export function optionWords({ options }: Pick<Page, "options">): string[] {
  const all = [...options, ...YARD_OPTIONS].flatMap(([option]) => option.split(", "));
  return [
    ...new Set(all.map((option) => option.split(/[ =]/)[0]).filter((w) => w.startsWith("-"))),
  ];
}
