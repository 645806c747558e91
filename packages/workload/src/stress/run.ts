/** The life of a stressor's main process, from the making of its objects to their removal. */
import { ECHILD, ESRCH } from "@jailyard/abi/errno";
import type { SysError } from "@jailyard/abi/syserror";
import type { Pid } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import { Measure } from "./measure.ts";
import {
  type Barrier,
  EXIT_UNREADY,
  EXIT_WRONG,
  type StressArg,
  type StressRecord,
} from "./records.ts";
import type { Parts } from "./stressor.ts";
import { type Shift, Worker, Wrong } from "./worker.ts";

const WNOHANG = 1;
/** Between two signals to processes that have not ended yet. */
const ALARM_MS = 5;
/** First errors of their kind that are told of; the others are counted. */
const EVENTS_MAX = 20;

export class Run<S> implements Shift {
  readonly arg: StressArg;
  readonly measure = new Measure();
  readonly #p: Process;
  readonly #parts: Parts<S>;
  readonly #workers: Worker[] = [];
  readonly #children = new Set<Pid>();
  readonly #told = new Set<string>();
  readonly #go = Promise.withResolvers<void>();
  until = Number.POSITIVE_INFINITY;
  over = false;
  #passed = 0;
  #slices = 0;
  #wrong = false;

  constructor(p: Process, arg: StressArg, parts: Parts<S>) {
    this.#p = p;
    this.arg = arg;
    this.#parts = parts;
  }

  /** @returns the exit status */
  async main(): Promise<number> {
    await this.#p.signal("SIGUSR1", () => void this.#passed++);
    await this.#p.signal("SIGTERM", () => this.#stop());
    await this.#p.signal("SIGALRM", () => {}); // inherited: it ends a sleep and nothing else
    let shared: S;
    try {
      shared = await this.#parts.setup(this.#p, this.arg);
      await this.#fork(shared);
    } catch (error) {
      return this.#unready(error as SysError);
    }
    await this.#barrier("ready", true);
    await this.#shift();
    await this.#barrier("stopped", this.arg.shared);
    await this.#verify(shared);
    await this.#barrier("verified", this.arg.shared);
    await this.#parts.teardown(this.#p, shared, this.arg);
    return this.#wrong ? EXIT_WRONG : 0;
  }

  event(what: "refusal" | "wrong", text: string): void {
    if (what === "wrong") this.#wrong = true;
    if (this.#told.has(text) || this.#told.size >= EVENTS_MAX) return;
    this.#told.add(text);
    this.#emit({ type: "event", at: performance.timeOrigin + performance.now(), what, text });
  }

  #emit(record: StressRecord): void {
    this.#p.emit(record);
  }

  #stop(): void {
    this.over = true;
  }

  #unready(error: SysError): number {
    if (error.name !== "SysError") throw error;
    this.#emit({ type: "unready", code: error.code, text: error.message });
    return EXIT_UNREADY;
  }

  async #fork(shared: S): Promise<void> {
    for (let ix = 0; ix < this.arg.procs; ix++) {
      this.#children.add(await this.#p.fork((child) => this.#work(child, ix, shared)));
    }
  }

  async #work(p: Process, ix: number, shared: S): Promise<void> {
    await this.#go.promise;
    const me = new Worker(p, this, ix);
    this.#workers[ix] = me;
    try {
      await this.#parts.work(me, shared);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.event("wrong", error.message);
    }
  }

  /** Wait until whoever started the run says that all instances are here. */
  async #barrier(at: Barrier, waits: boolean): Promise<void> {
    if (!waits) return;
    const seen = this.#passed;
    this.#emit({ type: at });
    while (this.#passed === seen && !(at === "ready" && this.over)) {
      await this.#p.sleep(Number.POSITIVE_INFINITY);
    }
  }

  /** From the begin of work to the end of all processes. */
  async #shift(): Promise<void> {
    const { seconds, sliceMs } = this.arg;
    const from = performance.now();
    this.until = from + seconds * 1000;
    this.#go.resolve();
    for (let next = from + sliceMs; next < this.until && !this.over; next += sliceMs) {
      await this.#sleepUntil(next);
      if (!this.over) this.#slice();
    }
    await this.#sleepUntil(this.until);
    this.over = true;
    const took = (performance.now() - from) / 1000;
    await this.#end();
    this.#slice();
    const operations = this.#workers.map((worker) => worker.operations);
    this.#emit({ type: "end", operations, seconds: took });
  }

  /** A signal ends the sleep before that only if it ends the run. */
  async #sleepUntil(at: number): Promise<void> {
    while (!this.over && performance.now() < at) {
      await this.#p.sleep(at - performance.now());
    }
  }

  #slice(): void {
    this.#emit({ type: "slice", ix: this.#slices++, ...this.measure.take() });
  }

  /** Wake who sleeps, and wait for all. */
  async #end(): Promise<void> {
    for (;;) {
      await this.#reap();
      if (this.#children.size === 0) return;
      for (const pid of this.#children) await this.#p.kill(pid, "SIGALRM").catch(unless(ESRCH));
      await this.#p.sleep(ALARM_MS);
    }
  }

  async #reap(): Promise<void> {
    while (this.#children.size > 0) {
      const ended = await this.#p.wait(-1, WNOHANG).catch(unless(ECHILD));
      if (ended === null) return;
      this.#children.delete(ended.pid);
    }
  }

  async #verify(shared: S): Promise<void> {
    try {
      await this.#parts.verify(this.#p, shared, this.arg);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      this.event("wrong", error.message);
    }
  }
}

const unless =
  (errno: number) =>
  (error: SysError): null => {
    if (error.errno === errno) return null;
    throw error;
  };
