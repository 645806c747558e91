/** What statistics of locks cost: the same calls in a yard that counts alone, and in one that times. */
import {
  type Bench,
  type BenchContext,
  benchYard,
  type Contenders,
  raceFor,
  resultsOf,
} from "./bench.ts";
import { startPair } from "./pingpong.ts";
import { privateJail, startPlayers } from "./players.ts";
import type { Result } from "./result.ts";
import type { Rounds } from "./rounds.ts";

const MODES = ["contended", "full"] as const;
type Mode = "off" | (typeof MODES)[number];

type Start = (cx: BenchContext, stack: AsyncDisposableStack, stats: Mode) => Promise<Rounds>;

/** Calls that never wait, and calls half of which do. */
const WORKS: Readonly<Record<string, Start>> = {
  async semop({ variant }, stack, stats) {
    const jail = await privateJail(await benchYard(stack, variant, { stats }), "jail1");
    return startPlayers(stack, [{ jail, program: "blocking", arg: { work: "semop" } }]);
  },
  async pingpong({ variant }, stack, stats) {
    const yard = await benchYard(stack, variant, { stats });
    return startPair(stack, yard, { ping: "blocking", pong: "echo" });
  },
};

async function measure(cx: BenchContext, work: string, mode: Mode): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const contenders: Contenders = {
    ours: await WORKS[work](cx, stack, mode),
    off: await WORKS[work](cx, stack, "off"),
  };
  const [nanos] = await raceFor(cx, contenders);
  return resultsOf(idOf(work, mode), "ns", nanos);
}

const idOf = (work: string, mode: Mode): string => `overhead_${work}_${mode}`;

export const OVERHEAD_BENCHES: readonly Bench[] = Object.keys(WORKS).flatMap((work) =>
  MODES.map((mode): Bench => ({ ids: [idOf(work, mode)], run: (cx) => measure(cx, work, mode) })),
);
