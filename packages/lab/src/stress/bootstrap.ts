/**
 * A figure of a run and how sure one can be of it: the run's parts are drawn again, with
 * replacement, and the figure computed of each draw. Of few parts such draws vary less than runs do:
 * the quantiles are moved outward as in Hesterberg, "What Teachers Should Know About the Bootstrap"
 * (2015), section 4.2, "expanded percentile".
 */

import { random } from "@jailyard/workload/postgres/random";
import type { HistogramName } from "@jailyard/workload/stress/measure";
import { errorFunction, quantileSorted, sampleWithReplacement } from "simple-statistics";
import { decodeHdr, mergedHdr, valuesOf } from "./histogram.ts";
import type { RunFile, WorkloadResult } from "./runfile.ts";

/** Of few parts the quantiles lie far out, and need more draws. */
const drawsOf = (parts: number): number => (parts < 10 ? 5000 : 1000);
const SEED = 20_060_712;
/** Fewer parts than this tell nothing of how they vary. */
export const PARTS_MIN = 5;
/** Repetitions in both runs from which on whole repetitions are drawn, and not slices. */
const REPETITIONS_MIN = PARTS_MIN;

/** What is drawn: a slice of time or a repetition. */
export interface Part {
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  readonly hdrs: Readonly<Partial<Record<HistogramName, string>>>;
}

/** Of a draw, given how often each part is in it. */
export type Statistic = (weights: readonly number[]) => number;

export const drawsRepetitions = (...runs: readonly RunFile[]): boolean =>
  runs.every(({ repetitions }) => repetitions.length >= REPETITIONS_MIN);

/** The parts of a workload in a run. */
export function partsOf(run: RunFile, workload: string, repetitions: boolean): Part[] {
  const results = run.repetitions.flatMap(({ workloads }) =>
    workloads.filter(({ name }) => name === workload),
  );
  return repetitions ? results.map(wholePart) : results.flatMap(sliceParts);
}

function wholePart({ seconds, operations, errors, histograms }: WorkloadResult): Part {
  const all = Object.values(errors).reduce((sum, n) => sum + n, 0);
  return { seconds, operations, errors: all, hdrs: textsOf(histograms) };
}

const sliceParts = ({ slices }: WorkloadResult): Part[] =>
  slices.map(({ seconds, operations, errors, histograms }) => ({
    seconds,
    operations,
    errors,
    hdrs: textsOf(histograms),
  }));

const textsOf = (histograms: WorkloadResult["histograms"]): Part["hdrs"] =>
  Object.fromEntries(Object.entries(histograms).map(([name, { hdr }]) => [name, hdr]));

/** A count by the second. */
export const rateOf = <P extends Part>(
  parts: readonly P[],
  count: (part: P) => number,
): Statistic => {
  const [counts, seconds] = [parts.map(count), parts.map((part) => part.seconds)];
  return (weights) => {
    let [sum, time] = [0, 0];
    for (let ix = 0; ix < weights.length; ix++) {
      sum += weights[ix] * counts[ix];
      time += weights[ix] * seconds[ix];
    }
    return sum / time;
  };
};

/** Quantile `q` (in percent) of a histogram, in milliseconds; null if the parts have none. */
export function quantileOf(
  parts: readonly Part[],
  name: HistogramName,
  q: number,
): Statistic | null {
  const all = mergedHdr(parts.map(({ hdrs }) => hdrs[name]));
  if (all === null) return null;
  const values = valuesOf(all).map(([nanos]) => nanos);
  const place = new Map(values.map((nanos, ix) => [nanos, ix]));
  const counts = parts.map(({ hdrs }) => {
    const row = new Float64Array(values.length);
    const text = hdrs[name];
    if (text !== undefined) {
      for (const [nanos, count] of valuesOf(decodeHdr(text))) row[place.get(nanos)!] += count;
    }
    return row;
  });
  return (weights) => quantileOfSum(values, counts, weights, q) / 1e6;
}

function quantileOfSum(
  values: readonly number[],
  counts: readonly Float64Array[],
  weights: readonly number[],
  q: number,
): number {
  const sum = new Float64Array(values.length);
  let total = 0;
  for (const [part, weight] of weights.entries()) {
    if (weight === 0) continue;
    for (let ix = 0; ix < sum.length; ix++) sum[ix] += weight * counts[part][ix];
  }
  for (const count of sum) total += count;
  let left = (total * q) / 100;
  for (let ix = 0; ix < sum.length; ix++) {
    left -= sum[ix];
    if (left <= 1e-9) return values[ix];
  }
  return values.at(-1) ?? Number.NaN;
}

export interface Ratio {
  readonly before: number;
  readonly after: number;
  /** `after / before`, and the bounds of its 95 % interval; null if there are too few parts. */
  readonly ratio: number;
  readonly interval: readonly [low: number, high: number] | null;
}

/** By what the second differs from the first. The same runs give the same interval. */
export function ratioOf(
  before: { readonly parts: readonly Part[]; readonly of: Statistic },
  after: { readonly parts: readonly Part[]; readonly of: Statistic },
): Ratio {
  const [a, b] = [before, after].map(({ parts, of }) => of(parts.map(() => 1)));
  const few = Math.min(before.parts.length, after.parts.length) < PARTS_MIN;
  const interval = few || a === 0 ? null : intervalOf(before, after);
  return { before: a, after: b, ratio: b / a, interval };
}

function intervalOf(
  before: { readonly parts: readonly Part[]; readonly of: Statistic },
  after: { readonly parts: readonly Part[]; readonly of: Statistic },
): [number, number] | null {
  const rng = random(SEED);
  const ratios: number[] = [];
  const fewest = Math.min(before.parts.length, after.parts.length);
  const draws = drawsOf(fewest);
  for (let n = 0; n < draws; n++) {
    const ratio = after.of(weights(after.parts, rng)) / before.of(weights(before.parts, rng));
    if (Number.isFinite(ratio)) ratios.push(ratio);
  }
  if (ratios.length < draws / 2) return null;
  ratios.sort((x, y) => x - y);
  const tail = tailOf(fewest);
  return [quantileSorted(ratios, tail), quantileSorted(ratios, 1 - tail)];
}

/** 0.975 quantile of the normal distribution. */
const Z = 1.96;

/** The share of draws of `n` parts to leave out at either side, for 95 %: 0.025 if they were many. */
function tailOf(n: number): number {
  const wide = Math.sqrt(n / (n - 1)) * studentQuantile(n - 1);
  return (1 - errorFunction(wide / Math.SQRT2)) / 2;
}

/** 0.975 quantile of Student's t, within 1 % from 4 degrees of freedom on: Abramowitz 26.7.5. */
function studentQuantile(freedom: number): number {
  const first = (Z ** 3 + Z) / 4;
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  const third = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384;
  return Z + first / freedom + second / freedom ** 2 + third / freedom ** 3;
}

function weights(parts: readonly Part[], rng: () => number): number[] {
  const counts: number[] = new Array(parts.length).fill(0);
  for (const ix of sampleWithReplacement([...parts.keys()], parts.length, rng)) counts[ix]++;
  return counts;
}
