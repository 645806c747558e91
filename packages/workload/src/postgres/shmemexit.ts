/**
 * on_shmem_exit: what the postmaster must undo, run in reverse order of registration. [PG-33]
 * A callback reports its own failure and goes on.
 */
export class ShmemExit {
  #callbacks: (() => Promise<unknown>)[] = [];

  push(callback: () => Promise<unknown>): void {
    this.#callbacks.push(callback);
  }

  async run(): Promise<void> {
    for (;;) {
      const callback = this.#callbacks.pop();
      if (callback === undefined) return;
      await callback();
    }
  }
}
