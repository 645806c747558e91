/**
 * Code is compiled and stays: V8 throws code away when it meets what it did not expect, a few times
 * for a function; one that it throws away again and again runs as slow code, and its compiler takes
 * the cores.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PLACEMENTS } from "@jailyard/host/yard";
import { expect, test } from "vitest";

const CHILD = new URL("programs/everyjail.ts", import.meta.url).pathname;
const MS = 4000;
/** Of one function and one reason, in five threads. Such a loop has forty in a second. */
const MOST = 15;

/** How often each function was given up, by why. */
function bailouts(trace: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of trace.split("\n")) {
    const found = /^\[bailout .*reason: (.*?)\): begin.* deoptimizing .*<JSFunction ([^ >]*)/.exec(
      line,
    );
    if (found === null || found[1].includes("OSR")) continue;
    const what = `${found[2]}: ${found[1]}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}

test.each(PLACEMENTS)("no function is compiled again and again: %s", async (placement) => {
  const args = ["--trace-deopt", CHILD, placement, String(MS)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 });
  const counts = bailouts(stdout);
  expect(counts.size).toBeGreaterThan(0); // else the trace has another form
  expect([...counts].filter(([, count]) => count > MOST)).toEqual([]);
});
