/** Tables whose columns are as wide as what is in them. */

export interface Column {
  readonly heading: string;
  /** At the right of its column. */
  readonly isNumber: boolean;
}

/** The heading and a line a row, a blank between columns, no blanks at the end. */
export function columnLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const widths = columns.map(({ heading }, i) =>
    Math.max(heading.length, ...rows.map((row) => row[i].length)),
  );
  const lineOf = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (columns[i].isNumber ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join(" ")
      .trimEnd();
  return [lineOf(columns.map(({ heading }) => heading)), ...rows.map(lineOf)];
}
