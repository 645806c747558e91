/**
 * What runs in the reader's browser, as text in the page: charts, the theme, the download; tables are in
 * browsertables.ts. Every function here stands by itself or calls another one of `SCRIPT`.
 */
/// <reference lib="dom" />
import type uPlotType from "uplot";
import { startTables, TABLE_FUNCTIONS } from "./browsertables.ts";
import type { Chart } from "./charts.ts";

declare const uPlot: typeof uPlotType;

/** By id, so that a change of theme can draw all anew. */
type Drawn = Map<string, uPlotType>;

function start(): void {
  const charts = JSON.parse(document.getElementById("charts-data")!.textContent!) as Chart[];
  const drawn: Drawn = new Map();
  const redraw = (): void => {
    for (const chart of charts) drawChart(drawn, chart);
  };
  redraw();
  listenTheme(redraw);
  listenSize(drawn);
  startTables();
  document.getElementById("download")!.addEventListener("click", download);
}

/** Apart in hue and in lightness, and by their dashes. */
function strokeOf(ix: number): { stroke: string; dash: number[] } {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  const light = ["#0b5cad", "#b8500b", "#00734f", "#9c2a7e", "#6b5900", "#44546a", "#c1121f"];
  const bright = ["#7db7f5", "#ffab6b", "#4fd3a5", "#f09bd6", "#e3cf5b", "#b6c2d1", "#ff8d8d"];
  const colours = dark ? bright : light;
  const dashes = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5]];
  return { stroke: colours[ix % colours.length], dash: dashes[ix % dashes.length] };
}

function lookOf({ looks }: Chart, ix: number): number {
  return looks === undefined ? ix : looks[ix];
}

function valueText(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  const shown = Math.abs(value) >= 100 ? Math.round(value).toLocaleString() : value.toPrecision(3);
  return `${Number.isNaN(Number(shown)) ? shown : Number(shown)} ${unit}`;
}

function axisOf(label: string, unit: string): uPlotType.Axis {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const font = "13px system-ui, sans-serif";
  return {
    label: label === "" ? unit : `${label}, ${unit}`,
    stroke: ink,
    font,
    labelFont: font,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    values: (_, ticks) =>
      ticks.map((tick) =>
        tick === null
          ? ""
          : tick >= 10_000
            ? `${tick / 1000}k`
            : String(Number(tick.toPrecision(3))),
      ),
  };
}

/** The legend shows dashes as CSS has them. */
function markerOf(plot: uPlotType, ix: number): string {
  const { dash = [] } = plot.series[ix];
  return dash.length === 0 ? "solid" : dash[0] < 4 ? "dotted" : "dashed";
}

function drawChart(drawn: Drawn, chart: Chart): void {
  const place = document.querySelector<HTMLElement>(`#${chart.id} .plot`)!;
  drawn.get(chart.id)?.destroy();
  const byTime = chart.x === "s";
  const series = chart.series.map((label, ix) => ({
    label,
    ...(chart.pairs
      ? { ...strokeOf(Math.floor(lookOf(chart, ix) / 2)), dash: ix % 2 === 0 ? [3, 4] : [] }
      : strokeOf(lookOf(chart, ix))),
    width: 2,
    spanGaps: true,
    value: (_: uPlotType, value: number | null) => valueText(value, chart.unit),
  }));
  const x = byTime ? "time" : "time of one";
  const options: uPlotType.Options = {
    width: place.clientWidth,
    height: 260,
    scales: {
      x: { time: false, distr: byTime ? 1 : 3 },
      y: chart.log ? { distr: 3 } : { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
    },
    axes: [axisOf(x, chart.x), { ...axisOf("", chart.unit), size: 70 }],
    series: [{ label: x, value: (_, value) => valueText(value, chart.x) }, ...series],
    legend: { live: true, markers: { width: 3, dash: markerOf } },
  };
  const plot = new uPlot(options, chart.data as uPlotType.AlignedData, place);
  drawn.set(chart.id, plot);
  listenKeys(place, plot, chart);
}

/** Arrow keys move through the values, which are told below the chart. */
function listenKeys(place: HTMLElement, plot: uPlotType, chart: Chart): void {
  const reading = place.parentElement!.querySelector(".reading")!;
  const last = chart.data[0].length - 1;
  let at = -1;
  place.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -last - 1, End: last + 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    at = Math.min(last, Math.max(0, at + step));
    const left = plot.valToPos(chart.data[0][at]!, "x");
    plot.setCursor({ left, top: plot.over.clientHeight / 2 });
    const values = chart.series.map(
      (name, ix) => `${name} ${valueText(chart.data[ix + 1][at], chart.unit)}`,
    );
    reading.textContent = `${valueText(chart.data[0][at], chart.x)}: ${values.join(", ")}`;
  };
}

function listenSize(drawn: Drawn): void {
  addEventListener("resize", () => {
    for (const plot of drawn.values()) {
      const width = plot.root.parentElement!.clientWidth;
      if (width > 0) plot.setSize({ width, height: plot.height });
    }
  });
}

function listenTheme(redraw: () => void): void {
  const root = document.documentElement;
  const button = document.getElementById("theme")!;
  button.addEventListener("click", () => {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function download(): void {
  const text = document.getElementById("run-data")!.textContent!;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "run.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

const FUNCTIONS = [
  start,
  strokeOf,
  lookOf,
  valueText,
  axisOf,
  markerOf,
  drawChart,
  listenKeys,
  listenSize,
  listenTheme,
  download,
  ...TABLE_FUNCTIONS,
];

/** The text of the script. Types are gone by the time it runs. */
export const SCRIPT: string = `${FUNCTIONS.map(String).join("\n")}\nstart();`;
