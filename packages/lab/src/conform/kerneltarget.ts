/**
 * Placement `kernel`: the calls are functions on a Kernel value, in one thread. No gate, no pages
 * shared with anybody: what a case finds wrong here is the semantics.
 */
import { type Errno, ESLEEP, errnoName, OK } from "@jailyard/abi/errno";
import { NO_REASON, reasonText } from "@jailyard/abi/reason";
import { NO_HOOKS, run } from "@jailyard/kernel/kernel";
import { REAPED, type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import type { CallName, ConformCase } from "./case.ts";
import { type Begun, IPC_CALLS } from "./ipccalls.ts";
import { makeStage, type Stage } from "./stage.ts";
import type { Called, Completion, ConformTarget, Ending, Outcome } from "./target.ts";
import { WORLD_CALLS } from "./worldcalls.ts";

/** By call; the thread is null for a call from outside. */
const CALLS: Readonly<Record<CallName, (stage: Stage, td: never, args: never) => Begun>> = {
  ...IPC_CALLS,
  ...WORLD_CALLS,
};

/** A call that sleeps, and what it gives once it is over. */
interface Asleep {
  readonly of: number;
  readonly done: () => Ending;
}

export class KernelTarget implements ConformTarget {
  readonly placement = "kernel";
  #stage: Stage | null = null;
  readonly #asleep = new Map<Thread, Asleep>();
  /** Ended since the call began, the caller's own call perhaps among them. */
  #completed: Completion[] = [];
  #exiting: Thread | null = null;

  begin(conform: ConformCase): Promise<void> {
    // The executor turns a throw into a rejection; nothing here waits.
    return new Promise((resolve) => {
      const stage = makeStage(conform);
      stage.k.hooks = {
        ...NO_HOOKS,
        complete: (td, error) => this.#complete(td, error),
        ended: (td) => this.#ended(td),
        signalled() {},
      };
      this.#stage = stage;
      resolve();
    });
  }

  call(called: Called): Promise<Outcome> {
    return new Promise((resolve) => resolve(this.#carry(called)));
  }

  end(): Promise<void> {
    this.#stage = null;
    this.#asleep.clear();
    this.#completed = [];
    return Promise.resolve();
  }

  #carry({ of, proc, call }: Called): Outcome {
    const stage = this.#stage!;
    const td = proc === undefined ? null : this.#caller(stage, proc, call.call);
    this.#completed = [];
    this.#exiting = call.call === "exit" ? td : null;
    if (td !== null) td.td_reason = NO_REASON;
    const { error, done } = CALLS[call.call](stage, td as never, call.args as never);
    if (error === ESLEEP) this.#asleep.set(td!, { of, done });
    run(stage.k);
    if (error !== ESLEEP) return { ending: ending(td, error, done), completed: this.#completed };
    return this.#slept(proc!, of);
  }

  /** Who calls, or whom a signal is for. @throws Error for the dead, and for a caller asleep */
  #caller(stage: Stage, proc: string, call: CallName): Thread {
    const td = stage.procs.get(proc);
    if (td === undefined || td.p_state === ZOMBIE || td.p_state === REAPED) {
      throw new Error(`there is no process ${proc} any more`);
    }
    const sleep = this.#asleep.get(td);
    if (sleep !== undefined && call !== "signal") {
      throw new Error(`${proc} has been asleep since step ${sleep.of}`);
    }
    return td;
  }

  /** The caller sleeps, unless somebody whom its call woke has ended its sleep already. */
  #slept(proc: string, of: number): Outcome {
    const own = this.#completed.find((one) => one.proc === proc && one.of === of);
    if (own === undefined) return { ending: { blocks: true }, completed: this.#completed };
    const { proc: _proc, of: _of, ...rest } = own;
    return { ending: rest, completed: this.#completed.filter((one) => one !== own) };
  }

  #name(td: Thread): string {
    return this.#stage!.pidNames.get(td.p_pid)!;
  }

  #complete(td: Thread, error: Errno): void {
    const { of, done } = this.#asleep.get(td)!;
    this.#asleep.delete(td);
    this.#completed.push({ proc: this.#name(td), of, ...ending(td, error, done) });
  }

  #ended(td: Thread): void {
    if (td === this.#exiting) return;
    const sleep = this.#asleep.get(td);
    this.#asleep.delete(td);
    const of = sleep === undefined ? {} : { of: sleep.of };
    this.#completed.push({ proc: this.#name(td), ...of, killed: true });
  }
}

function ending(td: Thread | null, error: Errno, done: () => Ending): Ending {
  if (error === OK) return done();
  const reason = td === null ? "" : reasonText(td.td_reason);
  return { errno: errnoName(error), ...(reason === "" ? {} : { reason }) };
}
