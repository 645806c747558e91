/** Two run files side by side: what differs in their settings, and by how much in their figures. */
import type { HistogramName } from "@jailyard/workload/stress/measure";
import {
  drawsRepetitions,
  PARTS_MIN,
  type Part,
  partsOf,
  quantileOf,
  type Ratio,
  rateOf,
  ratioOf,
  type Statistic,
} from "./bootstrap.ts";
import {
  eventDifferences,
  lockDifferences,
  type OneSided,
  oneSided,
  sentenceOf,
} from "./comparelocks.ts";
import type { RunFile } from "./runfile.ts";

export interface Difference extends Ratio {
  /** One of the two is null. */
  readonly workload: string | null;
  /** A lock's label or name, or a wait event of PostgreSQL. */
  readonly lock: string | null;
  /** `throughput`, `p99 of waits`, … */
  readonly figure: string;
  readonly unit: "ops/s" | "ms" | "errors/s" | "waits/s" | "s/s";
  /** More is better, as of throughput. */
  readonly moreIsBetter: boolean;
  readonly sentence: string;
}

export interface Comparison {
  /** Settings and surroundings that are not the same, `before → after`. */
  readonly changed: readonly {
    readonly name: string;
    readonly before: string;
    readonly after: string;
  }[];
  /** What has to be known before one believes it. */
  readonly cautions: readonly string[];
  readonly differences: readonly Difference[];
  /** Locks that only one of the runs waited for. */
  readonly oneSided: readonly OneSided[];
}

export function compare(before: RunFile, after: RunFile): Comparison {
  const repetitions = drawsRepetitions(before, after);
  const names = namesOf(before).filter((name) => namesOf(after).includes(name));
  const differences = names.flatMap((name) => {
    const [a, b] = [before, after].map((run) => partsOf(run, name, repetitions));
    return differencesOf(name, a, b);
  });
  const locks = [
    ...lockDifferences(before, after, repetitions),
    ...eventDifferences(before, after),
  ];
  return {
    changed: changedIn(before, after),
    cautions: cautionsOf(before, after, repetitions, differences),
    differences: [...differences, ...locks],
    oneSided: oneSided(before, after),
  };
}

const namesOf = ({ repetitions }: RunFile): string[] =>
  repetitions[0].workloads.map(({ name }) => name);

const TIMES: readonly (readonly [name: HistogramName, q: number, figure: string])[] = [
  ["latency", 50, "median latency"],
  ["latency", 99, "p99 of latency"],
  ["wait", 50, "median of waits"],
  ["wait", 99, "p99 of waits"],
  ["lag", 99, "p99 of schedule lag"],
];

function differencesOf(workload: string, a: readonly Part[], b: readonly Part[]): Difference[] {
  const all: Difference[] = [];
  const add = (
    kind: Pick<Difference, "figure" | "unit" | "moreIsBetter">,
    of: (parts: readonly Part[]) => Statistic | null,
  ): void => {
    const [first, second] = [of(a), of(b)];
    if (first === null || second === null) return;
    const ratio = ratioOf({ parts: a, of: first }, { parts: b, of: second });
    if (ratio.before === 0 && ratio.after === 0) return;
    const sentence = sentenceOf(`${kind.figure} of ${workload}`, ratio);
    all.push({ workload, lock: null, ...kind, ...ratio, sentence });
  };
  add({ figure: "throughput", unit: "ops/s", moreIsBetter: true }, (parts) =>
    rateOf(parts, ({ operations }) => operations),
  );
  for (const [name, q, figure] of TIMES) {
    add({ figure, unit: "ms", moreIsBetter: false }, (parts) => quantileOf(parts, name, q));
  }
  add({ figure: "errors", unit: "errors/s", moreIsBetter: false }, (parts) =>
    rateOf(parts, ({ errors }) => errors),
  );
  return all;
}

function changedIn(before: RunFile, after: RunFile): Comparison["changed"] {
  // A machine has a model, too: its settings have names of their own.
  const flat = (run: RunFile): Record<string, unknown> => ({
    ...run.settings,
    ...run.limits,
    ...prefixed("machine", run.machine),
    ...prefixed("version", run.versions),
  });
  const [a, b] = [flat(before), flat(after)];
  const text = (value: unknown): string =>
    typeof value === "object" ? JSON.stringify(value) : String(value);
  return Object.keys({ ...a, ...b })
    .filter((name) => text(a[name]) !== text(b[name]))
    .map((name) => ({ name, before: text(a[name]), after: text(b[name]) }));
}

const prefixed = (prefix: string, all: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [`${prefix}: ${name}`, value]));

function cautionsOf(
  before: RunFile,
  after: RunFile,
  repetitions: boolean,
  differences: readonly Difference[],
): string[] {
  const cautions: string[] = [];
  for (const [which, { partial }] of [
    ["first", before],
    ["second", after],
  ] as const) {
    if (partial !== null) cautions.push(`the ${which} run is partial: ${partial}`);
  }
  if (before.machine.model !== after.machine.model) cautions.push("the runs are of two machines");
  if (differences.length === 0) cautions.push("the runs have no workload in common");
  if (!repetitions) {
    cautions.push(
      "intervals are of slices within a run: what differs from run to run shows with --repeat 5 in both",
    );
  }
  if (differences.some(({ interval }) => interval === null)) {
    cautions.push(`an interval needs ${PARTS_MIN} slices or repetitions: let runs last longer`);
  }
  return cautions;
}
