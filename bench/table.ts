/** Results as a table in Markdown, and the block of README.md that shows them. */
import { readFileSync, writeFileSync } from "node:fs";
import { CENTRAL } from "./bench.ts";
import { BASELINES, type Result } from "./result.ts";
import type { Run } from "./run.ts";
import { TARGETS, verdict } from "./targets.ts";

/** Three digits, and no more than are there. */
function shown(value: number): string {
  const short = Number(value.toPrecision(3));
  return short >= 1000 ? Math.round(short).toLocaleString("en-US") : String(short);
}

function others({ baselines, ratios }: Result): string {
  const present = BASELINES.filter((name) => baselines[name] !== undefined);
  const one = (name: (typeof BASELINES)[number]): string =>
    `${name} ${shown(baselines[name]!)} (${shown(ratios[name]!)} ×)`;
  return present.map(one).join(", ");
}

const MET: Readonly<Record<string, string>> = { true: "yes", false: "no", null: "" };

function row(result: Result, central: Result | undefined): string[] {
  const { id, unit, median, p10, p90 } = result;
  const { target, met } = verdict(result);
  const spread = `${shown(p10)} to ${shown(p90)}`;
  const beside = central === undefined ? "" : shown(central.median);
  const what = TARGETS[id]?.what;
  return [
    what === undefined ? `\`${id}\`` : `${what} (\`${id}\`)`,
    `${shown(median)} ${unit}`,
    spread,
    beside,
    others(result),
    target,
    MET[String(met)],
  ];
}

const HEADS = ["what", "median", "p10 to p90", CENTRAL, "others (ours / theirs)", "target", "met"];
const CENTRAL_COLUMN = HEADS.indexOf(CENTRAL);

/** One line for each result; placement `central` is a column where it was measured beside another. */
export function markdown(results: readonly Result[]): string {
  const byId = new Map(results.map((one) => [one.id, one]));
  const suffix = `_${CENTRAL}`;
  const rows = results
    .filter(({ id }) => !(id.endsWith(suffix) && byId.has(id.slice(0, -suffix.length))))
    .map((one) => row(one, byId.get(one.id + suffix)));
  const column = (cells: readonly string[], i: number): boolean =>
    i !== CENTRAL_COLUMN || rows.some((cellsOf) => cellsOf[i] !== "") || cells.length === 0;
  const line = (cells: readonly string[]): string =>
    `| ${cells.filter((_, i) => column(cells, i)).join(" | ")} |`;
  return [line(HEADS), line(HEADS.map(() => "---")), ...rows.map(line)].join("\n");
}

/** What a run was made with, in a sentence. */
export function provenance({ machine, node, commit }: Run): string {
  const { cpus, model, memoryBytes, placement, wake } = machine;
  const gib = shown(memoryBytes / 2 ** 30);
  const where = `${cpus} cores (${model}), ${gib} GiB, Node ${node.replace(/^v/, "")}`;
  return `${where}, commit ${commit}, placement ${placement}, wake ${wake}.`;
}

/** How to read the table, and how many targets were met, for a reader who knows no id. */
function legend(known: readonly Result[]): string {
  const judged = known.filter((one) => verdict(one).met !== null);
  const missed = judged.filter((one) => verdict(one).met === false).map(({ id }) => `\`${id}\``);
  const all = `${judged.length - missed.length} of ${judged.length} targets are met`;
  const but = missed.length === 0 ? "." : `; missed: ${missed.join(", ")}.`;
  return [
    "Medians of rounds in turns with what they stand beside, in one run. Less is better, but for calls a",
    "second; `native` is the same loop in C on this machine's kernel, (0.3 ×) our median divided by theirs.",
    `${all}${but}`,
  ].join("\n");
}

const BEGIN = "<!-- bench: `jailyard bench --readme` writes this from bench/results.json -->";
const END = "<!-- end of bench -->";

/** Replace the marked block of `file` with what has a target in `run`. @throws Error without a block */
export function rewriteReadme(file: string, run: Run): void {
  const text = readFileSync(file, "utf8");
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`${file} has no block that begins with ${BEGIN}`);
  const known = run.results.filter(({ id }) => id.replace(`_${CENTRAL}`, "") in TARGETS);
  const block = `${BEGIN}\n\n${legend(known)}\n\n${markdown(known)}\n\n${provenance(run)}\n\n`;
  writeFileSync(file, text.slice(0, from) + block + text.slice(to));
}
