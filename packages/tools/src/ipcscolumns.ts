/** Titles, headings and rows of ipcs, to the blank. [TOOL-9] to [TOOL-13] */
import type { IpcPerm } from "@jailyard/abi/ipc";
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility } from "@jailyard/abi/types";
import type { ListRow } from "@jailyard/trap/records";
import { groupName, userName } from "./owners.ts";
import { left, right } from "./printf.ts";

/** Columns that an option adds, in the order in which they are shown whatever the order asked. */
export const COLUMN_OPTIONS = ["c", "o", "b", "p", "t"] as const;
export type ColumnOption = (typeof COLUMN_OPTIONS)[number];

interface Columns<Ds> {
  readonly title: string;
  readonly letter: string;
  perm(ds: Ds): IpcPerm;
  /** Heading and cells of each option; absent where it adds nothing. */
  readonly options: Partial<
    Record<ColumnOption, readonly [heading: string, cells: (ds: Ds) => string]>
  >;
}

/** `  9:04:11` without the date; the hour is not padded with a zero. */
export function time(seconds: number): string {
  if (seconds === 0) return "no-entry";
  const at = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${right(at.getHours(), 2)}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const heads = (width: number, ...names: string[]): string =>
  names.map((name) => ` ${right(name, width)}`).join("");
const cells = (width: number, ...values: number[]): string =>
  values.map((value) => ` ${right(value, width)}`).join("");
const timeHeads = (...names: string[]): string => names.map((name) => ` ${left(name, 8)}`).join("");
const times = (...values: number[]): string => values.map((value) => ` ${time(value)}`).join("");

const MSG: Columns<MsqidDs> = {
  title: "Message Queues:",
  letter: "q",
  perm: (ds) => ds.msg_perm,
  options: {
    o: [heads(20, "CBYTES", "QNUM"), (ds) => cells(12, ds.msg_cbytes, ds.msg_qnum)],
    b: [heads(20, "QBYTES"), (ds) => cells(20, ds.msg_qbytes)],
    p: [heads(12, "LSPID", "LRPID"), (ds) => cells(12, ds.msg_lspid, ds.msg_lrpid)],
    t: [
      timeHeads("STIME", "RTIME", "CTIME"),
      (ds) => times(ds.msg_stime, ds.msg_rtime, ds.msg_ctime),
    ],
  },
};

const SHM: Columns<ShmidDs> = {
  title: "Shared Memory:",
  letter: "m",
  perm: (ds) => ds.shm_perm,
  options: {
    o: [heads(12, "NATTCH"), (ds) => cells(12, ds.shm_nattch)],
    b: [heads(12, "SEGSZ"), (ds) => cells(12, ds.shm_segsz)],
    p: [heads(12, "CPID", "LPID"), (ds) => cells(12, ds.shm_cpid, ds.shm_lpid)],
    t: [
      timeHeads("ATIME", "DTIME", "CTIME"),
      (ds) => times(ds.shm_atime, ds.shm_dtime, ds.shm_ctime),
    ],
  },
};

const SEM: Columns<SemidDs> = {
  title: "Semaphores:",
  letter: "s",
  perm: (ds) => ds.sem_perm,
  options: {
    b: [heads(12, "NSEMS"), (ds) => cells(12, ds.sem_nsems)],
    t: [timeHeads("OTIME", "CTIME"), (ds) => times(ds.sem_otime, ds.sem_ctime)],
  },
};

const COLUMNS = { msg: MSG, shm: SHM, sem: SEM } as unknown as Readonly<
  Record<Facility, Columns<ListRow["ds"]>>
>;

export const permOf = (f: Facility, row: ListRow): IpcPerm => COLUMNS[f].perm(row.ds);

/** Which columns, and whose keys. */
export interface Layout {
  readonly shown: ReadonlySet<ColumnOption>;
  /** A last column with the jail of each object; `-` is the host. Ours. */
  readonly jails: boolean;
  /** One more, with the name space of each object, under a model whose name spaces have names. */
  readonly spaces: boolean;
  /** The key as the kernel's memory has it, not as the reader's jail is shown it. [TOOL-5] */
  readonly trueKeys: boolean;
}

/** The key that this layout shows of a row. */
export const keyOf = (f: Facility, row: ListRow, trueKeys: boolean): number =>
  (trueKeys ? row.owner?.key : undefined) ?? permOf(f, row).key;

/** The jail of an object, by name; the host has none. */
export const jailOf = ({ owner }: ListRow): string =>
  owner === undefined || owner.jid === 0 ? "-" : owner.jail;

/** The name space of an object; `-` if it is gone while the object is still attached. */
export const spaceOf = ({ owner }: ListRow): string => owner?.space ?? "-";

/** Title, heading, a line an object, an empty line. */
export function listLines(f: Facility, rows: readonly ListRow[], layout: Layout): string[] {
  const { title } = COLUMNS[f];
  return [title, heading(f, layout), ...rows.map((row) => rowLine(f, row, layout)), ""];
}

const JAIL_WIDTH = 12;

function heading(f: Facility, { shown, jails, spaces }: Layout): string {
  let line = `T ${right("ID", 12)} ${right("KEY", 12)} ${left("MODE", 11)} `;
  line += `${left("OWNER", 8)} ${left("GROUP", 8)}`;
  if (shown.has("c")) line += ` ${left("CREATOR", 8)} ${left("CGROUP", 8)}`;
  for (const option of COLUMN_OPTIONS) {
    if (shown.has(option)) line += COLUMNS[f].options[option]?.[0] ?? "";
  }
  if (!jails) return line;
  return spaces ? `${line} ${left("JAIL", JAIL_WIDTH)} NAMESPACE` : `${line} JAIL`;
}

function rowLine(f: Facility, row: ListRow, layout: Layout): string {
  const { shown, jails, spaces, trueKeys } = layout;
  const { letter, options } = COLUMNS[f];
  const perm = permOf(f, row);
  const key = keyOf(f, row, trueKeys);
  let line = `${letter} ${right(row.id, 12)} ${right(key, 12)} ${modeText(perm.mode)} `;
  line += `${left(userName(perm.uid), 8)} ${left(groupName(perm.gid), 8)}`;
  if (shown.has("c")) line += ` ${left(userName(perm.cuid), 8)} ${left(groupName(perm.cgid), 8)}`;
  for (const option of COLUMN_OPTIONS) {
    if (shown.has(option)) line += options[option]?.[1](row.ds) ?? "";
  }
  if (!jails) return line;
  return spaces
    ? `${line} ${left(jailOf(row), JAIL_WIDTH)} ${spaceOf(row)}`
    : `${line} ${jailOf(row)}`;
}

/** Two dashes, then r, w and a of owner, group and others; state bits are not shown. [TOOL-11] */
export function modeText(mode: number): string {
  let text = "--";
  for (let bit = 0o400; bit > 0; bit >>= 1) {
    text += (mode & bit) === 0 ? "-" : "awr"[Math.log2(bit) % 3];
  }
  return text;
}
