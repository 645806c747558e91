/**
 * Threads of jails: a Worker for each, which lives as long as its task and is not used again, for what a
 * program leaves in one would be there for the next jail. piscina did this before, and took 3.5 ms and
 * half a MiB of each thread for it (docs/performance.md).
 */
import { setFlagsFromString } from "node:v8";
import { type MessagePort, Worker } from "node:worker_threads";
import type { JailTask } from "./boot.ts";

/**
 * A thread allocates 1.3 MiB until its first program runs. V8's first semi-space has 1 MiB, so there was
 * a collection that kept most of it, in a second one: 8.05 instead of 7.6 MiB a thread, and 2 ms.
 */
const SEMI_SPACE_MIB = 2;

export class ThreadPool {
  readonly #entry: URL;
  readonly #maxOldGenerationSizeMb: number;
  readonly #threads = new Set<Worker>();
  #destroyed = false;

  /** Each thread runs `entry`, with a heap of at most `heapMib`. */
  constructor(entry: URL, heapMib: number) {
    setFlagsFromString(`--min-semi-space-size=${SEMI_SPACE_MIB}`); // of threads that start from now on
    this.#entry = entry;
    this.#maxOldGenerationSizeMb = heapMib;
  }

  get threads(): readonly Worker[] {
    return [...this.#threads];
  }

  /**
   * Resolves once no instruction of the thread can run any more, with what it ended of; whether it was
   * to end the caller knows.
   */
  run(
    task: JailTask,
    { ports, signal }: { ports: readonly MessagePort[]; signal: AbortSignal },
  ): Promise<Error> {
    if (this.#destroyed || signal.aborted) return Promise.resolve(new Error("it was not started"));
    try {
      return this.#live(this.#start(task, ports), signal);
    } catch (error) {
      return Promise.resolve(error as Error);
    }
  }

  #start(task: JailTask, ports: readonly MessagePort[]): Worker {
    return new Worker(this.#entry, {
      workerData: task,
      transferList: [...ports],
      name: task.jail,
      resourceLimits: { maxOldGenerationSizeMb: this.#maxOldGenerationSizeMb },
    });
  }

  #live(thread: Worker, signal: AbortSignal): Promise<Error> {
    this.#threads.add(thread);
    signal.addEventListener("abort", () => void thread.terminate(), { once: true });
    return new Promise((resolve) => {
      let cause: Error | undefined;
      thread.on("error", (thrown: unknown) => {
        cause ??= thrown instanceof Error ? thrown : new Error(String(thrown));
      });
      thread.once("exit", (code) => {
        this.#threads.delete(thread);
        resolve(cause ?? new Error(`worker exited with code: ${code}`));
      });
    });
  }

  /** End all of them, at whatever instruction they are, and start no more. */
  async destroy(): Promise<void> {
    this.#destroyed = true;
    await Promise.all(this.threads.map((thread) => thread.terminate()));
  }
}
