/** Every conformance case, on a Kernel value. `jailyard conform` plays them on the other placements. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { KernelTarget } from "@jailyard/lab/conform/kerneltarget";
import { loadCases } from "@jailyard/lab/conform/load";
import { resultsText } from "@jailyard/lab/conform/report";
import { runCases } from "@jailyard/lab/conform/runner";
import { describe, expect, test } from "vitest";

const CORPUS = join(import.meta.dirname, "data", "conformance");
const files = readdirSync(CORPUS).filter((file) => file.endsWith(".jsonl"));

describe("conformance, placement kernel", () => {
  test.each(files)("%s", { timeout: 60_000 }, async (file) => {
    const cases = loadCases([join(CORPUS, file)]);
    const results = await runCases(new KernelTarget(), cases);
    expect(resultsText(results)).toBe(`${cases.length} passed, 0 failed, 0 skipped`);
  });
});
