/** ipcs --history: objects that were removed, who made and used them, and who removed them. */
import type { RemovedRow } from "@jailyard/abi/ipchistory";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { type Column, columnLines } from "./columns.ts";
import { NAMES } from "./facility.ts";
import { modeText, time } from "./ipcscolumns.ts";
import type { JailFilter } from "./jails.ts";
import { userName } from "./owners.ts";

export interface HistoryWish {
  readonly lists: readonly Facility[];
  readonly jail: JailFilter | null;
  /** -Z: also of name spaces that the caller is not in. */
  readonly everywhere: boolean;
  /** Owner's uid, or null for everybody's. */
  readonly uid: number | null;
  readonly trueKeys: boolean;
}

/** Rows as the wish has them, the first removed first. */
export async function historyOf(p: Process, wish: HistoryWish): Promise<RemovedRow[]> {
  const { lists, jail, everywhere, uid, trueKeys } = wish;
  const all: RemovedRow[] = [];
  for (const f of lists) all.push(...(await p.ipcs_history(f, everywhere || jail !== null)));
  return all
    .filter((row) => uid === null || row.uid === uid)
    .filter(({ owner }) => jail === null || (owner?.jid === jail.jid && owner.jail === jail.name))
    .map((row) => (trueKeys && row.owner !== undefined ? { ...row, key: row.owner.key } : row))
    .sort((a, b) => a.removed - b.removed);
}

const HEADINGS = ["T", "ID", "KEY", "MODE", "OWNER", "CREATOR", "CPID", "LPID", "MADE", "REMOVED"];
const NUMBERS = new Set(["ID", "KEY", "CPID", "LPID", "MADE", "REMOVED"]);

export function historyLines(rows: readonly RemovedRow[], jails: boolean): string[] {
  const headings = [...HEADINGS, ...(jails ? ["JAIL"] : []), "BY"];
  const columns: Column[] = headings.map((heading) => ({
    heading,
    isNumber: NUMBERS.has(heading),
  }));
  return columnLines(
    columns,
    rows.map((row) => cellsOf(row, jails)),
  );
}

function cellsOf(row: RemovedRow, jails: boolean): string[] {
  const { owner } = row;
  const jail = owner === undefined || owner.jid === 0 ? "-" : owner.jail;
  return [
    NAMES[row.facility].letter,
    String(row.id),
    String(row.key),
    modeText(row.mode),
    userName(row.uid),
    userName(row.cuid),
    String(row.cpid),
    row.lpid === 0 ? "-" : String(row.lpid),
    time(row.made),
    time(row.removed),
    ...(jails ? [jail] : []),
    remover(row),
  ];
}

/** `ipcrm[107] root`, with the jail if it is not the reader's own; or why the kernel did. */
function remover({ by, why }: RemovedRow): string {
  if (by === null) return why;
  const where = by.jail === "" ? "" : ` in ${by.jail}`;
  return `${by.comm}[${by.pid}] ${userName(by.uid)}${where}`;
}
