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
import { chartsOf, figure } from "./charts.ts";
import { contention } from "./contention.ts";
import { html, type Markup, raw } from "./markup.ts";
import { events, jails, limits, type Section, settings, tiles, workloads } from "./sections.ts";
import { STYLE } from "./style.ts";

const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
const library = (file: string): string => readFileSync(join(uplot, file), "utf8");

/** Of the run inside the page, so that the page stays below 2 MB. */
const DATA_MAX = 1_200_000;

export function reportHtml(run: RunFile): string {
  const charts = chartsOf(run);
  const chartSection: Section = {
    id: "charts",
    title: "Over time, and how times are distributed",
    body: html`<div class="charts">${charts.map(figure)}</div>`,
  };
  const sections = [
    workloads(run),
    chartSection,
    ...contention(run),
    jails(run),
    limits(run),
    events(run),
    settings(run),
  ];
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

/** The run as JSON; if it is too large, without the histograms of its slices. */
function embedded(run: RunFile): { data: string; note: string } {
  const data = JSON.stringify(run);
  if (data.length <= DATA_MAX) return { data, note: "The run is in this page as a whole." };
  const repetitions = run.repetitions.map((one) => ({
    ...one,
    workloads: one.workloads.map((workload) => ({
      ...workload,
      slices: workload.slices.map((slice) => ({ ...slice, histograms: {} })),
    })),
    jails: one.jails.map((jail) => ({ ...jail, workloads: {} })),
    events: one.events.slice(0, 300),
  }));
  const note =
    "The run in this page is without the histograms of slices, numbers by jail and workload, and later events; the file of --json has them.";
  return { data: JSON.stringify({ ...run, repetitions }), note };
}

/** Nothing in it may end the script element. */
const inScript = (json: string): string => json.replaceAll("<", "\\u003c");
