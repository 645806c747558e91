/** HDR histograms on the lab's side: decoded, merged without loss, asked for quantiles. */
import { DIGITS, HIGHEST_NANOS, LOWEST_NANOS } from "@jailyard/workload/stress/measure";
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  type JsHistogram,
} from "hdr-histogram-js";
import recorded from "hdr-histogram-js/dist/RecordedValuesIterator.js";

export type Hdr = Histogram;

/** What a run file has of a histogram beside its encoding: counts, and times in milliseconds. */
export interface HdrSummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export const emptyHdr = (): Hdr =>
  build({
    lowestDiscernibleValue: LOWEST_NANOS,
    highestTrackableValue: HIGHEST_NANOS,
    numberOfSignificantValueDigits: DIGITS,
    bitBucketSize: 64,
    useWebAssembly: false,
  });

/** @throws Error if the text is no histogram in HDR's V2 encoding */
export const decodeHdr = (text: string): Hdr => decodeFromCompressedBase64(text, 64);
export const encodeHdr = (hdr: Hdr): string => encodeIntoCompressedBase64(hdr);

/** The sum of some histograms; null if there is nothing in them. */
export function mergedHdr(parts: readonly (string | undefined)[]): Hdr | null {
  let sum: Hdr | null = null;
  for (const part of parts) {
    if (part === undefined) continue;
    if (sum === null) sum = decodeHdr(part);
    else sum.add(decodeHdr(part));
  }
  return sum;
}

const ms = (nanos: number): number => nanos / 1e6;

/** `q` in percent. */
export const quantileMs = (hdr: Hdr, q: number): number => ms(hdr.getValueAtPercentile(q));

export function summaryOf(hdr: Hdr): HdrSummary {
  return {
    count: hdr.totalCount,
    meanMs: ms(hdr.mean),
    p50Ms: quantileMs(hdr, 50),
    p90Ms: quantileMs(hdr, 90),
    p99Ms: quantileMs(hdr, 99),
    p999Ms: quantileMs(hdr, 99.9),
    maxMs: ms(hdr.maxValue),
  };
}

/** Values that occur, in nanoseconds, lowest first, with their counts. */
export function valuesOf(hdr: Hdr): [nanos: number, count: number][] {
  const values: [number, number][] = [];
  const walk = new recorded.default(hdr as JsHistogram);
  while (walk.hasNext()) {
    const at = walk.next(); // the same object at every step
    values.push([at.valueIteratedTo, at.countAtValueIteratedTo]);
  }
  return values;
}
