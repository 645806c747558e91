/** What a step of a scenario gave. */

/** One step: who did what, and what came of it. */
export interface Step {
  /** `web`, `db(70)`, `host`. */
  readonly who: string;
  /** `semget(5432001, 1, IPC_CREAT|0600)`: the same under each model. */
  readonly what: string;
  /** Name of the call or tool. */
  readonly call: string;
  /** `#1`, `EINVAL`, or lines. */
  outcome: string;
  /** What is not compared, such as the words of a failure. */
  detail: string;
  /** The limit that refused it, as `kern.ipc.semmni`; empty if none did. */
  limit: string;
  /** How long the call took, in microseconds; 0 if it was no call. */
  micros: number;
}

const FAILED = -1;

/** For the scenario: whether the call succeeded, and its value where an id is wanted. */
export class Outcome {
  readonly step: Step;
  /** undefined if it failed. */
  readonly value: unknown;
  readonly ok: boolean;

  constructor(step: Step, ok: boolean, value: unknown) {
    this.step = step;
    this.ok = ok;
    this.value = value;
  }

  /** What a C program has in its variable: the result, or -1. */
  get id(): number {
    return typeof this.value === "number" ? this.value : FAILED;
  }
}
