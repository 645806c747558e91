/**
 * ipcs --usage: what is used of each limit, by the objects that the caller may see; with -Z by each
 * jail. Limits are host-wide: in a jail the numbers say what the jail itself takes of them.
 *
 * Segments of the message pool (msgseg) are counted as what the bytes of each queue need at least:
 * every message takes whole segments of its own, which no listing shows.
 */
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import { PAGE_SIZE, type ShmidDs } from "@jailyard/abi/shm";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { KinfoProc, ListRow } from "@jailyard/trap/records";
import { columnLines } from "./columns.ts";
import { ORDER, rowsOf } from "./facility.ts";
import { jailOf } from "./ipcscolumns.ts";
import type { JailFilter } from "./jails.ts";
import { attempt, failed } from "./tool.ts";

export interface LimitUse {
  /** By sysctl name. */
  readonly limit: string;
  readonly what: string;
  readonly max: number;
  readonly used: number;
  /** With -Z, by jail, most first. */
  readonly jails?: Readonly<Record<string, number>>;
}

interface Counted {
  readonly name: string;
  readonly what: string;
  /** What one object takes. */
  of(ds: ListRow["ds"], limits: Limits): number;
}
type Limits = Readonly<Record<string, number>>;

const COUNTED: Readonly<Record<Facility, readonly Counted[]>> = {
  msg: [
    { name: "msgmni", what: "message queues", of: () => 1 },
    { name: "msgtql", what: "messages", of: (ds) => (ds as MsqidDs).msg_qnum },
    {
      name: "msgseg",
      what: "message segments, at least",
      of: (ds, { msgssz }) => Math.ceil((ds as MsqidDs).msg_cbytes / msgssz),
    },
  ],
  shm: [
    { name: "shmmni", what: "shared memory segments", of: () => 1 },
    {
      name: "shmall",
      what: "pages of shared memory",
      of: (ds) => Math.ceil((ds as ShmidDs).shm_segsz / PAGE_SIZE),
    },
  ],
  sem: [
    { name: "semmni", what: "semaphore sets", of: () => 1 },
    { name: "semmns", what: "semaphores", of: (ds) => (ds as SemidDs).sem_nsems },
  ],
};
const EXTRA = ["msgssz", "semmnu"] as const;

/** The limits of the facilities that are there; none of one that is absent. */
export async function usageOf(
  p: Process,
  jail: JailFilter | null,
  byJail: boolean,
): Promise<LimitUse[]> {
  const uses: LimitUse[] = [];
  const limits = await limitsOf(p);
  for (const f of ORDER) {
    const rows = await rowsOf(p, f, jail);
    for (const { name, what, of } of COUNTED[f]) {
      if (limits[name] === undefined) continue;
      const amounts = rows.map((row) => [jailOf(row), of(row.ds, limits)] as const);
      uses.push(useOf(name, what, limits[name], amounts, byJail));
    }
  }
  if (limits.semmnu !== undefined) {
    const vectors = (await p.kinfo_procs()).filter((proc) => holdsUndo(proc, jail));
    const amounts = vectors.map(({ jail: name }) => [name || "-", 1] as const);
    uses.push(useOf("semmnu", "undo structures", limits.semmnu, amounts, byJail));
  }
  return uses;
}

async function limitsOf(p: Process): Promise<Limits> {
  const names = [...ORDER.flatMap((f) => COUNTED[f].map(({ name }) => name)), ...EXTRA];
  const limits: Record<string, number> = {};
  for (const name of names) {
    const value = await attempt(p.sysctl(`kern.ipc.${name}`));
    if (!failed(value)) limits[name] = Number(value);
  }
  return limits;
}

const holdsUndo = ({ undo, jid }: KinfoProc, jail: JailFilter | null): boolean =>
  undo.length > 0 && (jail === null || jid === jail.jid);

function useOf(
  name: string,
  what: string,
  max: number,
  amounts: readonly (readonly [jail: string, amount: number])[],
  byJail: boolean,
): LimitUse {
  const jails: Record<string, number> = {};
  let used = 0;
  for (const [jail, amount] of amounts) {
    used += amount;
    jails[jail] = (jails[jail] ?? 0) + amount;
  }
  const use = { limit: `kern.ipc.${name}`, what, max, used };
  if (!byJail) return use;
  const sorted = Object.entries(jails).sort((a, b) => b[1] - a[1]);
  return { ...use, jails: Object.fromEntries(sorted) };
}

/** A line a limit; with -Z below it a line for each jail that takes any of it. */
export function usageTable(uses: readonly LimitUse[], byJail: boolean): string[] {
  const rows: string[][] = [];
  for (const { limit, what, max, used, jails = {} } of uses) {
    rows.push([
      limit,
      String(max),
      String(used),
      percent(used, max),
      ...(byJail ? [""] : []),
      what,
    ]);
    for (const [jail, amount] of Object.entries(jails)) {
      if (amount > 0) rows.push(["", "", String(amount), percent(amount, max), jail, ""]);
    }
  }
  const columns = [
    { heading: "LIMIT", isNumber: false },
    { heading: "MAX", isNumber: true },
    { heading: "USED", isNumber: true },
    { heading: "USE%", isNumber: true },
    ...(byJail ? [{ heading: "JAIL", isNumber: false }] : []),
    { heading: "OF", isNumber: false },
  ];
  return columnLines(columns, rows);
}

const percent = (used: number, max: number): string =>
  `${max === 0 ? 0 : Math.round((100 * used) / max)}%`;
