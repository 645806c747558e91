/** Flags of V8 that every thread of a yard is started with. */
import { setFlagsFromString } from "node:v8";

/** The first V8 whose flags are known to be these; it complains of those that it does not know. */
const SINCE_V8 = 13;

const FLAGS: readonly string[] = [
  // Threads can be ended at any instruction. worker.terminate() and the heap's limit take effect where
  // JavaScript looks for interrupts: at each turn of a loop. Turboshaft's pass for loop unrolling
  // leaves that look out of loops that call, for the callee looks too; a builtin does not, and
  // `for (;;) list.push([].concat(list))` runs for ever, through terminate() and the end of the Node
  // process itself. Seen with Node 26.10, V8 14.6; without the pass such a thread ends at once.
  "--no-turboshaft-loop-unrolling",

  // All functions of a call become one: V8 inlines 920 bytes of bytecode, a call on a page has up to
  // 2,500. semop 54 → 48 ns, with SEM_UNDO 84 → 72, msgsnd and msgrcv 420 → 350.
  "--max-inlined-bytecode-size-cumulative=3000",

  // A thread allocates 1.3 MiB until its first program runs. V8's first semi-space has 1 MiB, so there
  // was a collection that kept most of it, in a second one: half a MiB and 2 ms more.
  "--min-semi-space-size=2",
];

/** For all threads that start from now on, and what is compiled from now on. */
export function setThreadFlags(): void {
  if (Number.parseInt(process.versions.v8, 10) < SINCE_V8) return;
  for (const flag of FLAGS) setFlagsFromString(flag);
}
