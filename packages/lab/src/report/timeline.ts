/** What happened, on a line of time for each kind of event, and as a table. */
import type { RunEvent, RunFile } from "../stress/runfile.ts";
import { html, type Markup } from "./markup.ts";
import type { Section } from "./sections.ts";
import { type Column, number, sortable, words } from "./table.ts";

/** A mark of each kind of event, told apart by its shape. */
const MARKS: Readonly<Record<RunEvent["what"], string>> = {
  start: "○",
  go: "▶",
  refusal: "▲",
  collision: "◆",
  wrong: "✖",
  deadlock: "∞",
  death: "✝",
  stop: "■",
  end: "●",
};
/** Rows of the table, and marks of one kind: what happens at once covers itself. */
const SHOWN = 500;
const MARKS_MAX = 120;
/** Steps between two figures of the line, in seconds. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;
const FIGURES_MAX = 12;

export function events({ repetitions }: RunFile): Section {
  const parts = repetitions.map(({ events: all }, ix) => {
    const shown = all.slice(0, SHOWN);
    const columns: Column<RunEvent>[] = [
      { head: "at", cell: ({ at }) => number(at, `${at.toFixed(3)} s`) },
      { head: "what", cell: ({ what }) => words(`${MARKS[what]} ${what}`) },
      { head: "jail", cell: ({ jail }) => words(jail ?? "") },
      { head: "workload", cell: ({ workload }) => words(workload ?? "") },
      { head: "what happened", cell: ({ text }) => words(text) },
    ];
    const title = repetitions.length > 1 ? `Events of repetition ${ix + 1}` : "Events";
    const rest = all.length - shown.length;
    const id = ix === repetitions.length - 1 ? { id: "event", noun: "events" } : {};
    return html`${strip(all)}
${sortable(title, columns, shown, id)}${rest > 0 ? html`<p>and ${rest} more, in the data.</p>` : ""}`;
  });
  const body = html`<p>Times count from the moment at which all began to work. A refusal is told of once for each kind, jail and workload.</p>${parts}`;
  return { id: "events", title: "Events", body };
}

/** The table says the same, so this is hidden from who hears the page. */
function strip(all: readonly RunEvent[]): Markup {
  const [from, to] = [all[0]?.at ?? 0, all.at(-1)?.at ?? 1];
  const place = (at: number): string =>
    ((100 * (at - from)) / Math.max(0.001, to - from)).toFixed(2);
  const kinds = Object.keys(MARKS) as RunEvent["what"][];
  const lanes = kinds.map((what) => {
    const own = all.filter((event) => event.what === what);
    if (own.length === 0) return html``;
    const marks = thinned(own).map(
      ({ at, jail, text }) =>
        html`<span class="mark ${what}" style="left:${place(at)}%" title="${at.toFixed(2)} s: ${jail === null ? "" : `${jail}: `}${text}">${MARKS[what]}</span>`,
    );
    return html`<div class="lane"><span class="name">${what} <small>${own.length.toLocaleString("en-US")}</small></span><div class="line">${marks}</div></div>\n`;
  });
  const figures = ticks(from, to).map(
    (at) => html`<span style="left:${place(at)}%">${at} s</span>`,
  );
  return html`<div class="strip" aria-hidden="true">${lanes}<div class="lane"><span class="name"></span><div class="line figures">${figures}</div></div></div>`;
}

/** As many as can be told apart. */
function thinned(all: readonly RunEvent[]): readonly RunEvent[] {
  const step = Math.ceil(all.length / MARKS_MAX);
  return all.filter((_, ix) => ix % step === 0);
}

function ticks(from: number, to: number): number[] {
  const step = STEPS.find((one) => (to - from) / one <= FIGURES_MAX) ?? STEPS.at(-1)!;
  const first = Math.ceil(from / step);
  const count = Math.max(0, Math.floor(to / step) - first + 1);
  return Array.from({ length: count }, (_, ix) => Number(((first + ix) * step).toPrecision(6)));
}
