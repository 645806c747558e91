/**
 * ipcs(1) of FreeBSD: the System V objects that this process may see, or the limits. [TOOL-1] to
 * [TOOL-15]
 *
 * Ours are -Z, for the host: the objects of all name spaces, with the jail of each, its true key and,
 * under a model that has such names, its name space; -j, the objects of one jail; --json; --output,
 * columns of one's choice; --usage, what is used of the limits; --waits, who waits for what and who
 * probably holds it; and --history, what was removed, and by whom.
 */
import { EINVAL, ENOENT } from "@jailyard/abi/errno";
import { SysError } from "@jailyard/abi/syserror";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { ListRow } from "@jailyard/trap/records";
import { ORDER, rowsOf as rowsIn } from "./facility.ts";
import { argumentOf, getopt } from "./getopt.ts";
import {
  COLUMN_OPTIONS,
  type ColumnOption,
  jailOf,
  keyOf,
  type Layout,
  listLines,
  permOf,
  spaceOf,
} from "./ipcscolumns.ts";
import { historyLines, historyOf } from "./ipcshistory.ts";
import { LIMIT_ROWS, type LimitValues, limitLines } from "./ipcslimits.ts";
import { outputLines, unknownColumn } from "./ipcsoutput.ts";
import { usageOf, usageTable } from "./ipcsusage.ts";
import { waitsLines, waitsOf } from "./ipcswaits.ts";
import { type JailFilter, jailFilter } from "./jails.ts";
import { uidOf } from "./owners.ts";
import { tool } from "./tool.ts";
import { jsonLine } from "./vis.ts";
import { complain, warnx } from "./warn.ts";

const USAGE = [
  "usage: ipcs [-abcmopqstyMQSTZ] [-C corefile] [-N namelist] [-u user] [-j jail] [--json]",
  "            [--output columns | --usage | --waits | --history]",
];
const LONGS = { json: false, output: true, usage: false, waits: false, history: false };
/** Letters that choose what is shown; each replaces the choice before it. [TOOL-2] */
const CHOICES: Readonly<Record<string, Pick<Wanted, "lists" | "limits">>> = {
  q: { lists: ["msg"], limits: [] },
  m: { lists: ["shm"], limits: [] },
  s: { lists: ["sem"], limits: [] },
  Q: { lists: [], limits: ["msg"] },
  M: { lists: [], limits: ["shm"] },
  S: { lists: [], limits: ["sem"] },
  T: { lists: [], limits: ORDER },
};
/** Other views than the lists. */
const INSTEAD = ["usage", "waits", "history"] as const;
/** The first value that is fetched of each facility. [TOOL-7] */
const FIRST: Readonly<Record<Facility, string>> = { msg: "msgmax", shm: "shmmax", sem: "semmni" };

interface Wanted extends Layout {
  readonly lists: readonly Facility[];
  readonly limits: readonly Facility[];
  /** Owner's uid, or null for everybody's. */
  readonly uid: number | null;
  readonly json: boolean;
  /** -y: not through sysctl but out of the kernel's memory. */
  readonly kmem: boolean;
  /** Text of -j. */
  readonly jailName: string | undefined;
  /** --output; null for the columns of FreeBSD. */
  readonly columns: readonly string[] | null;
  readonly instead: (typeof INSTEAD)[number] | null;
}

export default tool("ipcs", async (p) => {
  const wanted = wantedOf(p.args);
  if (typeof wanted === "string" || Array.isArray(wanted)) {
    for (const line of [wanted].flat()) complain(p, line as string);
    return 1;
  }
  const { jid } = await p.getcred();
  const refused = jid === 0 ? null : refusedInJail(wanted as Wanted);
  if (refused !== null) {
    warnx(p, refused);
    return 1;
  }
  return print(p, wanted as Wanted);
});

/** What the arguments ask for, or the lines that refuse them. */
function wantedOf(args: readonly string[]): Wanted | string | readonly string[] {
  const parsed = getopt(args, "abcmopqstyMQSTZC:N:u:j:", LONGS);
  if (typeof parsed === "string") return USAGE;
  const letters = parsed.options.map(({ letter }) => letter);
  const choice = letters.findLast((letter) => Object.hasOwn(CHOICES, letter));
  const user = argumentOf(parsed, "u");
  const uid = user === undefined ? null : uidOf(user);
  if (user !== undefined && uid === null) return "ipcs: getpwnam failed: No such user";
  const columns = argumentOf(parsed, "output")?.toLowerCase().split(",") ?? null;
  const unknown = columns === null ? null : unknownColumn(columns);
  if (unknown !== null) return `ipcs: ${unknown}`;
  const kmem = letters.some((letter) => "yCN".includes(letter));
  const shown = new Set<ColumnOption>(
    COLUMN_OPTIONS.filter((letter) => letters.includes(letter) || letters.includes("a")),
  );
  const [json, jails] = [letters.includes("json"), letters.includes("Z")];
  const what = choice === undefined ? { lists: ORDER, limits: [] } : CHOICES[choice];
  const instead = INSTEAD.find((word) => letters.includes(word)) ?? null;
  const jailName = argumentOf(parsed, "j");
  const trueKeys = jails || kmem || jailName !== undefined || columns !== null;
  return {
    ...what,
    uid,
    json,
    kmem,
    shown,
    jails,
    spaces: false,
    trueKeys,
    jailName,
    columns,
    instead,
  };
}

