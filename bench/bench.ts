/** What a bench gets and gives, and what most of them do: some contenders race for some ids. */
import * as host from "@jailyard/host/yard";
import type { Native } from "./native.ts";
import { type Contender, type Plan, type Raced, race } from "./race.ts";
import { BASELINES, type Baseline, type Result, result, type Samples } from "./result.ts";

type Yard = host.Yard;
type YardConfig = host.YardConfig;

/** Where calls can run, and who wakes sleepers how: what this version of the yard can do. */
export const PLACEMENTS: readonly string[] = host.PLACEMENTS;
export const WAKES: readonly string[] = (host as { WAKES?: readonly string[] }).WAKES ?? ["herd"];
export const CENTRAL = "central";

/** What a yard does unless it is told otherwise. */
export const DEFAULTS: Variant = {
  placement: PLACEMENTS.includes("direct") ? "direct" : CENTRAL,
  wake: "herd",
};

/** Settings of a yard that a run measures. */
export interface Variant {
  readonly placement: string;
  readonly wake: string;
}

export interface BenchContext {
  readonly plan: Plan;
  readonly native: Native;
  /** Tiny numbers: does it run at all? */
  readonly quick: boolean;
  readonly variant: Variant;
  /** What it does now, for a person who waits. */
  readonly say: (text: string) => void;
  /** Why something was left out, in a sentence. */
  readonly note: (text: string) => void;
}

export interface Bench {
  /** What it gives; where placements are compared, there is also `ID_central`. */
  readonly ids: readonly string[];
  run(cx: BenchContext): Promise<readonly Result[]>;
}

/** A yard that goes down with `stack`. */
export async function benchYard(
  stack: AsyncDisposableStack,
  variant: Partial<Variant>,
  config: YardConfig = {},
): Promise<Yard> {
  const asked = { log: "error", maxproc: 20_000, ...config, ...variant };
  const yard = await host.boot(asked as YardConfig); // which may not know all placements and policies
  stack.defer(() => yard.shutdown());
  return yard;
}

/** How many of something: a few if the run is but to see that it runs. */
export const sized = ({ quick }: BenchContext, count: number): number =>
  quick ? Math.min(count, QUICK_MAX) : count;
const QUICK_MAX = 2;

/** The yard of the run, and one with placement `central` beside it if that is another. */
export function variants({ variant }: BenchContext): ["ours" | "central", Variant][] {
  const central: Variant = { ...variant, placement: CENTRAL };
  return variant.placement === CENTRAL
    ? [["ours", variant]]
    : [
        ["ours", variant],
        ["central", central],
      ];
}

export type Name = "ours" | "central" | Baseline;
export type Contenders = Partial<Record<Name, Contender>>;

/** One measure of a race: its samples by contender. */
export type Measured = Partial<Record<Name, Samples>>;

export async function raceFor(cx: BenchContext, contenders: Contenders): Promise<Measured[]> {
  const raced = (await race(cx.plan, contenders as Record<Name, Contender>)) as Raced<Name>;
  const measures = Math.max(...Object.values(raced).map((samples) => samples.length));
  return Array.from({ length: measures }, (_, m) => measured(raced, m));
}

function measured(raced: Raced<Name>, measure: number): Measured {
  const entries = Object.entries(raced).filter(([, samples]) => samples[measure] !== undefined);
  return Object.fromEntries(entries.map(([name, samples]) => [name, samples[measure]]));
}

/** The result of a measure, and the one of placement `central` beside it. */
export function resultsOf(id: string, unit: string, samples: Measured): Result[] {
  const { ours, central, ...rest } = samples;
  const others: Partial<Record<Baseline, Samples>> = {};
  for (const name of BASELINES) if (rest[name] !== undefined) others[name] = rest[name];
  const results = [result(id, unit, ours ?? [], others)];
  if (central !== undefined) results.push(result(`${id}_${CENTRAL}`, unit, central, others));
  return results;
}
