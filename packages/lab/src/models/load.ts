/** What calls cost under a model, and who waits for whom: semaphores in jails, all at once. */
import type { ModelName } from "@jailyard/kernel/model";
import type { Context } from "../scenario/inyard.ts";
import { execute } from "../stress/execute.ts";
import { figureOf } from "../stress/figures.ts";
import type { Repetition } from "../stress/runfile.ts";
import { completed } from "../stress/settings.ts";
import type { Figure } from "../stress/threshold.ts";

const PROCS = 4;
const SEED = 1;

/** Every model has its turn, then every one again: what else the machine does strikes all alike. */
const ROUNDS = 3;

/** Operations a second of all jails; times in microseconds. */
export interface Load {
  readonly jails: number;
  readonly seconds: number;
  /** The median of the rounds, the least and the most. */
  readonly throughput: readonly [median: number, least: number, most: number];
  /** One call of semop, the wait in it included. */
  readonly p50: number;
  readonly p99: number;
  /** Operations of the jail that did most over those of the one that did least. */
  readonly unfairness: number;
}

/** In the order of `models`; `seconds` for each, over all rounds. */
export async function measureLoads(
  { log, signal }: Context,
  models: readonly ModelName[],
  scenarioJails: number,
  seconds: number,
): Promise<Load[]> {
  const quiet = signal === undefined ? { log } : { log, signal };
  const jails = Math.max(2, scenarioJails);
  const rounds: Repetition[][] = models.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, model] of models.entries()) {
      const mix = { model, jails, procs: PROCS, seconds: seconds / ROUNDS, workloads: { sem: 1 } };
      const { repetition } = await execute(quiet, completed(mix), SEED + round, () => {});
      rounds[at].push(repetition);
    }
  }
  return rounds.map((repetitions) => ({ jails, seconds, ...figuresOf(repetitions) }));
}

function figuresOf(rounds: readonly Repetition[]): Omit<Load, "jails" | "seconds"> {
  const figure = (of: Figure): number => figureOf(rounds, of);
  const rates = rounds
    .map((round) => figureOf([round], { name: "throughput", workload: null }))
    .sort((a, b) => a - b);
  return {
    throughput: [rates[Math.trunc(ROUNDS / 2)], rates[0], rates[ROUNDS - 1]],
    p50: figure({ name: "p50", of: "wait", workload: null }) * 1000,
    p99: figure({ name: "p99", of: "wait", workload: null }) * 1000,
    unfairness: figure({ name: "unfairness", workload: null }),
  };
}
