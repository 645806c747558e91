/**
 * What a placement does for the conformance runner: make the jails and processes of a case, then
 * carry out its calls, one by one, each until nothing can run any more.
 */
import type { Call, ConformCase, Out } from "./case.ts";

/** How a call ended, in the words of a script; one of ret, errno, blocks, fault, exits, killed. */
export interface Ending {
  ret?: number | string;
  errno?: string;
  blocks?: true;
  fault?: string;
  exits?: true;
  killed?: true;
  out?: Out;
  /** The rule and the limit that refused the call, such as `SEM-20, kern.ipc.semmns`. */
  reason?: string;
}

/** A call of another process that was asleep and is over, or a process that was killed. */
export interface Completion extends Ending {
  proc: string;
  /** Index of the step that began the call; absent if the process was not asleep. */
  of?: number;
}

export interface Outcome {
  readonly ending: Ending;
  readonly completed: readonly Completion[];
}

/** A call as the runner hands it over, its `$names` resolved. */
export interface Called {
  /** Index of the step. */
  readonly of: number;
  /** Who calls; undefined for root of the host, from outside. */
  readonly proc: string | undefined;
  readonly call: Call<number>;
}

/**
 * A placement. Times are given as set or not, pids as process names, texts as strings of one
 * character a byte; objects of `ipcs` as id and key.
 */
export interface ConformTarget {
  readonly placement: string;
  /** Why the placement cannot run a case; null if it can. */
  skips?(conform: ConformCase): string | null;
  /** Limits, then jails, then processes, on a system that is otherwise empty. */
  begin(conform: ConformCase): Promise<void>;
  call(called: Called): Promise<Outcome>;
  /** Everything that begin and the calls made is gone. */
  end(): Promise<void>;
}
