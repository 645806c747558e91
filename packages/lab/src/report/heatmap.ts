/** Who made whom wait, as a matrix whose cells are shaded and have their figures as text. */
import { timeText } from "../stress/figuretext.ts";
import type { Interference } from "../stress/runfile.ts";
import { html, type Markup } from "./markup.ts";

/** More jails than this make no heat map that can be read: those that wait most are shown. */
const JAILS_SHOWN = 40;
const MECHANISM_JAILS_SHOWN = 16;

type Matrix = Pick<Interference, "nanos" | "nobody">;

/** The host's jail is called 0, which reads like a number. */
export const named = (jail: string): string => (jail === "0" ? "host" : jail);

const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);

/** All locks together, and each mechanism by itself. */
export function heatMaps({ jails: ids, mechanisms, ...all }: Interference): Markup {
  const jails = ids.map(named);
  const { map, left } = heatMap("How long the row made the column wait", jails, all, JAILS_SHOWN);
  const waited = mechanisms.filter(({ nanos }) => sum(nanos.flat()) > 0);
  const parts = waited.map(({ mechanism, ...own }) => {
    const caption = `The same for ${mechanism === "gate" ? "the gate" : `locks of ${mechanism}`} alone`;
    return html`<details><summary>${caption}</summary>${heatMap(caption, jails, own, MECHANISM_JAILS_SHOWN).map}</details>`;
  });
  const rest =
    left > 0 ? ` The ${jails.length - left} jails with most of it; ${left} are left out.` : "";
  return html`<p>Each row is a jail that held a lock, each column a jail that waited for it meanwhile. Nobody is known where a wait was for an event, or, after the wake-up, for a processor. The host is whoever looks at limits, once a slice, and starts jails.${rest}</p>
${map}${waited.length > 1 ? parts : ""}`;
}

/** `most` jails of it, those that have most to do with it; `left` are not shown. */
function heatMap(
  caption: string,
  jails: readonly string[],
  { nanos, nobody }: Matrix,
  most: number,
): { readonly map: Markup; readonly left: number } {
  const waited = jails.map((_, to) => sum(nanos.map((row) => row[to])) + nobody[to]);
  const made = nanos.map(sum);
  const order = [...jails.keys()].sort((a, b) => waited[b] + made[b] - waited[a] - made[a]);
  const shown = order.slice(0, most).sort((a, b) => a - b);
  const largest = nanos.flat().reduce((a, b) => Math.max(a, b), 1);
  const cell = (from: number, to: number): Markup => {
    const value = nanos[from][to];
    const heat = Math.round(100 * Math.sqrt(value / largest)); // small ones are to show too
    const text = timeText(value / 1e6);
    return html`<td class="heat" style="--share:${heat}%" title="${jails[from]} made ${jails[to]} wait ${text}">${value === 0 ? "" : text}</td>`;
  };
  const figure = (value: number): Markup =>
    html`<td class="n">${value === 0 ? "" : timeText(value / 1e6)}</td>`;
  const rows = shown.map(
    (from) =>
      html`<tr><th scope="row">${jails[from]}</th>${shown.map((to) => cell(from, to))}${figure(made[from])}</tr>\n`,
  );
  const map = html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="heatmap"><caption>${caption}</caption>
<thead><tr><th scope="col">held by ↓, waited →</th>${shown.map((to) => html`<th scope="col">${jails[to]}</th>`)}<th scope="col">sum</th></tr></thead>
<tbody>${rows}<tr><th scope="row">nobody known</th>${shown.map((to) => figure(nobody[to]))}${figure(sum(nobody))}</tr>
<tr><th scope="row">sum</th>${shown.map((to) => figure(waited[to]))}${figure(sum(waited))}</tr></tbody></table></div>`;
  return { map, left: jails.length - shown.length };
}
