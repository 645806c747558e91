/** The parts of the report below its charts: workloads, jails, limits, events, settings. */
import { figureOf } from "../stress/figures.ts";
import { figureText, timeText } from "../stress/figuretext.ts";
import type { JailResult, RunEvent, RunFile, WorkloadResult } from "../stress/runfile.ts";
import { html, type Markup } from "./markup.ts";
import { type Column, list, number, sortable, words } from "./table.ts";

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

const time = (ms: number | undefined): ReturnType<typeof number> =>
  number(ms ?? -1, ms === undefined ? "–" : timeText(ms));

export function workloads({ repetitions, native = [] }: RunFile): Section {
  const rows = repetitions.flatMap((one, ix) => one.workloads.map((result) => ({ ix, result })));
  const of = (head: string, cell: (result: WorkloadResult) => ReturnType<typeof number>) => ({
    head,
    cell: ({ result }: (typeof rows)[number]) => cell(result),
  });
  const columns: Column<(typeof rows)[number]>[] = [
    of("workload", ({ name }) => words(name)),
    { head: "run", cell: ({ ix }) => number(ix, String(ix + 1)) },
    of("processes a jail", ({ procs }) => number(procs, String(procs))),
    of("operations", ({ operations }) => number(operations, operations.toLocaleString("en-US"))),
    of("ops/s", ({ throughput }) => number(throughput, figureText(throughput))),
    of("latency p50", ({ histograms }) => time(histograms.latency?.p50Ms)),
    of("latency p99", ({ histograms }) => time(histograms.latency?.p99Ms)),
    of("latency max", ({ histograms }) => time(histograms.latency?.maxMs)),
    of("wait p99", ({ histograms }) => time(histograms.wait?.p99Ms)),
    of("wait max", ({ histograms }) => time(histograms.wait?.maxMs)),
    of("errors", ({ errors }) => words(errorsText(errors))),
    of("checks failed", ({ wrong }) => number(wrong, String(wrong))),
    ...(native.length === 0 ? [] : [of("native ops/s", ({ name }) => nativeCell(native, name))]),
  ];
  const body = sortable("Workloads, a row for each repetition", columns, rows);
  return { id: "workloads", title: "Workloads", body };
}

function nativeCell(
  native: NonNullable<RunFile["native"]>,
  name: string,
): ReturnType<typeof number> {
  const found = native.find((one) => one.name === name);
  return found === undefined
    ? number(-1, "–")
    : number(found.throughput, figureText(found.throughput));
}

const errorsText = (errors: Readonly<Record<string, number>>): string =>
  Object.entries(errors)
    .map(([code, n]) => `${code} ${n.toLocaleString("en-US")}`)
    .join(", ") || "none";

/** Rows that a browser lays out without a pause; the data has all. */
const JAILS_SHOWN = 1500;

const operationsOf = ({ workloads: all }: JailResult): number =>
  Object.values(all).reduce((sum, { operations }) => sum + operations, 0);

const worst = ({ workloads: all }: JailResult, of: "latency" | "wait"): number =>
  Math.max(-1, ...Object.values(all).map(({ histograms }) => histograms[of]?.p99Ms ?? -1));

export function jails({ repetitions }: RunFile): Section {
  const all = repetitions.at(-1)!.jails;
  const rows = all.slice(0, JAILS_SHOWN);
  const most = Math.max(1, ...rows.map(operationsOf));
  const columns: Column<JailResult>[] = [
    { head: "jail", cell: ({ name }) => words(name) },
    {
      head: "operations",
      cell: (jail) => {
        const n = operationsOf(jail);
        const share = Math.round((100 * n) / most);
        const shown = html`<span class="bar" style="--share:${share}%">${n.toLocaleString("en-US")}</span>`;
        return { shown, by: n };
      },
    },
    { head: "latency p99, worst workload", cell: (jail) => p99(worst(jail, "latency")) },
    { head: "wait p99, worst workload", cell: (jail) => p99(worst(jail, "wait")) },
    { head: "errors", cell: (jail) => words(jailErrors(jail)) },
    { head: "system calls", cell: ({ calls }) => number(calls, calls.toLocaleString("en-US")) },
    { head: "that slept", cell: ({ sleeps }) => number(sleeps, sleeps.toLocaleString("en-US")) },
  ];
  const filter = html`<p><label>Show jails whose name has <input type="search" id="jail-filter" autocomplete="off"></label>
<span id="jail-count" aria-live="polite"></span></p>`;
  const last = repetitions.length > 1 ? " of the last repetition" : "";
  const left = all.length > rows.length ? `, the first ${rows.length} of ${all.length}` : "";
  const table = sortable(`Jails${last}${left}`, columns, rows, "jail-table");
  return { id: "jails", title: "Jails", body: html`${filter}${table}` };
}

const p99 = (ms: number): ReturnType<typeof number> => number(ms, ms < 0 ? "–" : timeText(ms));

function jailErrors(jail: JailResult): string {
  const sum: Record<string, number> = {};
  for (const { errors } of Object.values(jail.workloads)) {
    for (const [code, n] of Object.entries(errors)) sum[code] = (sum[code] ?? 0) + n;
  }
  return errorsText(sum);
}

