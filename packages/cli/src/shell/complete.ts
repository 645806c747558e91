/** What the tab key offers: commands, options, and what the yard has of jails, ids, names, pids. */
import { SIGNALS } from "@jailyard/abi/signal";
import { TOPICS } from "@jailyard/lab/explain/topic";
import { isToolName, TOOLS, type ToolName } from "@jailyard/tools/names";
import { optionWords, type Page } from "@jailyard/tools/page";
import { pageOf } from "../tool.ts";
import { wordsBefore } from "./parse.ts";
import type { Command, Place } from "./place.ts";
import { BUILTINS } from "./session.ts";

/** Words that a line of output each has. */
type Source = (ask: (...command: Command) => Promise<string[]>) => Promise<string[]> | string[];

const lines =
  (...command: Command): Source =>
  (ask) =>
    ask(...command);

const listed =
  (letter: string, column: "id" | "key"): Source =>
  async (ask) =>
    (await ask("ipcs", `-${letter}`, "--output", column)).slice(1).map((text) => text.trim());

const jails = lines("jls", "name");
const sysctls = lines("sysctl", "-aN");
const pids: Source = async (ask) => (await ask("ps", "-o", "pid")).slice(1).map((t) => t.trim());
const signals: Source = () => Object.keys(SIGNALS).map((name) => name.slice(3));
const modules: Source = () => ["sysvmsg", "sysvsem", "sysvshm"];
const users: Source = () => ["root", "postgres"];
const spaces: Source = async (ask) =>
  (JSON.parse((await ask("ipcns", "--json")).join("") || "[]") as { name: string }[]).map(
    ({ name }) => name,
  );
const params: Source = () =>
  ["name=", "path=", "host.hostname=", "persist", "children.max=", "allow.sysvipc"].concat(
    ["sysvmsg=", "sysvsem=", "sysvshm="].flatMap((p) =>
      ["new", "inherit", "disable"].map((v) => p + v),
    ),
  );
const topics: Source = () => Object.values(TOPICS).flat();

/** Arguments of options, by what the manual page calls them. */
const ARGUMENTS: Readonly<Record<string, Source>> = {
  JAIL: jails,
  JAILS: jails,
  USER: users,
  USERS: users,
  PIDS: pids,
  SIGNAL: signals,
  MSQID: listed("q", "id"),
  SHMID: listed("m", "id"),
  SEMID: listed("s", "id"),
  MODULE: modules,
};

const OPERANDS: Readonly<Partial<Record<string, Source>>> = {
  jail: async (ask) => [...(await jails(ask)), ...(await params(ask))],
  kill: pids,
  sysctl: sysctls,
  kldload: modules,
  kldunload: modules,
  rctl: async (ask) => (await jails(ask)).map((name) => `jail:${name}:`),
  help: () => [...TOOLS, ...Object.keys(BUILTINS)],
  explain: topics,
};

/** What may follow `line`, and the word of it that is being typed. */
export async function complete(
  place: Place,
  line: string,
): Promise<readonly [matches: readonly string[], current: string]> {
  const current = /[^\s;&|'"]*$/.exec(line)![0];
  const words = wordsBefore(line.slice(0, line.length - current.length));
  const ask: Ask = async (...command) => [...(await place.ask(command)).out];
  const all = words === null ? [] : await candidates(words, current, ask);
  const matches = all.filter((word) => word.startsWith(current));
  return [
    matches.length === 1 && !/[=:]$/.test(matches[0]) ? [`${matches[0]} `] : matches,
    current,
  ];
}

type Ask = (...command: Command) => Promise<string[]>;

async function candidates(words: readonly string[], current: string, ask: Ask): Promise<string[]> {
  const [name, ...args] = words;
  if (name === undefined) return [...TOOLS, ...Object.keys(BUILTINS)].filter((n) => n !== ":");
  if (!isToolName(name)) return (await OPERANDS[name]?.(ask)) ?? [];
  const page = await pageOf(name);
  const wanted = args.length === 0 ? null : argumentOf(page, args.at(-1)!);
  if (wanted !== null) return (await sourceOf(name, args.at(-1)!, wanted)?.(ask)) ?? [];
  if (name === "jexec") {
    const jail = args.findIndex((arg, i) => !arg.startsWith("-") && !/^-[uU]$/.test(args[i - 1]));
    if (jail === -1) return current.startsWith("-") ? options(page) : jails(ask);
    const inside: Ask = (...command) => ask("jexec", args[jail], ...command);
    const inner = await candidates(args.slice(jail + 1), current, inside);
    return inner.filter((word) => !Object.hasOwn(BUILTINS, word));
  }
  if (current.startsWith("-")) return options(page);
  return (await OPERANDS[name]?.(ask)) ?? [];
}

const options = (page: Page): string[] => optionWords(page).filter((word) => word !== "--yard");

/** What the page calls the argument that this option wants next; null: none. */
function argumentOf({ options: all }: Page, word: string): string | null {
  if (word === "--in") return "JAIL";
  for (const [text] of all) {
    for (const one of text.split(", ")) {
      const [option, argument] = one.split(" ");
      if (option === word && argument !== undefined) return argument;
    }
  }
  return null;
}

function sourceOf(tool: ToolName, option: string, argument: string): Source | undefined {
  if (argument === "KEY" && tool === "ipcrm") return listed(option[1].toLowerCase(), "key");
  if (argument === "NAME" && tool === "ipcns") return spaces;
  return ARGUMENTS[argument];
}
