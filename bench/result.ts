/** What a bench gives: numbers with their spread, beside what others took in the same run. */

export const BASELINES = ["native", "limit", "postMessage", "comlink", "synckit", "off"] as const;
export type Baseline = (typeof BASELINES)[number];

/** One line of bench/results.json, with exactly these keys. */
export interface Result {
  readonly id: string;
  readonly unit: string;
  /** Samples that `median`, `p10` and `p90` are taken of. */
  readonly n: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  /** Medians of the others, in the same unit. */
  readonly baselines: Partial<Record<Baseline, number>>;
  /** Ours divided by theirs. */
  readonly ratios: Partial<Record<Baseline, number>>;
}

/** Six digits are more than any of this is good for. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** The sample below which `share` of all are, between two of them if need be. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = Float64Array.from(samples).sort();
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

export type Samples = readonly number[];

/** @throws Error unless there are samples, all of them numbers */
export function result(
  id: string,
  unit: string,
  ours: Samples,
  others: Partial<Record<Baseline, Samples>> = {},
): Result {
  if (ours.length === 0 || !ours.every(Number.isFinite)) throw new Error(`${id}: ${ours}`);
  const median = rounded(quantile(ours, 0.5));
  const baselines: Result["baselines"] = {};
  const ratios: Result["ratios"] = {};
  for (const name of BASELINES) {
    const theirs = others[name];
    if (theirs === undefined) continue;
    baselines[name] = rounded(quantile(theirs, 0.5));
    ratios[name] = rounded(median / baselines[name]);
  }
  const [p10, p90] = [rounded(quantile(ours, 0.1)), rounded(quantile(ours, 0.9))];
  return { id, unit, n: ours.length, median, p10, p90, baselines, ratios };
}
