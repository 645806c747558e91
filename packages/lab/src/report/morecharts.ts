/** Charts of locks and of limits; where a run has them. */
import { decodeHdr } from "../stress/histogram.ts";
import type { Gauge, LockSlices, RunFile } from "../stress/runfile.ts";
import { type Chart, rounded, sharesChart, withoutEmpty } from "./charts.ts";

/** Lines of one chart. */
const LINES = 6;

const isChart = ({ data }: Chart): boolean => data[0].length > 1 && data.length > 1;

/** Of the last repetition: repetitions are as like as anything. */
export function lockCharts({ repetitions, locks = [] }: RunFile): Chart[] {
  const slices = (repetitions.at(-1)?.lockSlices ?? []).slice(0, LINES);
  const waited = locks.filter(({ wait }) => wait !== undefined).slice(0, LINES);
  const names = waited.map(({ name, label, jail }) =>
    label === null ? name : `${label}${jail === null ? "" : `, ${jail}`}`,
  );
  const hdrs = waited.map(({ wait }) => decodeHdr(wait!.hdr));
  const title = "How long waits for a lock were: share of each time";
  const shares = waited.length === 0 ? [] : [sharesChart("lock-shares", title, names, hdrs)];
  return [overTime(slices), ...shares].map(withoutEmpty).filter(isChart);
}

function overTime(all: readonly LockSlices[]): Chart {
  let at = 0;
  const x = (all[0]?.slices ?? []).map(({ seconds }) => {
    at += seconds;
    return rounded(at);
  });
  return {
    ...{ id: "lock-time", title: "Seconds that processes waited in a second, by lock" },
    ...{ unit: "s/s", x: "s", log: false, pairs: false },
    series: all.map(({ lock }) => lock),
    data: [
      x,
      ...all.map(({ slices }) =>
        slices.map(({ nanos, seconds }) => (seconds === 0 ? null : rounded(nanos / 1e9 / seconds))),
      ),
    ],
  };
}

/** Of those limits that anything was used of. */
export function limitCharts({ repetitions }: RunFile): Chart[] {
  const gauges = (repetitions.at(-1)?.gauges ?? []).filter(({ peak }) => peak > 0).slice(0, LINES);
  const x = gauges[0]?.used.map(({ at }) => rounded(at)) ?? [];
  const share = ({ used, limit }: Gauge): number[] =>
    used.map((one) => rounded((100 * one.used) / Math.max(1, limit)));
  const chart: Chart = {
    ...{ id: "limit-time", title: "Share of each limit that was in use", unit: "%", x: "s" },
    ...{ log: false, pairs: false },
    series: gauges.map(({ name }) => name),
    data: [x, ...gauges.map(share)],
  };
  return [chart].map(withoutEmpty).filter(isChart);
}
