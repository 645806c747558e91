/**
 * Slices of one track so that they nest: each lies wholly within the one that is open when it begins,
 * or after it. What cannot is on another lane of the track. No time is changed but that of marks, which
 * have a length only so that they can be seen.
 */

export interface Slice<T> {
  readonly start: number;
  end: number;
  /** May be made shorter. */
  readonly mark: boolean;
  readonly what: T;
}

export interface Placed<T> extends Slice<T> {
  /** From 0. */
  readonly lane: number;
}

/** In the order in which a reader has to see them: by start, those around others first. */
export function nested<T>(slices: readonly Slice<T>[]): Placed<T>[] {
  const sorted = [...slices].sort((a, b) => a.start - b.start || b.end - a.end);
  const lanes: Slice<T>[][] = [];
  return sorted.map((slice, ix) => {
    const after = sorted.slice(ix + 1, ix + 1 + LOOK).find(({ start }) => start > slice.start);
    if (slice.mark && after !== undefined) slice.end = Math.min(slice.end, after.start);
    const lane = laneOf(lanes, slice); // which may make a mark shorter
    return { ...slice, lane };
  });
}

/** Slices that may begin at the same nanosecond. */
const LOOK = 16;

function laneOf<T>(lanes: Slice<T>[][], slice: Slice<T>): number {
  for (const [lane, open] of lanes.entries()) {
    while (open.length > 0 && open.at(-1)!.end <= slice.start) open.pop();
    const around = open.at(-1);
    if (around !== undefined && slice.mark) slice.end = Math.min(slice.end, around.end);
    if (around !== undefined && around.end < slice.end) continue;
    open.push(slice);
    return lane;
  }
  lanes.push([slice]);
  return lanes.length - 1;
}
