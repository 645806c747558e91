/**
 * Threads that can be ended at any instruction.
 *
 * worker.terminate() and the heap's limit take effect where JavaScript looks for interrupts: at each
 * turn of a loop. Turboshaft's pass for loop unrolling leaves that look out of loops that call, for
 * the callee looks too; a builtin does not, and `for (;;) list.push([].concat(list))` runs for ever,
 * through terminate() and the end of the Node process itself. Seen with Node 26.10, V8 14.6; without
 * the pass such a thread ends at once. Starting a thread costs the same as before.
 */
import { setFlagsFromString } from "node:v8";

/** The first V8 that is known to have the flag; it complains of flags that it does not know. */
const SINCE_V8 = 13;

/** For all threads that start from now on. */
export function makeThreadsKillable(): void {
  const version = Number.parseInt(process.versions.v8, 10);
  if (version >= SINCE_V8) setFlagsFromString("--no-turboshaft-loop-unrolling");
}
