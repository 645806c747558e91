/**
 * Tables in the reader's browser: sorted by their headings, searched, shown in parts, and found by the
 * address: #jails=TEXT searches, #jail=KEY shows one row. As text in the page, see browser.ts.
 */
/// <reference lib="dom" />

/** A table, all its rows, and what is shown of them. */
interface Rows {
  readonly table: HTMLTableElement;
  readonly more: HTMLButtonElement | null;
  rows: HTMLTableRowElement[];
  text: string;
  shown: number;
}

export function startTables(): void {
  const tables = [...document.querySelectorAll<HTMLTableElement>("section table")]
    .filter((table) => table.querySelector("button.sort") !== null)
    .map(rowsOf);
  for (const rows of tables) {
    for (const button of rows.table.querySelectorAll<HTMLButtonElement>("button.sort")) {
      button.addEventListener("click", () => sortBy(rows, button));
    }
    rows.more?.addEventListener("click", () => {
      rows.shown += 100;
      showRows(rows);
    });
    filterInput(rows)?.addEventListener("input", () => search(rows, filterInput(rows)!.value));
    showRows(rows);
  }
  const go = (): void => goToAddress(tables);
  addEventListener("hashchange", go);
  go();
}

/** Those that are laid out, and those that wait beside the table. */
function rowsOf(table: HTMLTableElement): Rows {
  const around = table.parentElement!;
  const template = around.nextElementSibling;
  const hasRest = template instanceof HTMLTemplateElement;
  const rest = hasRest ? [...template.content.querySelectorAll("tr")] : [];
  const more = hasRest ? template.nextElementSibling!.querySelector("button") : null;
  const rows = [...table.tBodies[0].rows, ...rest];
  return { table, more, rows, text: "", shown: 100 };
}

function filterInput({ table }: Rows): HTMLInputElement | null {
  return document.getElementById(`${table.dataset.id}-filter`) as HTMLInputElement | null;
}

function matching({ rows, text }: Rows): HTMLTableRowElement[] {
  const wanted = text.toLowerCase();
  return rows.filter((row) => row.textContent!.toLowerCase().includes(wanted));
}

function showRows(rows: Rows): void {
  const found = matching(rows);
  rows.table.tBodies[0].replaceChildren(...found.slice(0, rows.shown));
  if (rows.more !== null) rows.more.hidden = found.length <= rows.shown;
  const count = document.getElementById(`${rows.table.dataset.id}-count`);
  if (count !== null) count.textContent = `${found.length} of ${rows.rows.length}`;
}

/** What is searched for is in the address, as #jails=jail3, so that it can be passed on. */
function search(rows: Rows, text: string): void {
  rows.text = text;
  rows.shown = 100;
  showRows(rows);
  const { id } = rows.table.dataset;
  const hash = text === "" ? `#${id}s` : `#${id}s=${encodeURIComponent(text)}`;
  history.replaceState(null, "", hash);
}

/** The first click sorts numbers from the largest down, words from A up; the next the other way. */
function sortBy(rows: Rows, button: HTMLButtonElement): void {
  const head = button.closest("th")!;
  const ix = [...head.parentElement!.children].indexOf(head);
  const isNumber = rows.rows[0]?.cells[ix].className === "n";
  const before = head.getAttribute("aria-sort");
  const first = isNumber ? "descending" : "ascending";
  const order = before === first ? (isNumber ? "ascending" : "descending") : first;
  for (const other of head.parentElement!.children) {
    other.removeAttribute("aria-sort");
    other.querySelector(".mark")!.textContent = "";
  }
  head.setAttribute("aria-sort", order);
  button.querySelector(".mark")!.textContent = order === "ascending" ? " ▲" : " ▼";
  const by = ({ cells }: HTMLTableRowElement): string =>
    cells[ix].dataset.by ?? cells[ix].textContent!;
  const sign = order === "ascending" ? 1 : -1;
  rows.rows.sort((a, b) =>
    isNumber
      ? sign * (Number(by(a)) - Number(by(b)))
      : sign * by(a).localeCompare(by(b), undefined, { numeric: true }),
  );
  showRows(rows);
}

/** #jails=TEXT or #jail=KEY; what else is in the address the browser finds by itself. */
function goToAddress(tables: readonly Rows[]): void {
  for (const row of document.querySelectorAll("tr.found")) row.classList.remove("found");
  const part = /^#([a-z]+)=(.*)$/.exec(location.hash);
  if (part === null) return;
  const [, name] = part;
  const text = decoded(part[2]);
  for (const rows of tables) {
    if (`${rows.table.dataset.id}s` === name) {
      const input = filterInput(rows);
      if (input !== null) input.value = text;
      rows.text = text;
      showRows(rows);
      rows.table.closest("section")!.scrollIntoView();
    } else if (rows.table.dataset.id === name) showRow(rows, text);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // it was written by hand
  }
}

/** One row, whatever is searched for, first of those that are shown if it is far down. */
function showRow(rows: Rows, key: string): void {
  const row = rows.rows.find(({ dataset }) => dataset.key === key);
  if (row === undefined) return;
  if (matching(rows).indexOf(row) === -1) {
    rows.text = "";
    const input = filterInput(rows);
    if (input !== null) input.value = "";
  }
  if (matching(rows).indexOf(row) >= rows.shown) {
    rows.rows = [row, ...rows.rows.filter((other) => other !== row)];
  }
  showRows(rows);
  row.classList.add("found");
  row.scrollIntoView({ block: "center" });
}

/** All of the above, by name, for the text of the script. */
export const TABLE_FUNCTIONS: readonly ((...args: never[]) => unknown)[] = [
  startTables,
  rowsOf,
  filterInput,
  matching,
  showRows,
  search,
  sortBy,
  goToAddress,
  decoded,
  showRow,
];
