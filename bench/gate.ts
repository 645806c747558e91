/**
 * A call through the gate to the kernel's thread, one at a time and by many, beside what else asks
 * another thread: postMessage, comlink, synckit. The call is getpid, of which the kernel makes
 * nothing.
 */
import type { Yard } from "@jailyard/host/yard";
import {
  type Bench,
  type BenchContext,
  benchYard,
  type Contenders,
  raceFor,
  resultsOf,
  sized,
} from "./bench.ts";
import { growTo, type Part, type ProgramName, privateJail, startPlayers } from "./players.ts";
import type { Result } from "./result.ts";
import { callsPerSecond, firstValues } from "./rounds.ts";
import { startThreads } from "./threads.ts";

const QUANTILES = firstValues(3);

/** A gate that was not called was not measured. */
async function called(yard: Yard, work: () => Promise<Result[]>): Promise<Result[]> {
  const before = (await yard.stats()).calls;
  const results = await work();
  const calls = (await yard.stats()).calls - before;
  if (calls < 32) throw new Error(`only ${calls} calls came through the gate`);
  return results;
}

async function oneCall(cx: BenchContext, id: string, program: ProgramName): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const yard = await benchYard(stack, cx.variant);
  const part: Part = { jail: await privateJail(yard, "jail1"), program, arg: { each: true } };
  const contenders: Contenders = { ours: await startPlayers(stack, [part], QUANTILES) };
  for (const way of ["postMessage", "comlink", "synckit"] as const) {
    contenders[way] = await startThreads(stack, { way, judge: QUANTILES });
  }
  return await called(yard, async () => {
    const [p50, p99, first] = await raceFor(cx, contenders);
    return [
      ...resultsOf(id, "ns", p50),
      ...resultsOf(`${id}_p99`, "ns", p99),
      ...resultsOf(`${id}_after_idle`, "ns", first),
    ];
  });
}

const SHAPES = [1, 8, 64, 512].flatMap((jails) => [1, 8].map((procs) => [jails, procs] as const));
/** Rounds of many threads before those that count: each compiles for itself, all on the same cores. */
const WARM_UP = 16;
/** As many callers as comlink is asked to bear: it takes a thread for each. */
const COMLINK_MAX = 8;

async function throughput(cx: BenchContext, jails: number, procs: number): Promise<Result[]> {
  await using stack = new AsyncDisposableStack();
  const id = `gate_throughput_${jails}x${procs}`;
  const yard = await benchYard(stack, cx.variant);
  if (!(await growTo(cx, yard, sized(cx, jails), id))) return [];
  const parts: Part[] = [];
  for (const jail of yard.jails.values()) {
    for (let i = 0; i < procs; i++) parts.push({ jail, program: "gate", arg: { each: false } });
  }
  const contenders: Contenders = { ours: await startPlayers(stack, parts, callsPerSecond) };
  if (jails <= COMLINK_MAX) {
    contenders.comlink = await startThreads(stack, {
      way: "comlink",
      judge: callsPerSecond,
      callers: sized(cx, jails),
      lanes: procs,
    });
  }
  const plan = { ...cx.plan, warmUp: sized(cx, WARM_UP) };
  return await called(yard, async () => {
    const [rate] = await raceFor({ ...cx, plan }, contenders);
    return resultsOf(id, "calls/s", rate);
  });
}

const oneCallBench = (id: string, program: ProgramName): Bench => ({
  ids: [id, `${id}_p99`, `${id}_after_idle`],
  run: (cx) => oneCall(cx, id, program),
});

export const GATE_BENCHES: readonly Bench[] = [
  oneCallBench("gate_call", "caller"),
  oneCallBench("gate_call_awaited", "gate"),
  ...SHAPES.map(
    ([jails, procs]): Bench => ({
      ids: [`gate_throughput_${jails}x${procs}`],
      run: (cx) => throughput(cx, jails, procs),
    }),
  ),
];
