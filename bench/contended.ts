/**
 * Jails that want one semaphore: how often all of them get it, how evenly, and how long one in a
 * hundred waits; with each wake policy, beside as many processes on the real kernel.
 */
import {
  type Bench,
  type BenchContext,
  benchYard,
  type Contenders,
  DEFAULTS,
  raceFor,
  resultsOf,
  sized,
  type Variant,
  variants,
  WAKES,
} from "./bench.ts";
import { makeSets, type Part, sharingJail, startPlayers } from "./players.ts";
import { type ContenderArg, MILLIS, TAKEN, WAITS } from "./programs/contender.ts";
import { BUCKETS, histogramQuantile } from "./programs/histogram.ts";
import type { Contender } from "./race.ts";
import type { Result } from "./result.ts";
import type { Rounds } from "./rounds.ts";

const JAILS = [2, 4, 8, 16];
/** How long the semaphore is held and what is done between, in nanoseconds. */
const HOLD = 1000;
const THINK = 1000;
const MEASURES = [
  ["", "acquisitions/s"],
  ["_maxmin", "ratio"],
  ["_jain", "index"],
  ["_wait_p99", "ns"],
] as const;

/** Acquisitions a second, most to fewest, Jain's index (1 is even, 1/n one for all), p99 wait. */
function measures(taken: readonly number[], ms: number, waits: ArrayLike<number>): number[] {
  const sum = taken.reduce((a, b) => a + b, 0);
  const squares = taken.reduce((a, b) => a + b * b, 0);
  const maxmin = Math.max(...taken) / Math.min(...taken);
  const jain = (sum * sum) / (taken.length * squares);
  return [(sum * 1000) / ms, maxmin, jain, histogramQuantile(waits, 0.99)];
}

function judge(players: readonly Float64Array[]): number[] {
  const waits = new Float64Array(BUCKETS);
  for (const values of players) for (let i = 0; i < BUCKETS; i++) waits[i] += values[WAITS + i];
  const taken = players.map((values) => values[TAKEN]);
  return measures(taken, players[0][MILLIS], waits);
}

async function inJails(
  stack: AsyncDisposableStack,
  jails: number,
  variant: Variant,
): Promise<Rounds> {
  const yard = await benchYard(stack, variant);
  const [id] = await makeSets(yard, 1, [1]);
  const arg: ContenderArg = { id, holdNanos: HOLD, thinkNanos: THINK };
  const parts: Part[] = [];
  for (let i = 1; i <= jails; i++) {
    parts.push({ jail: await sharingJail(yard, `jail${i}`), program: "contender", arg });
  }
  return startPlayers(stack, parts, judge);
}

/** The C program answers with the counts of all, then the histogram. */
function onHost({ native }: BenchContext, stack: AsyncDisposableStack, jails: number): Contenders {
  const { native: program } = native.start(stack, "contended", jails, HOLD, THINK);
  if (program === undefined) return {};
  const contender: Contender = {
    async round(ms) {
      const numbers = await program.round(ms);
      return measures(numbers.slice(0, jails), ms, numbers.slice(jails));
    },
  };
  return { native: contender };
}

async function measure(cx: BenchContext, wanted: number, wake?: string): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const jails = sized(cx, wanted);
  const contenders = onHost(cx, stack, jails);
  if (wake !== undefined) contenders.ours = await inJails(stack, jails, { ...cx.variant, wake });
  else {
    for (const [name, variant] of variants(cx)) {
      contenders[name] = await inJails(stack, jails, variant);
    }
  }
  const samples = await raceFor(cx, contenders);
  const ids = idsOf(wanted, wake);
  return samples.flatMap((measured, m) => resultsOf(ids[m], MEASURES[m][1], measured));
}

const idsOf = (jails: number, wake?: string): string[] =>
  MEASURES.map(([suffix]) => `contended_${jails}${wake === undefined ? "" : `_${wake}`}${suffix}`);

/** The policy of the run under the plain names, the others under theirs. */
export const CONTENDED_BENCHES: readonly Bench[] = [
  undefined,
  ...WAKES.filter((wake) => wake !== DEFAULTS.wake),
].flatMap((wake) =>
  JAILS.map((jails): Bench => ({ ids: idsOf(jails, wake), run: (cx) => measure(cx, jails, wake) })),
);
