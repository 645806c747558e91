/** One process of a stressor: when its next operation is due, how long each takes, what fails. */
import type { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { type Random, random } from "../postgres/random.ts";
import type { OptionValue } from "./about.ts";
import type { Measure } from "./measure.ts";
import type { StressArg } from "./records.ts";

/** A check failed: the emulation, or a stressor, is wrong. */
export class Wrong extends Error {
  override readonly name = "Wrong";
}

/** @throws Wrong with the text unless `holds` */
export function verify(holds: boolean, text: string): asserts holds {
  if (!holds) throw new Wrong(text);
}

/** What the processes of an instance share. */
export interface Shift {
  readonly arg: StressArg;
  readonly measure: Measure;
  /** End of the run by performance.now(). */
  until: number;
  /** Time is over, or Ctrl-C. */
  over: boolean;
  /** First errors of their kind, and failed checks. */
  event(what: "refusal" | "wrong", text: string): void;
}

/** A process that always has something to do gives its thread a turn of the event loop so often. */
const TURN_MS = 10;

export class Worker {
  readonly p: Process;
  /** Place among the jail's processes of this workload, and among those of all jails. */
  readonly ix: number;
  readonly place: number;
  readonly rng: Random;
  operations = 0;
  readonly #shift: Shift;
  #due = 0;
  #interval = 0;
  #turn = 0;

  constructor(p: Process, shift: Shift, ix: number) {
    const { procs, jailIx, seed, rate } = shift.arg;
    this.p = p;
    this.#shift = shift;
    this.ix = ix;
    this.place = jailIx * procs + ix;
    this.rng = random(seed + ix * 7919);
    this.#interval = rate === null ? 0 : 1000 / rate;
    this.#turn = performance.now();
    this.#due = this.#turn + this.#interval * this.rng(); // or all would begin at once
  }

  get arg(): StressArg {
    return this.#shift.arg;
  }

  /** Time is over: what was put off is to be left. */
  get over(): boolean {
    return this.#shift.over;
  }

  /** A number from the options; those that are words are in `arg.options`. */
  option(name: string): number {
    return Number(this.arg.options[name] as OptionValue);
  }

  /** Operations until time is over, at the rate that was asked for, or one after the other. */
  async run(operation: () => Promise<unknown>): Promise<void> {
    while (await this.#next()) {
      const began = performance.now();
      try {
        await operation();
        this.#done(began);
      } catch (error) {
        this.#failed(error as Error);
      }
    }
  }

  /** A call that may have to wait. One that the end of the run cuts short counts too. */
  async wait<T>(call: () => Promise<T>): Promise<T> {
    const from = performance.now();
    try {
      return await call();
    } finally {
      this.#shift.measure.time("wait", performance.now() - from);
    }
  }

  /** Let about `micros` pass, from half to one and a half times as many, without calls. */
  async pause(micros: number): Promise<void> {
    if (micros > 0) await this.p.sleep((micros * (0.5 + this.rng())) / 1000);
  }

  async #next(): Promise<boolean> {
    if (this.#interval > 0) return this.#scheduled();
    const now = performance.now();
    if (this.over || now >= this.#shift.until) return false;
    if (now - this.#turn > TURN_MS) {
      this.#turn = now;
      await this.p.sleep(0);
    }
    this.#due = performance.now();
    return true;
  }

  /** The next of the schedule, which does not wait for the last operation: late ones are begun late. */
  async #scheduled(): Promise<boolean> {
    this.#due += this.#interval;
    const { until, measure } = this.#shift;
    const early = Math.min(this.#due, until) - performance.now();
    await this.p.sleep(Math.max(0, early));
    const now = performance.now();
    if (this.over || now >= until) {
      const end = Math.min(now, until);
      if (this.#due < end) measure.missed += Math.ceil((end - this.#due) / this.#interval);
      return false;
    }
    measure.time("lag", Math.max(0, now - this.#due));
    return true;
  }

  #done(began: number): void {
    const { measure } = this.#shift;
    const now = performance.now();
    this.operations++;
    measure.operations++;
    if (this.#interval > 0) {
      measure.time("latency", now - this.#due);
      measure.time("service", now - began);
    } else measure.time("latency", now - began);
  }

  /** A failed call is counted, and told of when it is the first; at the end EINTR is how it ends. */
  #failed(error: Error): void {
    if (error.name === "Wrong") this.#shift.event("wrong", error.message);
    if (error.name !== "SysError") throw error;
    const { code } = error as SysError;
    if (code === "EINTR" && this.over) return;
    this.#shift.measure.error(code);
    this.#shift.event("refusal", `${code} ${error.message}`);
  }
}
