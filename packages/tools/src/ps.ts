/**
 * ps(1): the processes that this one may see, that is, of its own jail and of those below.
 *
 * A yard has no terminals and counts no processor time, so the columns TT and TIME are not there; in
 * their place are the jail and what a process sleeps on. All processes are shown, as with -ax. Ours
 * are the keywords `object`, the semaphore or queue that is waited for, and `undo`.
 */
import type { Process } from "@jailyard/trap/process";
import type { KinfoProc } from "@jailyard/trap/records";
import { columnLines } from "./columns.ts";
import { getopt, type Options } from "./getopt.ts";
import { jailNamed } from "./jails.ts";
import { uidOf } from "./owners.ts";
import { KEYWORDS, keywordNamed, type PsColumn } from "./pscolumns.ts";
import { tool, usage } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { complain, warnx } from "./warn.ts";

const USAGE = [
  "usage: ps [-aAcdefHhjlSuwx] [-J jails] [-o fmt] [-O fmt] [-p pids] [-U users] [--json] [pid ...]",
  "       ps -L",
];
const DEFAULT = "pid,jid,stat,wchan,command";
const FORMATS: Readonly<Record<string, string>> = {
  j: "user,pid,ppid,jid,jail,stat,wchan,command",
  l: "uid,pid,ppid,jid,stat,wchan,object,undo,command",
  u: "user,pid,jid,jail,stat,wchan,object,command",
};

type Keeps = (proc: KinfoProc) => boolean;

export default tool("ps", async (p) => {
  const parsed = getopt(dashed(p.args), "aAcdefHhjlSuwxJ:o:O:p:U:L", { json: false });
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  if (parsed.options.some(({ letter }) => letter === "L")) {
    p.print(Object.keys(KEYWORDS).join(" "));
    return 0;
  }
  const columns = columnsOf(p, parsed);
  const keeps = columns === null ? null : await filtersOf(p, parsed);
  if (columns === null || keeps === null) return 1;
  const procs = (await p.kinfo_procs()).filter((proc) => keeps.every((keep) => keep(proc)));
  if (parsed.options.some(({ letter }) => letter === "json")) {
    p.print(jsonLine({ processes: procs }));
  } else for (const line of psLines(columns, procs)) p.print(line);
  return procs.length === 0 ? 1 : 0;
});

/** `aux` is `-aux`, as it was before there were dashes. */
const dashed = (args: readonly string[]): readonly string[] =>
  /^[A-Za-z]+$/.test(args[0] ?? "") ? [`-${args[0]}`, ...args.slice(1)] : args;

const psLines = (columns: readonly PsColumn[], procs: readonly KinfoProc[]): string[] =>
  columnLines(
    columns.map(({ heading, isNumber }) => ({ heading, isNumber })),
    procs.map((proc) => columns.map(({ cell }) => cell(proc))),
  );

/** What -o, -O, -j, -l and -u ask for; null once a wrong keyword is complained of. */
function columnsOf(p: Process, { options }: Options): PsColumn[] | null {
  let names = DEFAULT;
  let isOwn = false;
  for (const { letter, argument } of options) {
    if (letter in FORMATS) names = FORMATS[letter];
    if (letter === "O") names = `pid,${argument},${DEFAULT.slice("pid,".length)}`;
    if (letter !== "o") continue;
    names = isOwn ? `${names},${argument}` : argument; // several -o add up
    isOwn = true;
  }
  const columns: PsColumn[] = [];
  for (const name of names.split(/[,\s]+/)) {
    const column = keywordNamed(name);
    if (column === undefined) {
      warnx(p, `${name}: keyword not found`);
      complain(p, `valid keywords: ${Object.keys(KEYWORDS).join(" ")}`);
      return null;
    }
    columns.push(column);
  }
  return columns;
}

const words = (text: string): string[] => text.split(/[,\s]+/).filter((word) => word !== "");

/** A process has to pass each option; null once a wrong argument is complained of. */
async function filtersOf(p: Process, { options, operands }: Options): Promise<Keeps[] | null> {
  const filters: Keeps[] = [];
  const pids = operands.length === 0 ? [] : [{ letter: "p", argument: operands.join() }];
  for (const { letter, argument } of [...options, ...pids]) {
    if (!(letter in ARGUMENTS)) continue;
    const wanted = new Set<number>();
    for (const word of words(argument)) {
      const value = await ARGUMENTS[letter].value(p, word);
      if (typeof value === "string") {
        warnx(p, value);
        return null;
      }
      wanted.add(value);
    }
    const { of } = ARGUMENTS[letter];
    filters.push((proc) => wanted.has(of(proc)));
  }
  return filters;
}

interface Argument {
  /** The number that a word means, or what is wrong with it. */
  value(p: Process, word: string): Promise<number | string>;
  of(proc: KinfoProc): number;
}

const PID_MAX = 99_999;

const ARGUMENTS: Readonly<Record<string, Argument>> = {
  p: {
    async value(_p, word) {
      if (!/^\d+$/.test(word)) return `Invalid process id: ${word}`;
      return Number(word) <= PID_MAX ? Number(word) : `process id too large: ${word}`;
    },
    of: ({ pid }) => pid,
  },
  U: { value: async (_p, word) => uidOf(word) ?? `No such user: ${word}`, of: ({ uid }) => uid },
  J: {
    async value(p, word) {
      if (word === "0") return 0;
      const jail = await jailNamed(p, word);
      return typeof jail === "string" ? jail : jail.jid;
    },
    of: ({ jid }) => jid,
  },
};
