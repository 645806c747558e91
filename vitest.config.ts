/** How `vitest run` finds and runs the tests. */
import { defineConfig } from "vitest/config";

/** On a Kernel value, in one thread and without a clock: side by side, and quick. */
const KERNEL = ["test/manual/**/*.test.ts", "test/model/**/*.test.ts", "test/tidy.test.ts"];

/** What they expect depends on times, or they start a thread for each of many jails. */
const ALONE = [
  "test/bench.test.ts",
  "test/host/{contention,crowd,start,truth}.test.ts",
  "test/lab/{locks,postgres,stress,trace}.test.ts",
  "test/workload/postgres.rates.test.ts",
];

export default defineConfig({
  test: {
    // Node runs the sources as they are: what is tested, and measured, is what users run.
    experimental: { viteModuleRunner: false },
    // A process a file: a thread that a test leaves alive or that never wakes ends with it.
    pool: "forks",
    testTimeout: 120_000, // a busy machine is no failure
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "kernel",
          include: KERNEL,
          maxWorkers: "100%",
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "threads",
          include: ["test/**/*.test.ts"],
          exclude: [...KERNEL, ...ALONE],
          // Each starts threads of its own: with more at a time two cores choke.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
