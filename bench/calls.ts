/** Calls of one process that nobody contends with, beside the same calls on the real kernel. */
import {
  type Bench,
  type BenchContext,
  benchYard,
  type Contenders,
  raceFor,
  resultsOf,
  variants,
} from "./bench.ts";
import type { NativeName } from "./native.ts";
import { type ProgramName, privateJail, startPlayers } from "./players.ts";
import type { AwaitedArg } from "./programs/awaited.ts";
import type { BlockingArg } from "./programs/blocking.ts";
import type { Result } from "./result.ts";

interface Call {
  readonly program: ProgramName;
  readonly arg: BlockingArg | AwaitedArg;
  readonly native: readonly [NativeName, ...(string | number)[]];
}

const call = (work: BlockingArg["work"], ...native: Call["native"]): Call => ({
  program: "blocking",
  arg: { work },
  native,
});
const message = (bytes: number): Call => ({
  program: "blocking",
  arg: { work: "msg", bytes },
  native: ["msg", bytes],
});

const CALLS: Readonly<Record<string, Call>> = {
  semop_uncontended: call("semop", "semop"),
  semop_undo: call("undo", "semop", "undo"),
  semop_awaited: { program: "awaited", arg: { work: "semop" }, native: ["semop"] },
  sem_getval: call("getval", "semop", "getval"),
  sem_stat: call("stat", "semop", "stat"),
  msg_64: message(64),
  msg_1024: message(1024),
  shm_cycle: call("shm", "shm"),
};

async function measure(cx: BenchContext, id: string, one: Call): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const contenders: Contenders = cx.native.start(stack, ...one.native);
  for (const [name, variant] of variants(cx)) {
    const jail = await privateJail(await benchYard(stack, variant), "jail1");
    contenders[name] = await startPlayers(stack, [{ jail, ...one }]);
  }
  const [nanos] = await raceFor(cx, contenders);
  return resultsOf(id, "ns", nanos);
}

export const CALL_BENCHES: readonly Bench[] = Object.entries(CALLS).map(([id, one]) => ({
  ids: [id],
  run: (cx) => measure(cx, id, one),
}));
