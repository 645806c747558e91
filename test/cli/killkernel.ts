/** Loaded before the `jailyard` command: SIGUSR2 ends the thread of its kernel. */
import { createRequire, syncBuiltinESMExports } from "node:module";
import type { Worker, WorkerOptions } from "node:worker_threads";

const threads = createRequire(import.meta.url)("node:worker_threads") as { Worker: typeof Worker };

threads.Worker = class extends threads.Worker {
  constructor(file: URL | string, options: WorkerOptions) {
    super(file, options);
    if (options.name !== "kernel") return;
    const kill = (): void => void this.terminate();
    process.on("SIGUSR2", kill);
    this.once("exit", () => process.off("SIGUSR2", kill)); // a bench has many kernels, one by one
  }
};
syncBuiltinESMExports();
