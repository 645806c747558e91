/**
 * docs/questions.md has what its commands print: each is run, and the page compared. With UPDATE_DOCS
 * set the page is written instead.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";

const PAGE = fileURLToPath(new URL("../../docs/questions.md", import.meta.url));
const page = readFileSync(PAGE, "utf8");
/** A command, and all that is indented below it. */
const BLOCK = / {4}\$ jailyard (.*)\n((?: {4}.*\n|\n(?= {4}(?!\$)))*)/g;

const place = new Place();
afterAll(async () => {
  await place.remove();
  if (process.env.UPDATE_DOCS === undefined) return;
  writeFileSync(
    PAGE,
    page.replace(BLOCK, (_all, line) => `    $ jailyard ${line}\n${printed.get(line)}`),
  );
});

const printed = new Map<string, string>();
const indented = (text: string): string => text.replace(/^(?=.)/gm, "    ");

/** Which process of a failing server speaks first, and what it has made by then, is chance. */
const normal = (text: string): string =>
  text
    .replaceAll(/(says: ).*/g, "$1…")
    .replaceAll(/\d+ others/g, "N others")
    .replaceAll(/ +$/gm, "")
    .replaceAll(/ {2,}/g, "  ");

const blocks = [...page.matchAll(BLOCK)].map(([, line, output]) => [line, output] as const);

test.each(blocks)("jailyard %s", async (line, output) => {
  const { status, out, err } = await runHere(place, line.split(" "));
  expect({ status, err }).toEqual({ status: 0, err: "" });
  printed.set(line, indented(out));
  if (process.env.UPDATE_DOCS === undefined) expect(normal(indented(out))).toBe(normal(output));
});

test("the scenario of the page is the example's", () => {
  const example = readFileSync(new URL("../../docs/examples/meeting.ts", import.meta.url), "utf8");
  expect(page).toContain(`\`\`\`ts\n${example}\`\`\``);
});

test("every scenario that is shipped answers a question", async () => {
  const { SHIPPED } = await import("@jailyard/lab/models/shipped");
  const asked = new Set(blocks.map(([line]) => line.split(" ")[1]));
  expect([...SHIPPED.keys()].filter((name) => !asked.has(name))).toEqual([]);
});
