/** Who makes whom wait: locks, interference between jails, who waits for whom; where a run has them. */
import { lockText } from "@jailyard/abi/contention";
import { timeText } from "../stress/figuretext.ts";
import type { Interference, LockRow, PairRow, RunFile, WaitFor } from "../stress/runfile.ts";
import { html, type Markup } from "./markup.ts";
import type { Section } from "./sections.ts";
import { type Cell, type Column, number, sortable, words } from "./table.ts";

const SHOWN = 100;
/** More jails than this make no heat map that can be read: those that wait most are shown. */
const JAILS_SHOWN = 40;

export function contention(run: RunFile): Section[] {
  return [
    run.locks === undefined ? null : locks(run.locks),
    run.interference === undefined ? null : interference(run.interference),
    run.waitFor === undefined ? null : waitFor(run.waitFor),
  ].filter((section) => section !== null);
}

const nanos = (value: number): ReturnType<typeof number> => number(value, timeText(value / 1e6));
const count = (value: number): ReturnType<typeof number> =>
  number(value, value.toLocaleString("en-US"));

function locks(all: readonly LockRow[]): Section {
  const rows = [...all].sort((a, b) => b.waitNanos - a.waitNanos).slice(0, SHOWN);
  const dash = (has: boolean, cell: Cell): Cell => (has ? cell : number(-1, "–"));
  const columns: Column<LockRow>[] = [
    { head: "lock", cell: ({ name, label }) => words(lockText({ name, label })) },
    { head: "of", cell: ({ mechanism }) => words(mechanism) },
    { head: "made by", cell: ({ jail }) => words(jail ?? "all") },
    { head: "waited", cell: ({ waitNanos }) => nanos(waitNanos) },
    { head: "p99 of a wait", cell: ({ wait }) => number(wait?.p99Ms ?? -1, p99Text(wait)) },
    { head: "longest wait", cell: ({ waitMaxNanos }) => nanos(waitMaxNanos) },
    { head: "held", cell: ({ holds, holdNanos }) => dash(holds > 0, nanos(holdNanos)) },
    {
      head: "longest hold",
      cell: ({ holds, holdMaxNanos }) => dash(holds > 0, nanos(holdMaxNanos)),
    },
    { head: "taken", cell: ({ taken }) => count(taken) },
    { head: "contended", cell: ({ contended }) => count(contended) },
    { head: "found held", cell: ({ cntLock }) => count(cntLock) },
    { head: "changes of owner", cell: ({ ownerChanges }) => count(ownerChanges) },
    { head: "longest queue", cell: ({ longestQueue }) => count(longestQueue) },
  ];
  const title = `Locks that were waited for most (${rows.length} of ${all.length})`;
  return { id: "locks", title: "Top locks", body: sortable(title, columns, rows) };
}

const p99Text = (wait: LockRow["wait"]): string =>
  wait === undefined ? "–" : timeText(wait.p99Ms);

function interference({ jails, nanos: matrix, nobody, pairs }: Interference): Section {
  const waited = jails.map((_, to) => matrix.reduce((sum, row) => sum + row[to], nobody[to]));
  const made = matrix.map((row) => row.reduce((sum, n) => sum + n, 0));
  const order = [...jails.keys()].sort((a, b) => waited[b] + made[b] - waited[a] - made[a]);
  const shown = order.slice(0, JAILS_SHOWN).sort((a, b) => a - b);
  const most = Math.max(1, ...matrix.flat());
  const cell = (from: number, to: number): Markup => {
    const value = matrix[from][to];
    const heat = Math.round(100 * Math.sqrt(value / most)); // small ones are to show too
    const text = timeText(value / 1e6);
    return html`<td class="heat" style="--share:${heat}%" title="${jails[from]} made ${jails[to]} wait ${text}">${value === 0 ? "" : text}</td>`;
  };
  const rows = shown.map(
    (from) =>
      html`<tr><th scope="row">${jails[from]}</th>${shown.map((to) => cell(from, to))}<td class="n">${timeText(made[from] / 1e6)}</td></tr>`,
  );
  const unknown = html`<tr><th scope="row">nobody known</th>${shown.map((to) => html`<td class="n">${nobody[to] === 0 ? "" : timeText(nobody[to] / 1e6)}</td>`)}<td class="n">${timeText(nobody.reduce((sum, n) => sum + n, 0) / 1e6)}</td></tr>`;
  const left = jails.length - shown.length;
  const body = html`<p>Each row is a jail that held a lock, each column a jail that waited for it meanwhile. Nobody is known where a wait was for an event, or, after the wake-up, for a processor.${left > 0 ? ` The ${shown.length} jails with most of it; ${left} are left out.` : ""}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Interference"><table class="heatmap"><caption>How long the row made the column wait</caption>
<thead><tr><th scope="col">held by ↓, waited →</th>${shown.map((to) => html`<th scope="col">${jails[to]}</th>`)}<th scope="col">sum</th></tr></thead>
<tbody>${rows}${unknown}<tr><th scope="row">sum</th>${shown.map((to) => html`<td class="n">${timeText(waited[to] / 1e6)}</td>`)}<td></td></tr></tbody></table></div>
${pairTable(pairs)}`;
  return { id: "interference", title: "Interference", body };
}

/** By lock, where one jail made another one wait. */
function pairTable(pairs: readonly PairRow[]): Markup {
  const rows = pairs.filter(({ from, to }) => from !== null && from !== to).slice(0, SHOWN);
  const columns: Column<PairRow>[] = [
    { head: "held by", cell: ({ from }) => words(from ?? "") },
    { head: "waited", cell: ({ to }) => words(to ?? "the kernel") },
    { head: "lock", cell: ({ name, label }) => words(lockText({ name, label })) },
    { head: "of", cell: ({ mechanism }) => words(mechanism) },
    { head: "for", cell: ({ nanos: n }) => nanos(n) },
  ];
  return sortable("Jails that made others wait, by lock", columns, rows);
}

function waitFor(all: readonly WaitFor[]): Section {
  const rows = all.flatMap(({ at, edges, deadlock }) =>
    edges.map((edge) => ({ at, deadlock, ...edge })),
  );
  const columns: Column<(typeof rows)[number]>[] = [
    { head: "at", cell: ({ at }) => number(at, `${at.toFixed(3)} s`) },
    { head: "waits", cell: ({ waiter }) => words(waiter) },
    { head: "for what", cell: ({ lock }) => words(lock) },
    { head: "likely held by", cell: ({ holder }) => words(holder) },
    { head: "", cell: ({ deadlock }) => words(deadlock ? "deadlock" : "") },
  ];
  const moments = all.map(
    ({ at, edges, events }) =>
      html`<li>At ${at.toFixed(2)} s ${edges.length} waited for somebody who is likely to be known, ${events} for an event.</li>`,
  );
  const table = sortable("Who waited for whom, at moments of the run", columns, rows);
  const body = html`<p>The moments with most of it, and every deadlock.</p><ul>${moments}</ul>${table}`;
  return { id: "waits", title: "Who waits for whom", body };
}
