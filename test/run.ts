/**
 * `pnpm test`: types, lint, tests, each whatever the others say. The last line is the sum,
 * `N passed, N failed`, in which types and lint count one each.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM, NO_CHROMIUM } from "./support/chromium.ts";

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "jailyard-test-"));

/** Run a tool of the workspace. @returns whether it was content */
function stage(title: string, tool: string, ...args: string[]): boolean {
  process.stdout.write(`\n== ${title}: ${tool} ${args.join(" ")}\n`);
  const file = join(root, "node_modules/.bin", tool);
  const { status, error } = spawnSync(file, args, { cwd: root, stdio: ["ignore", 1, 2] });
  if (error !== undefined) process.stdout.write(`${tool}: ${error.message}\n`);
  return status === 0;
}

const one = (ok: boolean): Count => (ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

/** Counts of vitest's report; a failure outside of any test (a file, a hook) counts as one. */
function tests(report: string, ok: boolean): Count {
  let count = { passed: 0, failed: 0 };
  try {
    const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
    count = { passed: numPassedTests, failed: numFailedTests };
  } catch {
    process.stdout.write("vitest left no report\n");
    return { passed: 0, failed: 1 };
  }
  return ok || count.failed > 0 ? count : { ...count, failed: 1 };
}

try {
  const types = one(stage("types", "tsc", "--noEmit", "-p", "."));
  const lint = one(stage("lint", "biome", "check", "."));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const ok = stage("tests", "vitest", "run", ...reporters, ...process.argv.slice(2));
  const counts = [types, lint, tests(report, ok)];
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  if (CHROMIUM === undefined) process.stdout.write(`\n${NO_CHROMIUM}\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
