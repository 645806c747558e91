/** How `vitest run` finds and runs the tests. */
import { defineConfig } from "vitest/config";

/** On a Kernel value, in one thread and without a clock: side by side, and quick. */
const KERNEL = ["test/manual/**/*.test.ts", "test/model/**/*.test.ts", "test/tidy.test.ts"];

export default defineConfig({
  test: {
    // Node runs the sources as they are: what is tested, and measured, is what users run.
    experimental: { viteModuleRunner: false },
    // A process a file: a thread that a test leaves alive or that never wakes ends with it.
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "kernel",
          include: KERNEL,
          maxWorkers: "100%",
          sequence: { groupOrder: 1 },
          testTimeout: 120_000, // a busy machine is no failure
        },
      },
      {
        extends: true,
        test: {
          name: "threads",
          include: ["test/**/*.test.ts"],
          exclude: KERNEL,
          // Each starts threads of its own: one at a time and after the others, or two cores choke.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
