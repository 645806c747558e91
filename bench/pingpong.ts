/**
 * Two jails hand two semaphores of a set that both see back and forth; beside two real processes,
 * and beside two threads that do so with nothing but Atomics.wait: the limit of one that sleeps.
 */
import type { Yard } from "@jailyard/host/yard";
import {
  type Bench,
  type BenchContext,
  benchYard,
  type Contenders,
  raceFor,
  resultsOf,
  variants,
} from "./bench.ts";
import { fileOf, makeSets, sharingJail, startPlayers } from "./players.ts";
import type { Result } from "./result.ts";
import { firstValues, type Rounds } from "./rounds.ts";
import { startThreads } from "./threads.ts";

const PROGRAMS = {
  semop_pingpong: { ping: "blocking", pong: "echo" },
  semop_pingpong_awaited: { ping: "awaited", pong: "echoawaited" },
} as const;

/** Two jails with `work: "ping"` and its echo. */
export async function startPair(
  stack: AsyncDisposableStack,
  yard: Yard,
  { ping, pong }: (typeof PROGRAMS)[keyof typeof PROGRAMS],
): Promise<Rounds> {
  const [id] = await makeSets(yard, 1, [0, 0]);
  const echo = await sharingJail(yard, "pong");
  await echo.spawn({ module: fileOf(pong), arg: { id } });
  const jail = await sharingJail(yard, "ping");
  return startPlayers(stack, [{ jail, program: ping, arg: { work: "ping", id } }]);
}

async function measure(cx: BenchContext, id: keyof typeof PROGRAMS): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const contenders: Contenders = cx.native.start(stack, "pingpong");
  contenders.limit = await startThreads(stack, { way: "futex", judge: firstValues(1) });
  for (const [name, variant] of variants(cx)) {
    contenders[name] = await startPair(stack, await benchYard(stack, variant), PROGRAMS[id]);
  }
  const [nanos] = await raceFor(cx, contenders);
  return resultsOf(id, "ns", nanos);
}

export const PINGPONG_BENCHES: readonly Bench[] = (
  Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]
).map((id) => ({ ids: [id], run: (cx) => measure(cx, id) }));
