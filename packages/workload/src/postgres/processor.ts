/**
 * The processors of a jail, which its server processes share.
 *
 * Coroutines of a thread that are resumed together would go on in turns, an `await` each, as if each
 * had a processor of its own; locks would be contended that on a real machine are not. So a process
 * runs only while it has a processor, and gives it up when it sleeps, makes a call that may wait, or
 * its slice is over.
 */
import type { Process } from "@jailyard/trap/process";
import type { Random } from "./random.ts";

/**
 * Of the processes that a signal wakes, this part runs before the one that sent it goes on, as if
 * on another processor; the others only once that one gives up its own. Granters of heavyweight
 * locks signal while they hold a lightweight lock that the woken process needs, so from this
 * follows how often that lock is waited for: test/workload/postgres.rates.test.ts has the bounds.
 */
const WOKEN_FIRST = 0.2;

export class Processors {
  #free: number;
  /** Who waits for one, first come first served. */
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  give(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/** One process and the processor that it has, or has not. */
export class Running {
  readonly #processors: Processors;
  readonly #rng: Random;
  #on = false;

  constructor(processors: Processors, rng: Random) {
    this.#processors = processors;
    this.#rng = rng;
  }

  async begin(): Promise<void> {
    await this.#processors.take();
    this.#on = true;
  }

  /** Harmless if it has none. */
  end(): void {
    if (this.#on) this.#processors.give();
    this.#on = false;
  }

  /** The process, its calls that may wait made without a processor. */
  bind(p: Process): Process {
    const bound = Object.create(p) as Process;
    bound.sleep = (millis) => this.#off(p.sleep(millis));
    bound.kill = (pid, signal) =>
      this.#rng() < WOKEN_FIRST ? this.#off(p.kill(pid, signal)) : p.kill(pid, signal);
    bound.semop = (semid, sops) => {
      const mayWait = typeof sops === "symbol" || sops.some(([, op]) => op <= 0);
      return mayWait ? this.#off(p.semop(semid, sops)) : p.semop(semid, sops);
    };
    return bound;
  }

  async #off<T>(call: Promise<T>): Promise<T> {
    this.end();
    try {
      return await call;
    } finally {
      await this.begin();
    }
  }
}
