/**
 * Rounds of several contenders in turns, so that what else the machine does meets all of them: a
 * ratio of two medians is good for more than either median.
 */
import { Interrupted } from "@jailyard/lab/scenario/inyard";

/** One who does the work that is measured: a program in a jail, a C program, a worker thread. */
export interface Contender {
  /** Work for about `ms` milliseconds. @returns a sample of each measure */
  round(ms: number): Promise<readonly number[]>;
}

export interface Plan {
  /** Rounds that count, of each contender. */
  readonly rounds: number;
  /** Rounds before them, in which modules are loaded and code is compiled, again and again. */
  readonly warmUp: number;
  readonly roundMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Samples by contender, then by measure, then by round. */
export type Raced<Name extends string> = Readonly<Record<Name, readonly number[][]>>;

/** @throws Interrupted if the run is to stop */
export function goOn({ signal }: Pick<Plan, "signal">): void {
  if (signal?.aborted) throw new Interrupted();
}

/** Every contender in every round, each time another first. */
export async function race<Name extends string>(
  plan: Plan,
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Raced<Name>> {
  const lanes = Object.entries<Contender>(contenders).map(([name, contender]) => ({
    name,
    contender,
    samples: [] as number[][],
  }));
  for (let r = 0; r < plan.warmUp + plan.rounds; r++) {
    for (let i = 0; i < lanes.length; i++) {
      goOn(plan);
      const { contender, samples } = lanes[(r + i) % lanes.length];
      const measures = await contender.round(plan.roundMs);
      if (r < plan.warmUp) continue;
      for (const [m, value] of measures.entries()) {
        samples[m] ??= [];
        samples[m].push(value);
      }
    }
  }
  const samples = lanes.map((lane) => [lane.name, lane.samples]);
  return Object.fromEntries(samples) as Raced<Name>;
}
