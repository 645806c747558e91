/**
 * The report of a run: one HTML file that opens from disk, with charts by uPlot inlined, the run
 * itself inside, and everything that a chart shows also as text and tables.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { RunFile } from "../stress/runfile.ts";
import { sentencesOf } from "../stress/sentences.ts";
import { SCRIPT } from "./browser.ts";
import { type Chart, chartsOf, figure } from "./charts.ts";
import { contention } from "./contention.ts";
import { drawer } from "./graph.ts";
import { html, type Markup, raw } from "./markup.ts";
import { limitCharts, lockCharts } from "./morecharts.ts";
import { jails, limits, type Section, settings, tiles, workloads } from "./sections.ts";
import { servers } from "./servers.ts";
import { STYLE } from "./style.ts";
import { events } from "./timeline.ts";

const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
const library = (file: string): string => readFileSync(join(uplot, file), "utf8");

/** Of the run inside the page, so that the page stays below 2 MB. */
const DATA_MAX = 1_000_000;
const EVENTS_KEPT = 300;
const LOCKS_KEPT = 100;

export async function reportHtml(run: RunFile): Promise<string> {
  const viz = await drawer();
  const [times, ofLocks, ofLimits] = [chartsOf(run), lockCharts(run), limitCharts(run)];
  const charts = [...times, ...ofLocks, ...ofLimits];
  const chartSection: Section = {
    id: "charts",
    title: "Over time, and how times are distributed",
    body: grid(times),
  };
  const sections = [
    workloads(run),
    servers(run),
    chartSection,
    ...contention(viz, run, grid(ofLocks)),
    jails(run),
    limits(run, grid(ofLimits)),
    events(run),
    settings(run),
  ].filter((section) => section !== null);
  const { data, note } = embedded(run);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${titleOf(run)}</title>
<link rel="icon" href="data:,">
<style>${raw(library("uPlot.min.css"))}${raw(STYLE)}</style>
</head>
<body>
${header(sections)}
<main id="main">
${result(run)}
${tiles(run)}
${sections.map(({ id, title, body }) => html`<section id="${id}"><h2>${title}</h2>\n${body}\n</section>\n`)}
<footer><p>Made by jailyard ${run.versions.jailyard ?? ""}. ${note}</p></footer>
</main>
<script type="application/json" id="run-data">${raw(inScript(data))}</script>
<script type="application/json" id="charts-data">${raw(inScript(JSON.stringify(charts)))}</script>
<script>${raw(library("uPlot.iife.min.js"))}</script>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

const grid = (charts: readonly Chart[]): Markup =>
  html`<div class="charts">${charts.map(figure)}</div>`;

const titleOf = ({ settings: { workloads: mix, jails: count } }: RunFile): string =>
  `${Object.keys(mix).join(", ")} in ${count} ${count === 1 ? "jail" : "jails"}`;

const header = (
  sections: readonly Section[],
): Markup => html`<a class="skip" href="#main">To the result</a>
<header><div><nav aria-label="Sections">${sections.map(({ id, title }) => html`<a href="#${id}">${title.split(",")[0]}</a> `)}</nav>
<button type="button" id="theme">Light or dark</button> <button type="button" id="download">Download the data</button></div></header>`;

function result(run: RunFile): Markup {
  const good = run.verdict.status === 0 && run.partial === null;
  const sentences = sentencesOf(run).map((text) => html`<li>${text}</li>\n`);
  return html`<div class="${good ? "passed" : "failed"}"><h1>${good ? "" : "Not as it should be: "}${titleOf(run)}</h1>
<ul class="result">${sentences}</ul></div>`;
}

/** The run as JSON; if it is too large, without what takes most room. */
function embedded(run: RunFile): { data: string; note: string } {
  const whole = JSON.stringify(run);
  if (whole.length <= DATA_MAX) return { data: whole, note: "The run is in this page as a whole." };
  const left =
    "without the histograms of slices, locks by slice, numbers by jail and workload, locks by jail, and later events";
  const data = JSON.stringify(slimmed(run, true));
  if (data.length <= DATA_MAX) return { data, note: note(left) };
  return { data: JSON.stringify(slimmed(run, false)), note: note("without slices, jails, events") };
}

const note = (left: string): string =>
  `The run in this page is ${left}; the file that --json writes has them.`;

function slimmed(run: RunFile, hasParts: boolean): RunFile {
  const repetitions = run.repetitions.map((one) => ({
    ...one,
    workloads: one.workloads.map((workload) => ({
      ...workload,
      slices: hasParts ? workload.slices.map((slice) => ({ ...slice, histograms: {} })) : [],
    })),
    jails: hasParts ? one.jails.map((jail) => ({ ...jail, workloads: {} })) : [],
    events: hasParts ? one.events.slice(0, EVENTS_KEPT) : [],
    lockSlices: [],
    gauges: hasParts ? one.gauges : one.gauges.map((gauge) => ({ ...gauge, used: [] })),
  }));
  const locks = run.locks?.slice(0, LOCKS_KEPT).map((lock) => ({ ...lock, uses: [] }));
  return { ...run, repetitions, ...(locks === undefined ? {} : { locks }) };
}

/** Nothing in it may end the script element. */
const inScript = (json: string): string => json.replaceAll("<", "\\u003c");