/** A jail sees neither the kernel's memory nor whose objects are whose. */
function refusedInJail({ kmem, jails }: Wanted): string | null {
  if (kmem) return "/dev/mem: No such file or directory";
  return jails ? "-Z: only the host sees the jails of objects" : null;
}

async function print(p: Process, wanted: Wanted): Promise<number> {
  const { jailName, instead, json, columns } = wanted;
  const jail = jailName === undefined ? null : await jailFilter(p, jailName);
  if (typeof jail === "string") {
    warnx(p, jail);
    return 1;
  }
  const spaces = wanted.jails && (await p.ipcns_list()).length > 0;
  const seen = { ...wanted, jail, spaces };
  if (instead === "usage") return printUsage(p, seen);
  if (instead === "waits") return printWaits(p, seen);
  if (instead === "history") return printHistory(p, seen);
  if (json) return printJson(p, seen);
  return columns === null ? printText(p, seen) : printColumns(p, seen, columns);
}

interface Seen extends Wanted {
  /** The jail whose objects are looked at; null for all. */
  readonly jail: JailFilter | null;
}

async function printText(p: Process, wanted: Seen): Promise<number> {
  for (const f of ORDER) {
    const values = await limitsOf(p, f);
    if (values === null) return missing(p, f);
    if (wanted.limits.includes(f)) for (const line of limitLines(f, values)) p.print(line);
    if (!wanted.lists.includes(f)) continue;
    for (const line of listLines(f, await rowsOf(p, f, wanted), wanted)) p.print(line);
  }
  return 0;
}

/** All limits of a facility; null if it is absent. All three are fetched in any case. [TOOL-7] */
async function limitsOf(p: Process, f: Facility): Promise<LimitValues | null> {
  const values: Record<string, number> = {};
  try {
    for (const [name] of LIMIT_ROWS[f]) values[name] = Number(await p.sysctl(`kern.ipc.${name}`));
    return values;
  } catch (error) {
    if (error instanceof SysError && (error.errno === ENOENT || error.errno === EINVAL))
      return null;
    throw error;
  }
}

function missing(p: Process, f: Facility): number {
  warnx(p, `sysctlbyname: kern.ipc.${FIRST[f]}: No such file or directory`);
  return 1;
}

async function rowsOf(p: Process, f: Facility, { uid, jail, jails }: Seen): Promise<ListRow[]> {
  const rows = await rowsIn(p, f, jail, jails || jail !== null);
  return uid === null ? rows : rows.filter((row) => permOf(f, row).uid === uid);
}

/** One table of the columns that --output names. */
async function printColumns(p: Process, wanted: Seen, columns: readonly string[]): Promise<number> {
  const rows: [Facility, ListRow][] = [];
  for (const f of ORDER) {
    if ((await limitsOf(p, f)) === null) return missing(p, f);
    if (!wanted.lists.includes(f)) continue;
    for (const row of await rowsOf(p, f, wanted)) rows.push([f, row]);
  }
  for (const line of outputLines(columns, rows)) p.print(line);
  return 0;
}

async function printUsage(p: Process, { json, jails, jail }: Seen): Promise<number> {
  const usage = await usageOf(p, jail, jails);
  if (json) p.print(jsonLine({ usage }));
  else for (const line of usageTable(usage, jails)) p.print(line);
  return 0;
}

async function printWaits(p: Process, { json, lists, jail }: Seen): Promise<number> {
  const waits = await waitsOf(p, lists, jail);
  if (json) p.print(jsonLine({ waits }));
  else for (const line of waitsLines(waits)) p.print(line);
  return 0;
}

async function printHistory(p: Process, seen: Seen): Promise<number> {
  const rows = await historyOf(p, { ...seen, everywhere: seen.jails });
  if (seen.json) p.print(JSON.stringify({ removed: rows }));
  else for (const line of historyLines(rows, seen.jails)) p.print(line);
  return 0;
}

/** The same as an object: lists of structures, and limits by name. */
async function printJson(p: Process, wanted: Seen): Promise<number> {
  const out: Record<string, unknown> = {};
  for (const f of ORDER) {
    const values = await limitsOf(p, f);
    if (values === null) return missing(p, f);
    if (wanted.limits.includes(f)) out[`${f}info`] = values;
    if (!wanted.lists.includes(f)) continue;
    const rows = await rowsOf(p, f, wanted);
    out[f] = rows.map((row) => ({
      id: row.id,
      key: keyOf(f, row, wanted.trueKeys),
      ...(wanted.jails ? { jail: jailOf(row) } : {}),
      ...(wanted.spaces ? { namespace: spaceOf(row) } : {}),
      ...row.ds,
    }));
  }
  p.print(jsonLine(out));
  return 0;
}
