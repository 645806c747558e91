/** Time getpid(2), call by call, from a process that owns its thread. */
import { blocking } from "jailyard";
import { latencies } from "./latency.ts";
import { type PlayerArg, playBlocking } from "./player.ts";

export default blocking("caller", (p, arg) => {
  playBlocking(
    arg as PlayerArg,
    latencies(() => p.getpid()),
  );
});