export function limits({ repetitions }: RunFile): Section {
  const gauges = repetitions.flatMap((one) => one.gauges);
  const names = [...new Set(gauges.map(({ name }) => name))];
  const rows = names.map((name) => {
    const own = gauges.filter((gauge) => gauge.name === name);
    const { limit, fitted } = own[0];
    const peak = Math.max(...own.map((gauge) => gauge.peak));
    const share = Math.min(100, Math.round((100 * peak) / Math.max(1, limit)));
    const hot = share >= 90 && !fitted;
    const state = fitted ? ", made to fit" : share >= 100 ? ", full" : hot ? ", nearly full" : "";
    return html`<div class="gauge"><span class="name">${name}</span>
<div class="track ${hot ? "hot" : ""}" role="meter" aria-label="${name}" aria-valuemin="0" aria-valuemax="${limit}" aria-valuenow="${peak}" aria-valuetext="${peak} of ${limit}"><i style="width:${share}%"></i></div>
<span class="value">${peak.toLocaleString("en-US")} of ${limit.toLocaleString("en-US")}${state}</span></div>\n`;
  });
  const body = html`<p>The most that was in use at once, of what all jails share. It is looked at once a slice, so what is used for a shorter time may not show.</p>${rows}`;
  return { id: "limits", title: "Limits", body };
}

/** A mark of each kind of event, told apart by its shape. */
const MARKS: Readonly<Record<RunEvent["what"], string>> = {
  start: "○",
  go: "▶",
  refusal: "▲",
  wrong: "✖",
  deadlock: "∞",
  death: "✝",
  stop: "■",
  end: "●",
};
const SHOWN = 300;

export function events({ repetitions }: RunFile): Section {
  const parts = repetitions.map(({ events: all }, ix) => {
    const shown = all.slice(0, SHOWN);
    const [from, to] = [all[0]?.at ?? 0, all.at(-1)?.at ?? 1];
    const place = (at: number): string =>
      ((100 * (at - from)) / Math.max(0.001, to - from)).toFixed(2);
    const marks = shown.map(
      ({ at, what, text }) =>
        html`<span class="mark ${what}" style="left:${place(at)}%" title="${at.toFixed(2)} s: ${text}">${MARKS[what]}</span>`,
    );
    const columns: Column<RunEvent>[] = [
      { head: "at", cell: ({ at }) => number(at, `${at.toFixed(3)} s`) },
      { head: "what", cell: ({ what }) => words(`${MARKS[what]} ${what}`) },
      { head: "jail", cell: ({ jail }) => words(jail ?? "") },
      { head: "workload", cell: ({ workload }) => words(workload ?? "") },
      { head: "", cell: ({ text }) => words(text) },
    ];
    const title = repetitions.length > 1 ? `Events of repetition ${ix + 1}` : "Events";
    const rest = all.length - shown.length;
    return html`<div class="strip" aria-hidden="true">${marks}</div>
${sortable(title, columns, shown)}${rest > 0 ? html`<p>and ${rest} more, in the data.</p>` : ""}`;
  });
  const body = html`<p>Times count from the moment at which all began to work. A refusal is told of once for each kind, jail and workload.</p>${parts}`;
  return { id: "events", title: "Events", body };
}

export function settings(run: RunFile): Section {
  const { fail, options, workloads: mix, limits: set, ...rest } = run.settings;
  const text = (value: unknown): string =>
    typeof value === "object" ? JSON.stringify(value) : String(value);
  const pairs: [string, string][] = [
    [
      "workloads",
      Object.entries(mix)
        .map(([name, weight]) => `${name}=${weight}`)
        .join(", "),
    ],
    [
      "options",
      Object.entries(options)
        .map(([name, all]) => `${name} ${JSON.stringify(all)}`)
        .join("; "),
    ],
    ["conditions that fail it", fail.join("; ") || "none"],
    ["limits set by hand", Object.keys(set).length === 0 ? "none" : JSON.stringify(set)],
    ...Object.entries(rest).map(
      ([name, value]) =>
        [name, name === "rate" && value === null ? "none" : text(value)] as [string, string],
    ),
  ];
  const around = Object.entries({ ...run.machine, ...run.versions, date: run.date });
  const all = Object.entries(run.limits).map(
    ([name, value]) => [name, value.toLocaleString("en-US")] as const,
  );
  const body = html`${list(pairs)}<h3>Machine and versions</h3>
${list(around.map(([name, value]) => [name, String(value)] as const))}
<details><summary>Every limit</summary>${list(all)}</details>`;
  return { id: "settings", title: "Settings", body };
}

/** Figures that nothing else on the page has, for the head of it. */
export function tiles({ repetitions }: RunFile): Markup {
  const plain = (name: "operations" | "throughput" | "errors" | "wrong"): number =>
    figureOf(repetitions, { name, workload: null });
  const p = (of: "latency" | "wait"): number =>
    figureOf(repetitions, { name: "p99", of, workload: null });
  const all = [
    ["operations a second", figureText(plain("throughput"))],
    ["operations", plain("operations").toLocaleString("en-US")],
    ["latency p99", timeText(p("latency"))],
    ["wait p99", timeText(p("wait"))],
    ["errors", plain("errors").toLocaleString("en-US")],
    ["checks failed", plain("wrong").toLocaleString("en-US")],
  ] as const;
  return html`<ul class="tiles">${all.map(([name, value]) => html`<li><b>${value}</b> ${name}</li>`)}</ul>`;
}
