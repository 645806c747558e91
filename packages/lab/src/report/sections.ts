/** The parts of the report below its charts: workloads, jails, limits, events, settings. */
import { figureOf } from "../stress/figures.ts";
import { figureText, timeText } from "../stress/figuretext.ts";
import type { Gauge, JailResult, RunFile, WorkloadResult } from "../stress/runfile.ts";
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
  const last = repetitions.length > 1 ? " of the last repetition" : "";
  const left = all.length > rows.length ? `, the first ${rows.length} of ${all.length}` : "";
  const table = sortable(`Jails${last}${left}`, columns, rows, {
    id: "jail",
    noun: "jails",
    key: ({ name }) => name,
  });
  return { id: "jails", title: "Jails", body: html`${spread(all)}${table}` };
}

/** Of fewer jails the table says it better. */
const SPREAD_FROM = 20;

/** How alike many jails are: the least, tenth, middle, ninetieth and largest of each figure. */
function spread(all: readonly JailResult[]): Markup | string {
  if (all.length < SPREAD_FROM) return "";
  const whole = (n: number): string => n.toLocaleString("en-US");
  const figures: [string, (jail: JailResult) => number, (n: number) => string][] = [
    ["operations", operationsOf, whole],
    ["latency p99", (jail) => worst(jail, "latency"), timeText],
    ["wait p99", (jail) => worst(jail, "wait"), timeText],
    ["system calls", ({ calls }) => calls, whole],
    ["that slept", ({ sleeps }) => sleeps, whole],
  ];
  const rows = figures.map(([name, of, text]) => {
    const sorted = all
      .map(of)
      .filter((n) => n >= 0)
      .sort((a, b) => a - b);
    const cells = [0, 0.1, 0.5, 0.9, 1].map((q) => {
      const value = sorted[Math.round(q * (sorted.length - 1))];
      return html`<td class="n">${value === undefined ? "–" : text(value)}</td>`;
    });
    return html`<tr><th scope="row">${name}</th>${cells}</tr>\n`;
  });
  const heads = ["figure", "least", "a tenth below", "median", "a tenth above", "most"];
  const caption = `How alike ${whole(all.length)} jails are`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${heads.map((head, ix) => html`<th scope="col" class="${ix === 0 ? "t" : "n"}">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

const p99 = (ms: number): ReturnType<typeof number> => number(ms, ms < 0 ? "–" : timeText(ms));

function jailErrors(jail: JailResult): string {
  const sum: Record<string, number> = {};
  for (const { errors } of Object.values(jail.workloads)) {
    for (const [code, n] of Object.entries(errors)) sum[code] = (sum[code] ?? 0) + n;
  }
  return errorsText(sum);
}

export function limits({ repetitions }: RunFile, charts: Markup): Section {
  const gauges = repetitions.flatMap((one) => one.gauges);
  const names = [...new Set(gauges.map(({ name }) => name))];
  const rows = names.map((name) => gauge(gauges.filter((one) => one.name === name)));
  const body = html`<p>The most that was in use at once, of what all jails share. It is looked at once a slice, so what is used for a shorter time may not show.</p>${rows}${charts}`;
  return { id: "limits", title: "Limits", body };
}

function gauge(own: readonly Gauge[]): Markup {
  const { name, limit, fitted } = own[0];
  const peak = Math.max(...own.map((one) => one.peak));
  const share = Math.min(100, Math.round((100 * peak) / Math.max(1, limit)));
  const hot = share >= 90 && !fitted;
  const state = fitted ? ", made to fit" : peak >= limit ? ", full" : hot ? ", nearly full" : "";
  const text = `${peak.toLocaleString("en-US")} of ${limit.toLocaleString("en-US")}`;
  return html`<div class="gauge" id="limit-${name}"><span class="name">${name}</span>
<div class="track ${hot ? "hot" : ""}" role="meter" aria-label="${name}" aria-valuemin="0" aria-valuemax="${limit}" aria-valuenow="${peak}" aria-valuetext="${text}${state}"><i style="width:${share}%"></i></div>
<span class="value">${text}${state}</span></div>\n`;
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
    ...Object.entries(options).flatMap(([workload, all]) =>
      Object.entries(all).map(
        ([name, value]) => [`${workload}.${name}`, String(value)] as [string, string],
      ),
    ),
    ["conditions that fail it", fail.join("; ") || "none"],
    ["limits set by hand", Object.keys(set).length === 0 ? "none" : JSON.stringify(set)],
    ...Object.entries(rest).map(
      ([name, value]) =>
        [name, name === "rate" && value === null ? "none" : text(value)] as [string, string],
    ),
  ];
  const around = Object.entries({ ...run.machine, ...run.versions, date: run.date }).map(
    ([name, value]) =>
      name === "memoryBytes"
        ? ["memory", `${figureText(Number(value) / 2 ** 30)} GiB`]
        : [name, value],
  );
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
