/** Who waits for whom as a picture, by Graphviz: processes are boxes, an arrow leads to the likely holder. */
import { instance, type Viz } from "@viz-js/viz";
import type { WaitFor } from "../stress/runfile.ts";
import { html, type Markup, raw } from "./markup.ts";

/** Arrows of one picture; beyond that jails are the boxes, and arrows are counted. */
const EDGES_MAX = 24;
/** Letters of a label. */
const LABEL_MAX = 28;

type Edge = WaitFor["edges"][number];

/** Makes pictures; loaded once. */
export const drawer = (): Promise<Viz> => instance();

/** A picture of one moment; null if nobody waited for somebody. */
export function graph(viz: Viz, { at, edges, deadlock }: WaitFor): Markup | null {
  if (edges.length === 0) return null;
  const drawn = edges.length <= EDGES_MAX ? edges.map(arrow) : byJail(edges);
  const svg = viz.renderString(
    {
      directed: true,
      graphAttributes: { rankdir: "LR", bgcolor: "transparent", nodesep: 0.2, pad: 0.1 },
      nodeAttributes: { shape: "box", style: "rounded", fontname: "sans-serif", fontsize: 13 },
      edgeAttributes: { fontname: "sans-serif", fontsize: 11 },
      edges: drawn,
    },
    { format: "svg" },
  );
  const text = `${drawn.length} ${drawn.length === 1 ? "arrow" : "arrows"}, each from who waits to who is likely to hold; the table below says the same in words`;
  const what = deadlock ? "A deadlock" : "Who waited for whom";
  const title = `${what} at ${at.toFixed(2)} s`;
  return html`<figure class="graph ${deadlock ? "deadlock" : ""}"><figcaption>${title}${note(edges)}</figcaption>
<div class="scroll" tabindex="0" role="img" aria-label="${title}: ${text}">${raw(themed(svg))}</div></figure>`;
}

const note = (edges: readonly Edge[]): string =>
  edges.length <= EDGES_MAX ? "" : ` (jails as boxes: ${edges.length} processes wait)`;

interface Arrow {
  readonly tail: string;
  readonly head: string;
  readonly attributes: { readonly label: string };
}

function arrow({ waiter, holder, lock }: Edge): Arrow {
  return { tail: waiter, head: holder, attributes: { label: short(lock) } };
}

/** Arrows between jails, the most frequent ones, with how many processes each is for. */
function byJail(edges: readonly Edge[]): Arrow[] {
  const jail = (who: string): string => who.replace(/\[.*$/, "");
  const groups = Map.groupBy(edges, (edge) => `${jail(edge.waiter)}\n${jail(edge.holder)}`);
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, EDGES_MAX)
    .map(([key, own]) => {
      const [tail, head] = key.split("\n");
      const label = `${own.length} on ${short(own[0].lock)}${own.length > 1 ? " …" : ""}`;
      return { tail, head, attributes: { label } };
    });
}

const short = (text: string): string =>
  text.length <= LABEL_MAX ? text : `${text.slice(0, LABEL_MAX - 1)}…`;

/** Colours of the page in the place of Graphviz's, no title that hovers, no size in points. */
const themed = (svg: string): string =>
  svg
    .slice(svg.indexOf("<svg"))
    .replace(/width="(\d+)pt" height="(\d+)pt"/, 'width="$1" height="$2" aria-hidden="true"')
    .replace(/<title>.*?<\/title>\s*/gs, "")
    .replace(/<!--.*?-->\s*/gs, "")
    .replaceAll(' xml:space="preserve"', "")
    .replaceAll('stroke="black"', 'stroke="currentColor"')
    .replaceAll('fill="black"', 'fill="currentColor"')
    .replaceAll("<text ", '<text fill="currentColor" ');
