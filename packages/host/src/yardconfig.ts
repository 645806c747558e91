/** How a yard is to be: see boot() in yard.ts. */
import type { Stats } from "@jailyard/abi/contention";
import type { LimitSettings } from "@jailyard/abi/limits";
import type { Facility } from "@jailyard/abi/types";
import type { LateLoad } from "@jailyard/kernel/lateload";
import type { ModelName } from "@jailyard/kernel/model";
import type { Locking, Wake } from "@jailyard/kernel/site";
import type { LimitScope } from "@jailyard/kernel/usage";
import type { Logger, LogLevel } from "./log.ts";
import type { Placement } from "./placement.ts";

export interface YardConfig {
  readonly model?: ModelName;
  /** What jails get that were there before a module. */
  readonly lateLoad?: LateLoad;
  /** Whose use counts against a limit. */
  readonly limitScope?: LimitScope;
  /** By sysctl name. */
  readonly limits?: LimitSettings;
  readonly modules?: readonly Facility[];
  readonly racct?: boolean;
  readonly sysvipc_allowed?: boolean;
  readonly maxproc?: number;
  /** Where semop, msgsnd, msgrcv and reads run: `direct` if absent. */
  readonly placement?: Placement;
  /** Who goes on when an object changes: all its sleepers look (`herd`, FreeBSD's), or `handoff`. */
  readonly wake?: Wake;
  /** What a lock covers: an `object`, or all that FreeBSD's global mutexes cover (`freebsd`). */
  readonly locks?: Locking;
  /** What is measured of locks: `contended` if absent. */
  readonly stats?: Stats;
  /** Tell of every wait: records that fit into the ring of a thread, a power of two. See Yard.tracing. */
  readonly trace?: number;
  /** Processes that one jail's thread can run as coroutines; a power of two. */
  readonly slots?: number;
  /** What the program of one thread may allocate, segments apart; one that wants more ends it. */
  readonly jailMemoryMib?: number;
  /** The same for the kernel's thread, and so for the yard; Node's default. */
  readonly kernelMemoryMib?: number;
  /**
   * A thread may go on in another jail. That is several times quicker where jails come and go, and
   * for programs alone that keep nothing in variables of modules: the next jail would meet it.
   */
  readonly reuseThreads?: boolean;
  readonly log?: LogLevel | Logger;
  /** The clock stands still but for `advance`. */
  readonly virtualClock?: boolean;
}
