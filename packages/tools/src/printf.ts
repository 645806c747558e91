/** The few conversions of printf(3) that the tools' layouts need. */

/** `%6d` and `%12s`: at the right of a column. */
export const right = (value: string | number, width: number): string =>
  String(value).padStart(width);

/** `%-8s`: at the left, blanks after it. */
export const left = (value: string | number, width: number): string => String(value).padEnd(width);

/** `%-15.15s`: at the left, cut to the width of its column. */
export const cut = (value: string | number, width: number): string =>
  left(String(value).slice(0, width), width);

/** `%.74s`: cut, with no blanks after it. */
export const most = (value: string, width: number): string => value.slice(0, width);
