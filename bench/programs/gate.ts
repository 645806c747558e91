/** getpid(2) through the gate by a coroutine: each call timed, or as many as go. */
import { program } from "jailyard";
import { awaitedLatencies } from "./latency.ts";
import { type PlayerArg, playAwaited } from "./player.ts";
import { leaveCalls } from "./rate.ts";

export interface GateArg {
  readonly each: boolean;
}

export default program("gate", async (p, arg) => {
  const told = arg as GateArg & PlayerArg;
  const getpid = (): Promise<unknown> => p.getpid();
  const rate = (ms: number, values: Float64Array): Promise<void> => leaveCalls(ms, values, getpid);
  await playAwaited(told, told.each ? awaitedLatencies(getpid) : rate);
});
