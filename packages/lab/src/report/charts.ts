/** What the charts of the report show: lines over time, and how times are distributed. */
import type { HistogramName } from "@jailyard/workload/stress/measure";
import { histogramOf } from "../stress/figures.ts";
import { type Hdr, valuesOf } from "../stress/histogram.ts";
import type { RunFile, Slice } from "../stress/runfile.ts";
import { html, type Markup } from "./markup.ts";

/** One chart, as its script gets it. The first row of `data` is x. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  readonly unit: "ops/s" | "ms" | "%" | "s/s";
  readonly x: "s" | "ms";
  /** Times span decades. */
  readonly log: boolean;
  /** Two lines of each workload: median and p99. */
  readonly pairs: boolean;
  readonly series: readonly string[];
  /** Of each line, or pair of lines: the same workload looks the same in every chart. */
  readonly looks?: readonly number[];
  readonly data: readonly (readonly (number | null)[])[];
}

/** Points of a line, and rows of the table below: more repetitions than fill this are left out. */
const POINTS_MAX = 400;

/** Repetitions follow each other on the time axis. */
export function chartsOf(run: RunFile): Chart[] {
  const names = run.repetitions[0].workloads.map(({ name }) => name);
  const charts: Chart[] = [throughput(run, names)];
  for (const kind of ["latency", "wait", "lag"] as const) {
    if (histogramOf(run.repetitions, kind, null) === null) continue;
    charts.push(overTime(run, names, kind), distribution(run, names, kind));
  }
  return charts.map(withoutEmpty).filter(({ data }) => data[0].length > 1 && data.length > 1);
}

/** Without lines that a run has no numbers for, such as the waits of a server that tells none. */
export function withoutEmpty(chart: Chart): Chart {
  const [x, ...lines] = chart.data;
  const kept = lines.map(
    (line) => line.filter((value) => value !== null && value !== 0).length > 1,
  );
  // Of a pair both lines stay or go.
  const isKept = (ix: number): boolean =>
    chart.pairs ? kept[ix - (ix % 2)] || kept[ix - (ix % 2) + 1] : kept[ix];
  return {
    ...chart,
    series: chart.series.filter((_, ix) => isKept(ix)),
    looks: [...chart.series.keys()].filter(isKept),
    data: [x, ...lines.filter((_, ix) => isKept(ix))],
  };
}

interface At {
  readonly x: number;
  readonly slices: ReadonlyMap<string, Slice>;
}

/** All slices in their order, by workload. */
function timeline({ repetitions, sliceSeconds }: RunFile): At[] {
  const all: At[] = [];
  let from = 0;
  for (const { workloads } of repetitions) {
    const count = Math.max(...workloads.map(({ slices }) => slices.length));
    if (all.length + count > POINTS_MAX && all.length > 0) break;
    for (let ix = 0; ix < count; ix++) {
      const here = workloads.filter(({ slices }) => slices[ix] !== undefined);
      const slices = new Map(here.map((workload) => [workload.name, workload.slices[ix]]));
      all.push({ x: from + (ix + 1) * sliceSeconds, slices });
    }
    from += count * sliceSeconds;
  }
  return all;
}

function lines(
  run: RunFile,
  names: readonly string[],
  value: (slice: Slice) => number | null,
): (number | null)[][] {
  const at = timeline(run);
  const row = (name: string): (number | null)[] =>
    at.map(({ slices }) => {
      const slice = slices.get(name);
      return slice === undefined ? null : value(slice);
    });
  return [at.map(({ x }) => rounded(x)), ...names.map(row)];
}

const throughput = (run: RunFile, names: readonly string[]): Chart => ({
  id: "throughput",
  title: "Operations a second",
  unit: "ops/s",
  x: "s",
  log: false,
  pairs: false,
  series: names,
  // A last slice of a few milliseconds says nothing of a second.
  data: lines(run, names, ({ operations, seconds }) =>
    seconds < run.sliceSeconds / 4 ? null : rounded(operations / seconds),
  ),
});

const OF: Readonly<Record<"latency" | "wait" | "lag", string>> = {
  latency: "Latency of operations",
  wait: "Time in calls that may have to wait",
  lag: "How late operations began, by the schedule",
};

function overTime(run: RunFile, names: readonly string[], of: keyof typeof OF): Chart {
  const at = (q: "p50Ms" | "p99Ms"): (number | null)[][] =>
    lines(run, names, ({ histograms }) => positive(histograms[of]?.[q])).slice(1);
  const [x] = lines(run, names, () => null);
  return {
    id: `${of}-time`,
    title: `${OF[of]} over time: median and p99`,
    unit: "ms",
    x: "s",
    log: true,
    pairs: true,
    series: names.flatMap((name) => [`${name} p50`, `${name} p99`]),
    data: [x, ...interleaved(at("p50Ms"), at("p99Ms"))],
  };
}

const interleaved = <T>(a: readonly T[], b: readonly T[]): T[] =>
  a.flatMap((one, ix) => [one, b[ix]]);

const positive = (ms: number | undefined): number | null =>
  ms === undefined || ms <= 0 ? null : rounded(ms);

export const rounded = (value: number): number => Number(value.toPrecision(5));

/** Buckets of a decade in the distributions. */
const FINE = 10;

/** Share of all times, in percent, in buckets that grow by a tenth of a decade. */
function distribution(
  run: RunFile,
  names: readonly string[],
  of: HistogramName & keyof typeof OF,
): Chart {
  const hdrs = names.map((name) => histogramOf(run.repetitions, of, name));
  return sharesChart(`${of}-shares`, `${OF[of]}: share of each time`, names, hdrs);
}

export function sharesChart(
  id: string,
  title: string,
  names: readonly string[],
  hdrs: readonly (Hdr | null)[],
): Chart {
  const shares = hdrs.map(sharesOf);
  const places = shares.flatMap((share) => [...share.keys()]);
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const x = Array.from({ length: last - first + 1 }, (_, ix) => first + ix);
  return {
    id,
    title,
    unit: "%",
    x: "ms",
    log: false,
    pairs: false,
    series: names,
    data: [
      x.map((place) => rounded(10 ** ((place + 0.5) / FINE) / 1e6)),
      ...shares.map((share) => x.map((place) => rounded(share.get(place) ?? 0))),
    ],
  };
}

function sharesOf(hdr: Hdr | null): Map<number, number> {
  const shares = new Map<number, number>();
  if (hdr === null) return shares;
  for (const [nanos, count] of valuesOf(hdr)) {
    const place = Math.floor(Math.log10(Math.max(1, nanos)) * FINE);
    shares.set(place, (shares.get(place) ?? 0) + (100 * count) / hdr.totalCount);
  }
  return shares;
}

/** The place of a chart, which a script fills, and its numbers for who reads no chart. */
export function figure(chart: Chart): Markup {
  const { id, title, series, data, unit, x } = chart;
  const heads = [`${x === "s" ? "second" : "up to about, ms"}`, ...series];
  const rows = data[0].map((_, ix) => data.map((row) => row[ix]));
  const cells = (row: readonly (number | null)[]): Markup[] =>
    row.map((value) => html`<td class="n">${value ?? "–"}</td>`);
  return html`<figure id="${id}" class="chart">
<figcaption>${title} <span class="unit">(${unit})</span></figcaption>
<div class="plot" tabindex="0" role="img" aria-label="${title}. Arrow keys read the values; the table below has them all."></div>
<p class="reading" aria-live="polite"></p>
<details><summary>Numbers</summary><div class="scroll" tabindex="0" role="region" aria-label="${title}: numbers">
<table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody></table></div></details>
</figure>`;
}
