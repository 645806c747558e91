/** Tables that a reader can sort, by a button in each heading, and filter. */
import { html, type Markup } from "./markup.ts";

/** What a cell shows, and by what it is sorted. */
export interface Cell {
  readonly shown: string | Markup;
  readonly by: string | number;
}

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => Cell;
}

/** A cell of text, or of a number with its text. */
export const words = (text: string): Cell => ({ shown: text, by: text });
export const number = (value: number, shown: string): Cell => ({
  shown,
  by: Number.isFinite(value) ? value : -1,
});

export function sortable<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  id = "",
): Markup {
  const heads = columns.map(
    ({ head, cell }) =>
      html`<th scope="col" class="${rows.length > 0 ? kindOf(cell(rows[0])) : "t"}"><button type="button" class="sort">${head}<span class="mark" aria-hidden="true"></span></button></th>`,
  );
  const body = rows.map((row) => html`<tr>${columns.map(({ cell }) => cellOf(cell(row)))}</tr>\n`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
<table id="${id}"><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

const kindOf = ({ by }: Cell): "n" | "t" => (typeof by === "number" ? "n" : "t");

function cellOf(cell: Cell): Markup {
  return html`<td class="${kindOf(cell)}" data-by="${cell.by}">${cell.shown}</td>`;
}

/** Names and values, which nobody sorts. */
export function list(pairs: readonly (readonly [name: string, value: string])[]): Markup {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>`;
}
