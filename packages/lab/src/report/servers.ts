/** What PostgreSQL servers waited for, by their own wait events. */
import { figureText, timeText } from "../stress/figuretext.ts";
import type { RunFile } from "../stress/runfile.ts";
import { type ServerFigures, WORDS } from "../stress/serverfigures.ts";
import { html } from "./markup.ts";
import type { Section } from "./sections.ts";
import { type Column, list, number, sortable, words } from "./table.ts";

/** Of the last repetition, as its sentences; null: no workload was a server. */
export function servers({ repetitions }: RunFile): Section | null {
  const server = repetitions.at(-1)?.workloads.find((one) => one.server !== undefined)?.server;
  if (server === undefined) return null;
  const { transactions, waits } = server;
  const rows = Object.entries(waits)
    .map(([event, { waits: count, micros }]) => ({ event, count, micros }))
    .sort((a, b) => b.micros - a.micros);
  const all = rows.reduce((sum, { micros }) => sum + micros, 0);
  const columns: Column<(typeof rows)[number]>[] = [
    { head: "wait event", cell: ({ event }) => words(event) },
    { head: "what for", cell: ({ event }) => words(WORDS[event] ?? "") },
    { head: "waited", cell: ({ micros }) => number(micros, timeText(micros / 1000)) },
    {
      head: "share",
      cell: ({ micros }) => number(micros, `${figureText((100 * micros) / Math.max(1, all))} %`),
    },
    { head: "waits", cell: ({ count }) => number(count, count.toLocaleString("en-US")) },
    {
      head: "mean wait",
      cell: ({ micros, count }) => number(micros / count, timeText(micros / 1000 / count)),
    },
    {
      head: "a transaction",
      cell: ({ micros }) => {
        const each = micros / Math.max(1, transactions);
        return number(each, timeText(each / 1000));
      },
    },
  ];
  const title = "What transactions waited for, all servers together";
  const body = html`<p>PostgreSQL's own wait events, as pg_stat_activity names them. Waits of several processes overlap, so their sum may be longer than the run.</p>
${sortable(title, columns, rows, { id: "waitevent", noun: "wait events", key: ({ event }) => event })}
<h3>A transaction, on average</h3>${list(each(server))}`;
  return { id: "servers", title: "PostgreSQL", body };
}

const each = ({
  transactions,
  semops,
  sleeps,
  latchSignals,
  fsyncs,
  deadlocks,
  aborted,
  checkpoints,
  vacuums,
  crashes,
}: ServerFigures): [string, string][] => {
  const share = (n: number): string => figureText(n / Math.max(1, transactions));
  const plain = (n: number): string => n.toLocaleString("en-US");
  return [
    ["transactions in all", plain(transactions)],
    ["semop calls", share(semops)],
    ["semop that sleep", share(sleeps)],
    ["signals to latches", share(latchSignals)],
    ["log flushes", share(fsyncs)],
    ["deadlocks in all", plain(deadlocks)],
    ["transactions aborted", plain(aborted)],
    ["checkpoints", plain(checkpoints)],
    ["autovacuum rounds", plain(vacuums)],
    ["reinitialisations after a crash", plain(crashes)],
  ];
};
