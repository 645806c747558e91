/** Who makes whom wait: locks, interference between jails, who waits for whom; where a run has them. */

import { lockText } from "@jailyard/abi/contention";
import type { Viz } from "@viz-js/viz";
import { timeText } from "../stress/figuretext.ts";
import type { Interference, LockRow, PairRow, RunFile, WaitFor } from "../stress/runfile.ts";
import { graph } from "./graph.ts";
import { heatMaps, named } from "./heatmap.ts";
import { html, type Markup } from "./markup.ts";
import type { Section } from "./sections.ts";
import { type Cell, type Column, number, sortable, words } from "./table.ts";

/** Rows of locks that a page has. */
const LOCKS_SHOWN = 500;
const PAIRS_SHOWN = 200;

export function contention(viz: Viz, run: RunFile, charts: Markup): Section[] {
  return [
    run.locks === undefined ? null : locks(run.locks, charts),
    run.interference === undefined ? null : interference(run.interference),
    run.waitFor === undefined ? null : waitFor(viz, run.waitFor),
  ].filter((section) => section !== null);
}

const nanos = (value: number): ReturnType<typeof number> => number(value, timeText(value / 1e6));
const count = (value: number): ReturnType<typeof number> =>
  number(value, value.toLocaleString("en-US"));

function locks(all: readonly LockRow[], charts: Markup): Section {
  const rows = [...all].sort((a, b) => b.waitNanos - a.waitNanos).slice(0, LOCKS_SHOWN);
  const columns: Column<LockRow>[] = [
    { head: "lock", cell: ({ name, label }) => words(lockText({ name, label })) },
    { head: "of", cell: ({ mechanism }) => words(mechanism) },
    { head: "made by", cell: ({ jail }) => words(jail ?? "all") },
    { head: "waited", cell: ({ waitNanos }) => nanos(waitNanos) },
    { head: "p99 of a wait", cell: ({ wait }) => number(wait?.p99Ms ?? -1, p99Text(wait)) },
    { head: "longest wait", cell: ({ waitMaxNanos }) => nanos(waitMaxNanos) },
    ...(all.some(({ holds }) => holds > 0) ? HOLDS : []),
    { head: "taken", cell: ({ taken }) => count(taken) },
    { head: "contended", cell: ({ contended }) => count(contended) },
    { head: "found held", cell: ({ cntLock }) => count(cntLock) },
    { head: "changes of owner", cell: ({ ownerChanges }) => count(ownerChanges) },
    { head: "longest queue", cell: ({ longestQueue }) => count(longestQueue) },
  ];
  const title = `Locks that were waited for most (${rows.length} of ${all.length})`;
  return {
    id: "locks",
    title: "Top locks",
    body: html`${sortable(title, columns, rows, { id: "lock", noun: "locks", key: lockText })}${charts}`,
  };
}

const dash = (has: boolean, cell: Cell): Cell => (has ? cell : number(-1, "–"));

/** Mode full alone times holds. */
const HOLDS: readonly Column<LockRow>[] = [
  { head: "held", cell: ({ holds, holdNanos }) => dash(holds > 0, nanos(holdNanos)) },
  { head: "longest hold", cell: ({ holds, holdMaxNanos }) => dash(holds > 0, nanos(holdMaxNanos)) },
];

const p99Text = (wait: LockRow["wait"]): string =>
  wait === undefined ? "–" : timeText(wait.p99Ms);

function interference(all: Interference): Section {
  const body = html`${heatMaps(all)}${pairTable(all.pairs)}`;
  return { id: "interference", title: "Interference", body };
}

/** By lock, where one jail made another one wait. */
function pairTable(pairs: readonly PairRow[]): Markup | string {
  const rows = pairs.filter(({ from, to }) => from !== null && from !== to).slice(0, PAIRS_SHOWN);
  if (rows.length === 0) return "";
  const columns: Column<PairRow>[] = [
    { head: "held by", cell: ({ from }) => words(named(from ?? "")) },
    { head: "waited", cell: ({ to }) => words(named(to ?? "the kernel")) },
    { head: "lock", cell: ({ name, label }) => words(lockText({ name, label })) },
    { head: "of", cell: ({ mechanism }) => words(mechanism) },
    { head: "for", cell: ({ nanos: n }) => nanos(n) },
  ];
  return html`<h3>By lock</h3>${sortable("Jails that made others wait, by lock", columns, rows, {
    id: "pair",
    noun: "pairs",
  })}`;
}

/** Pictures of a page, deadlocks first. */
const GRAPHS_MAX = 6;

function waitFor(viz: Viz, all: readonly WaitFor[]): Section {
  const rows = all.flatMap(({ at, edges, deadlock }) =>
    edges.map((edge) => ({ at, deadlock, ...edge })),
  );
  const columns: Column<(typeof rows)[number]>[] = [
    { head: "at", cell: ({ at }) => number(at, `${at.toFixed(3)} s`) },
    { head: "waits", cell: ({ waiter }) => words(waiter) },
    { head: "for what", cell: ({ lock }) => words(lock) },
    { head: "likely held by", cell: ({ holder }) => words(holder) },
    { head: "deadlock", cell: ({ deadlock }) => words(deadlock ? "deadlock" : "no") },
  ];
  if (rows.length === 0) {
    const none = html`<p>At no moment that was looked at did a process wait for another one that is known to hold what it waits for. Waits for an event, such as a commit that another process flushes, have no holder.</p>`;
    return { id: "waits", title: "Who waits for whom", body: none };
  }
  const moments = all.map(
    ({ at, edges, events }) =>
      html`<li>At ${at.toFixed(2)} s ${edges.length} processes waited for one that is likely to hold what they want, and ${events} for an event, which nobody holds.</li>`,
  );
  const graphs = [...all]
    .sort((a, b) => Number(b.deadlock) - Number(a.deadlock) || b.edges.length - a.edges.length)
    .slice(0, GRAPHS_MAX)
    .map((moment) => graph(viz, moment))
    .filter((one) => one !== null);
  const table = sortable("Who waited for whom, at moments of the run", columns, rows, {
    id: "wait",
    noun: "waits",
  });
  const body = html`<p>The moments with most of it, and every deadlock. An arrow leads from who waits to who is likely to hold it.</p><ul>${moments}</ul><div class="graphs">${graphs}</div>${table}`;
  return { id: "waits", title: "Who waits for whom", body };
}
