/**
 * One recorded process as a process of the yard.
 *
 * Its coroutine only begins, changes program and ends; calls are made on its Process by the replay,
 * one after the other, so no call costs a hand-over. exec and exit unwind the stack of the
 * coroutine, which is why it does those itself.
 */
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { isCatchable } from "./names.ts";
import type { PlannedProcess } from "./plan.ts";

/** How a call ended: with a value, an errno by name, the end of its process, or a defect. */
export type Outcome =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "errno"; readonly code: string; readonly reason: string }
  | { readonly kind: "gone" }
  | { readonly kind: "threw"; readonly message: string };

/** A call under way. */
export interface Pending {
  readonly ix: number;
  /** It has to sleep until its step `finish`. */
  readonly sleeps: boolean;
  readonly done: Promise<void>;
  outcome: Outcome | null;
  /** Step during which it ended. */
  endedAt: number;
}

type Next = { readonly kind: "exec" } | { readonly kind: "exit"; readonly status: number } | "gone";

export class Emulated {
  readonly planned: PlannedProcess;
  /** null until the process runs, and while it changes its program. */
  p: Process | null = null;
  pending: Pending | null = null;
  ended = false;
  reaped = false;
  /** It sleeps in a call that should have returned; nothing more can be asked of it. */
  stuck = false;
  /** Recorded address of each attachment, and where it is here. */
  attached = new Map<string, number>();
  /** Signals sent to it whose handler has not run. */
  readonly undelivered = new Set<string>();
  /** Signals sent to it that the recording has yet to show as delivered. */
  readonly sent = new Map<string, number>();
  #begun: PromiseWithResolvers<void> = Promise.withResolvers();
  #next: PromiseWithResolvers<Next> = Promise.withResolvers();

  constructor(planned: PlannedProcess) {
    this.planned = planned;
  }

  /** What the process of the yard runs. */
  readonly life = async (p: Process): Promise<number> => {
    this.p = p;
    this.#begun.resolve();
    const next = await this.#next.promise;
    if (next === "gone") return 0;
    if (next.kind === "exit") return p.exit(next.status);
    this.#next = Promise.withResolvers();
    return p.exec(this.life);
  };

  /** Wait until it runs, then catch the signals that the recorded process lived on after. */
  async ready(): Promise<void> {
    await this.#begun.promise;
    const { caught, killedBy } = this.planned;
    for (const signal of caught) {
      if (isCatchable(signal)) await this.p!.signal(signal, () => this.undelivered.delete(signal));
    }
    if (killedBy !== null && isCatchable(killedBy) && !caught.has(killedBy)) {
      await this.p!.signal(killedBy, null);
    }
  }

  exec(): Promise<void> {
    this.#begun = Promise.withResolvers();
    this.p = null;
    this.attached.clear();
    this.#next.resolve({ kind: "exec" });
    return this.ready();
  }

  /** Its coroutine makes the call that ends it before anybody has made another call and back. */
  exit(status: number): void {
    this.ended = true;
    this.#next.resolve({ kind: "exit", status });
  }

  /** A signal has ended it: let its coroutine go. */
  gone(): void {
    this.ended = true;
    this.#next.resolve("gone");
  }

  /** Keep track of a call; `step` tells the step of the replay that is under way. */
  begin(ix: number, sleeps: boolean, call: Promise<unknown>, step: () => number): Pending {
    const end = (outcome: Outcome): void => {
      pending.outcome = outcome;
      pending.endedAt = step();
    };
    const done = call.then(
      (value) => end({ kind: "ok", value }),
      (error: unknown) => end(failure(error)),
    );
    const pending: Pending = { ix, sleeps, done, outcome: null, endedAt: -1 };
    this.pending = pending;
    return pending;
  }
}

export function failure(error: unknown): Outcome {
  if (error instanceof SysError) return { kind: "errno", code: error.code, reason: error.reason };
  const { name, message } = error as Error;
  return name === "ProcessEnded" ? { kind: "gone" } : { kind: "threw", message };
}
