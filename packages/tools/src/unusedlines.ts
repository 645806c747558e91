/** How ipcrm --unused shows what it found. */
import { spanText } from "./duration.ts";
import { NAMES } from "./facility.ts";
import { jailOf, keyOf, permOf } from "./ipcscolumns.ts";
import { userName } from "./owners.ts";
import { left, right } from "./printf.ts";
import type { Unused } from "./unused.ts";
import { jsonLine } from "./vis.ts";

/** A heading and a line an object; on the host with true keys and jails. */
export function unusedLines(unused: readonly Unused[]): string[] {
  const heading = `T ${right("ID", 12)} ${right("KEY", 12)} ${left("OWNER", 8)} ${right("IDLE", 5)}`;
  return [`${heading} ${left("JAIL", 12)} WHY`, ...unused.map(line)];
}

function line({ f, row, idle, why }: Unused): string {
  const owner = userName(permOf(f, row).uid);
  const columns = `${NAMES[f].letter} ${right(row.id, 12)} ${right(keyOf(f, row, true), 12)}`;
  return `${columns} ${left(owner, 8)} ${right(spanText(idle), 5)} ${left(jailOf(row), 12)} ${why}`;
}

export function unusedJson(unused: readonly Unused[]): string {
  const rows = unused.map(({ f, row, idle, why }) => ({
    facility: f,
    id: row.id,
    key: keyOf(f, row, true),
    jail: jailOf(row),
    uid: permOf(f, row).uid,
    idleSeconds: Math.floor(idle),
    why,
  }));
  return jsonLine({ unused: rows });
}
