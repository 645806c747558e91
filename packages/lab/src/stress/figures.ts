/** The figures of a run that conditions and sentences name, over all its repetitions. */
import { type Hdr, mergedHdr, quantileMs } from "./histogram.ts";
import type { Repetition, WorkloadResult } from "./runfile.ts";
import type { Figure, OfName, TimeName } from "./threshold.ts";

const QUANTILE: Readonly<Partial<Record<TimeName, number>>> = {
  p50: 50,
  p90: 90,
  p95: 95,
  p99: 99,
  "p99.9": 99.9,
  max: 100,
};

/** The results of a workload in all repetitions, or of all workloads. */
function resultsOf(all: readonly Repetition[], workload: string | null): WorkloadResult[] {
  const results = all.flatMap(({ workloads }) => workloads);
  return workload === null ? results : results.filter(({ name }) => name === workload);
}

/** All that was measured under this name; null if nothing was. */
export const histogramOf = (
  all: readonly Repetition[],
  of: OfName,
  workload: string | null,
): Hdr | null => mergedHdr(resultsOf(all, workload).map(({ histograms }) => histograms[of]?.hdr));

/** NaN where the run has nothing of the kind. Times in milliseconds. */
export function figureOf(all: readonly Repetition[], figure: Figure): number {
  const results = resultsOf(all, figure.workload);
  if ("of" in figure) return timeOf(histogramOf(all, figure.of, figure.workload), figure.name);
  const sum = (of: (result: WorkloadResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  switch (figure.name) {
    case "operations":
      return sum(({ operations }) => operations);
    case "throughput": // of one repetition, on average
      return sum(({ throughput }) => throughput) / all.length;
    case "errors":
      return sum(({ errors }) => Object.values(errors).reduce((a, b) => a + b, 0));
    case "unfairness":
      return Math.max(...results.map(({ unfairness }) => unfairness ?? Number.NaN));
    default:
      return sum((result) => result[figure.name as "missed" | "wrong" | "unexpected"]);
  }
}

function timeOf(hdr: Hdr | null, name: TimeName): number {
  if (name === "count") return hdr?.totalCount ?? 0;
  if (hdr === null) return Number.NaN;
  return name === "mean" ? hdr.mean / 1e6 : quantileMs(hdr, QUANTILE[name]!);
}
