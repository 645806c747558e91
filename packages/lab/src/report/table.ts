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

/** Rows that are laid out at once; the script shows more of them, and searches all. */
const ROWS_AT_ONCE = 100;
/** Tables that are shorter than this need no search. */
const SEARCHED_FROM = 8;

export interface TableOptions<T> {
  /** `jail`: of #jails=TEXT, which searches, and of #jail=KEY, which shows one row. */
  readonly id?: string;
  /** What is searched, as `jails`. */
  readonly noun?: string;
  /** What the address calls a row; its first cell is a link to itself. */
  readonly key?: (row: T) => string;
}

export function sortable<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  { id = "", noun = "", key }: TableOptions<T> = {},
): Markup {
  const heads = columns.map(
    ({ head, cell }) =>
      html`<th scope="col" class="${rows.length > 0 ? kindOf(cell(rows[0])) : "t"}"><button type="button" class="sort">${head}<span class="mark" aria-hidden="true"></span></button></th>`,
  );
  const lines = rows.map((row) => {
    const name = key?.(row);
    const cells = columns.map(({ cell }, ix) =>
      cellOf(cell(row), ix === 0 ? linkOf(id, name) : ""),
    );
    return name === undefined
      ? html`<tr>${cells}</tr>\n`
      : html`<tr data-key="${name}">${cells}</tr>\n`;
  });
  const rest = lines.slice(ROWS_AT_ONCE);
  return html`${id !== "" && rows.length >= SEARCHED_FROM ? search(id, noun) : ""}<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
<table${id === "" ? "" : html` id="${id}-table" data-id="${id}"`}><caption>${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${lines.slice(0, ROWS_AT_ONCE)}</tbody></table></div>${rest.length === 0 ? "" : more(rest)}`;
}

const search = (id: string, noun: string): Markup =>
  html`<p class="search"><label>Search ${noun} <input type="search" id="${id}-filter" autocomplete="off"></label> <span id="${id}-count" aria-live="polite"></span></p>`;

/** Rows that wait for their turn: no browser lays them out. */
const more = (rest: readonly Markup[]): Markup =>
  html`<template class="rest"><table><tbody>${rest}</tbody></table></template><p><button type="button" class="more">Show ${ROWS_AT_ONCE} more</button></p>`;

const linkOf = (id: string, name: string | undefined): string =>
  id === "" || name === undefined ? "" : `#${id}=${encodeURIComponent(name)}`;

const kindOf = ({ by }: Cell): "n" | "t" => (typeof by === "number" ? "n" : "t");

function cellOf(cell: Cell, link: string): Markup {
  const { by, shown } = cell;
  const inside = link === "" ? shown : html`<a href="${link}">${shown}</a>`;
  const kind = kindOf(cell);
  if (kind === "t") return html`<td>${inside}</td>`;
  return String(by) === shown
    ? html`<td class="n">${inside}</td>`
    : html`<td class="n" data-by="${by}">${inside}</td>`;
}

/** Names and values, which nobody sorts. */
export function list(pairs: readonly (readonly [name: string, value: string])[]): Markup {
  return html`<dl>${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>`;
}
