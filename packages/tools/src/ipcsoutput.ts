/** ipcs --output: the columns that one asks for, over all facilities in one table. */
import type { Facility } from "@jailyard/abi/types";
import type { ListRow } from "@jailyard/trap/records";
import { columnLines } from "./columns.ts";
import { NAMES } from "./facility.ts";
import { jailOf, keyOf, modeText, permOf, time } from "./ipcscolumns.ts";
import { groupName, userName } from "./owners.ts";

type Cell = (f: Facility, row: ListRow) => string | number;

/** What every object has. */
const COMMON: Readonly<Record<string, Cell>> = {
  t: (f) => NAMES[f].letter,
  id: (_f, row) => row.id,
  key: (f, row) => keyOf(f, row, true),
  mode: (f, row) => modeText(permOf(f, row).mode),
  owner: (f, row) => userName(permOf(f, row).uid),
  group: (f, row) => groupName(permOf(f, row).gid),
  creator: (f, row) => userName(permOf(f, row).cuid),
  cgroup: (f, row) => groupName(permOf(f, row).cgid),
  jail: (_f, row) => jailOf(row),
};

/** What the structure of one facility has, by the name of its field without the prefix. */
const FIELDS: Readonly<Record<Facility, readonly string[]>> = {
  msg: ["cbytes", "qnum", "qbytes", "lspid", "lrpid", "stime", "rtime", "ctime"],
  shm: ["nattch", "segsz", "cpid", "lpid", "atime", "dtime", "ctime"],
  sem: ["nsems", "otime", "ctime"],
};
const OWN = [...new Set(Object.values(FIELDS).flat())];
const ALL = [...Object.keys(COMMON), ...OWN];
const WORDS = new Set(["t", "mode", "owner", "group", "creator", "cgroup", "jail"]);

/** The first name that is no column, with those that are; null if all are columns. */
export function unknownColumn(names: readonly string[]): string | null {
  const unknown = names.find((name) => !ALL.includes(name));
  return unknown === undefined ? null : `unknown column: ${unknown}; there are: ${ALL.join(" ")}`;
}

/** `-` where an object has no such thing. */
function cell(name: string, f: Facility, row: ListRow): string {
  if (Object.hasOwn(COMMON, name)) return String(COMMON[name](f, row));
  if (!FIELDS[f].includes(name)) return "-";
  const value = (row.ds as unknown as Record<string, number>)[`${f}_${name}`];
  return name.endsWith("time") ? time(value).trim() : String(value);
}

export function outputLines(
  names: readonly string[],
  rows: readonly (readonly [Facility, ListRow])[],
): string[] {
  const columns = names.map((name) => ({
    heading: name.toUpperCase(),
    isNumber: !WORDS.has(name),
  }));
  return columnLines(
    columns,
    rows.map(([f, row]) => names.map((name) => cell(name, f, row))),
  );
}
