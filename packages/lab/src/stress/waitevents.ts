/** Waits by what programs call them, as a run file has them: longest first, merged over repetitions. */
import { type Contention, NOBODY } from "@jailyard/abi/contention";
import { grouped, hdrOf, merged, most, sum } from "./locks.ts";
import type { WaitEventRow } from "./runfile.ts";

const EVENTS_KEPT = 100;

export function eventRows({ events, jails }: Contention): WaitEventRow[] {
  const nameOf = (jid: number): string | null => (jid === NOBODY ? null : (jails[jid] ?? `${jid}`));
  const rows = events.map(({ event, longestQueue, uses }) =>
    withSums({
      event,
      longestQueue,
      wait: merged(uses.map(({ wait }) => hdrOf(wait))),
      uses: uses.map(({ jid, over, waitNanos, waitMaxNanos, blame }) => ({
        jail: nameOf(jid),
        ...{ waits: over, waitNanos, waitMaxNanos },
        blame: blame.map((by) => ({ jail: nameOf(by.jid), nanos: by.nanos })),
      })),
    }),
  );
  return kept(rows);
}

const kept = (rows: WaitEventRow[]): WaitEventRow[] =>
  rows.sort((a, b) => b.waitNanos - a.waitNanos).slice(0, EVENTS_KEPT);

const withSums = (
  row: Omit<WaitEventRow, "waits" | "waitNanos" | "waitMaxNanos">,
): WaitEventRow => ({
  ...row,
  waits: sum(row.uses.map(({ waits }) => waits)),
  waitNanos: sum(row.uses.map(({ waitNanos }) => waitNanos)),
  waitMaxNanos: most(row.uses.map(({ waitMaxNanos }) => waitMaxNanos)),
});

export function mergedEvents(all: readonly (readonly WaitEventRow[])[]): WaitEventRow[] {
  const rows = grouped(all.flat(), ({ event }) => event).map((same) =>
    withSums({
      event: same[0].event,
      longestQueue: most(same.map(({ longestQueue }) => longestQueue)),
      wait: merged(same.map(({ wait }) => wait)),
      uses: grouped(
        same.flatMap(({ uses }) => uses),
        ({ jail }) => `${jail}`,
      ).map(mergedUse),
    }),
  );
  return kept(rows);
}

type Use = WaitEventRow["uses"][number];

function mergedUse(uses: readonly Use[]): Use {
  const blamed = grouped(
    uses.flatMap(({ blame }) => blame),
    ({ jail }) => `${jail}`,
  );
  return {
    jail: uses[0].jail,
    waits: sum(uses.map(({ waits }) => waits)),
    waitNanos: sum(uses.map(({ waitNanos }) => waitNanos)),
    waitMaxNanos: most(uses.map(({ waitMaxNanos }) => waitMaxNanos)),
    blame: blamed.map((same) => ({ jail: same[0].jail, nanos: sum(same.map((o) => o.nanos)) })),
  };
}
