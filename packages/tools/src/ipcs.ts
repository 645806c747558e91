/**
 * ipcs(1) of FreeBSD: the System V objects that this process may see, or the limits. [TOOL-1] to
 * [TOOL-15]
 *
 * Ours are -Z, for the host: the objects of all name spaces, with the jail of each, its true key and,
 * under a model that has such names, its name space; and --json.
 */
import { EINVAL, ENOENT } from "@jailyard/abi/errno";
import { SysError } from "@jailyard/abi/syserror";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import type { ListRow } from "@jailyard/trap/records";
import { getopt } from "./getopt.ts";
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
import { LIMIT_ROWS, type LimitValues, limitLines } from "./ipcslimits.ts";
import { uidOf } from "./owners.ts";
import { complain, warnx } from "./warn.ts";

const USAGE = "usage: ipcs [-abcmopqstyMQSTZ] [-C corefile] [-N namelist] [-u user] [--json]";
/** The order in which lists and limits come. [TOOL-6] */
const ORDER: readonly Facility[] = ["msg", "shm", "sem"];
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
}

export default program("ipcs", async (p) => {
  const wanted = wantedOf(p.args);
  if (typeof wanted === "string") {
    complain(p, wanted);
    return 1;
  }
  const { jid } = await p.getcred();
  const refused = jid === 0 ? null : refusedInJail(wanted);
  if (refused !== null) {
    warnx(p, refused);
    return 1;
  }
  const layout = { ...wanted, spaces: wanted.jails && (await p.ipcns_list()).length > 0 };
  return wanted.json ? printJson(p, layout) : printText(p, layout);
});

/** What the arguments ask for, or the line that refuses them. */
function wantedOf(args: readonly string[]): Wanted | string {
  const json = args.includes("--json");
  const parsed = getopt(
    args.filter((arg) => arg !== "--json"),
    "abcmopqstyMQSTZC:N:u:",
  );
  if (typeof parsed === "string") return USAGE;
  const letters = parsed.options.map(({ letter }) => letter);
  const choice = letters.findLast((letter) => letter in CHOICES);
  const user = parsed.options.findLast(({ letter }) => letter === "u")?.argument;
  const uid = user === undefined ? null : uidOf(user);
  if (user !== undefined && uid === null) return "ipcs: getpwnam failed: No such user";
  const kmem = letters.some((letter) => "yCN".includes(letter));
  const shown = new Set<ColumnOption>(
    COLUMN_OPTIONS.filter((letter) => letters.includes(letter) || letters.includes("a")),
  );
  const jails = letters.includes("Z");
  const what = choice === undefined ? { lists: ORDER, limits: [] } : CHOICES[choice];
  return { ...what, uid, json, kmem, shown, jails, spaces: false, trueKeys: jails || kmem };
}

/** A jail sees neither the kernel's memory nor whose objects are whose. */
function refusedInJail({ kmem, jails }: Wanted): string | null {
  if (kmem) return "/dev/mem: No such file or directory";
  return jails ? "-Z: only the host sees the jails of objects" : null;
}

async function printText(p: Process, wanted: Wanted): Promise<number> {
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

async function rowsOf(p: Process, f: Facility, { uid, jails }: Wanted): Promise<ListRow[]> {
  const rows: ListRow[] = await p.ipcs(f, jails);
  return uid === null ? rows : rows.filter((row) => permOf(f, row).uid === uid);
}

/** The same as an object: lists of structures, and limits by name. */
async function printJson(p: Process, wanted: Wanted): Promise<number> {
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
  p.print(JSON.stringify(out));
  return 0;
}
