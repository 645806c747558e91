/** Every conformance case with real threads; those written by hand with either flavour of libc. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { centralTarget } from "@jailyard/lab/conform/centraltarget";
import { loadCases } from "@jailyard/lab/conform/load";
import { resultsText } from "@jailyard/lab/conform/report";
import { runCases } from "@jailyard/lab/conform/runner";
import { afterAll, describe, expect, test } from "vitest";

const CORPUS = join(import.meta.dirname, "data", "conformance");
const files = readdirSync(CORPUS).filter((file) => file.endsWith(".jsonl"));
const written = files.filter((file) => file !== "generated.jsonl");

describe.each([
  ["central", "awaited", written],
  ["central", "blocking", written],
  ["central", "mixed", files],
  ["direct", "awaited", written],
  ["direct", "blocking", written],
  ["direct", "mixed", files],
] as const)("conformance, placement %s, %s libc", (placement, libc, corpus) => {
  const target = centralTarget({ placement, libc });
  afterAll(() => target.close());

  test.each(corpus)("%s", { timeout: 300_000 }, async (file) => {
    const cases = loadCases([join(CORPUS, file)]);
    const results = await runCases(target, cases);
    expect(resultsText(results)).toBe(`${cases.length} passed, 0 failed, 0 skipped`);
  });
});
