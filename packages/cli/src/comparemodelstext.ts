/** What `jailyard compare-models` prints: tables whose long cells are told below them. */
import type { Comparison, ModelRun, Row } from "@jailyard/lab/models/compare";
import { figureText } from "@jailyard/lab/stress/figuretext";
import { bold, count, table, wrapped } from "./terminal.ts";

/** The longest outcome that stands in a table. */
const CELL_MAX = 22;
const ABSENT = "–";

/** Long texts, each with a letter that stands for it in tables. */
class Notes {
  readonly #letters = new Map<string, string>();

  /** The text itself if it is short, else its letter: A to Z, then A1. */
  cell(text: string | null): string {
    if (text === null) return ABSENT;
    if (text.length <= CELL_MAX && !text.includes("\n")) return text;
    const known = this.#letters.get(text);
    if (known !== undefined) return known;
    const n = this.#letters.size;
    const letter = `[${String.fromCharCode(65 + (n % 26))}${n < 26 ? "" : Math.trunc(n / 26)}]`;
    this.#letters.set(text, letter);
    return letter;
  }

  get lines(): string[] {
    return [...this.#letters].flatMap(([text, letter]) =>
      text.split("\n").map((line, at) => `  ${at === 0 ? letter : "   "} ${line}`.trimEnd()),
    );
  }
}

export function comparisonText(all: Comparison): string {
  const parts = [heading(all), stepsText(all), seenText(all), limitsText(all)];
  parts.push(differencesText(all), costText(all));
  return parts.filter((part) => part !== "").join("\n\n");
}

const heading = ({ name, question }: Comparison): string => `${bold(name)}: ${question}`;

function stepsText({ models, steps }: Comparison): string {
  const notes = new Notes();
  const rows = steps.map(({ who, what, outcomes, differs }, at) => [
    differs ? "≠" : "",
    String(at + 1),
    who,
    what,
    ...outcomes.map((outcome) => notes.cell(outcome)),
  ]);
  const body = table(["", ">step", "who", "call", ...models], rows);
  return [bold("What came of each call"), body, ...notes.lines, ...failuresOf(steps)].join("\n");
}

/** Words of servers that failed: they tell which process noticed first, which is chance. */
function failuresOf(steps: readonly Row[]): string[] {
  const said = steps.flatMap(({ what, details }) =>
    what.includes("postgres") ? details.filter((detail) => detail !== "") : [],
  );
  return said.length === 0 ? [] : [`  A server that fails says: ${said[0]}`];
}

function seenText({ models, seen }: Comparison): string {
  const notes = new Notes();
  const rows = seen.map(({ who, outcomes }) => [who, ...outcomes.map((one) => notes.cell(one))]);
  const body = table(["who", ...models], rows);
  return [bold("Who lists what in the end"), body, ...notes.lines].join("\n");
}

function limitsText({ models, limits }: Comparison): string {
  if (limits.length === 0) return "";
  const rows = limits.map(({ what, who, outcomes }) => [
    what,
    who,
    ...outcomes.map((outcome) => outcome ?? ABSENT),
  ]);
  return [bold("Limits met"), table(["limit", "who", ...models], rows)].join("\n");
}

function differencesText({ models, steps, runs, reasons }: Comparison): string {
  const [first, ...others] = models;
  if (others.length === 0) return "";
  const lines = others.map((model, at) => {
    const differing = steps.flatMap(({ outcomes }, step) =>
      outcomes[0] === outcomes[at + 1] ? [] : [step + 1],
    );
    const what =
      differing.length === 0
        ? "as"
        : `${differing.length} of ${steps.length} steps (${differing.join(", ")}) ${differing.length === 1 ? "differs" : "differ"} from`;
    const whys = reasons.filter((reason) => reason.model === model).map(({ why }) => `${why}.`);
    const because =
      differing.length === 0 || whys.length === 0 ? "" : ` ${whys.map(sentence).join(" ")}`;
    return wrapped(`${model}: ${what} ${first}.${because}`);
  });
  return [bold("What differs"), ...lines, policiesOf(runs)].join("\n");
}

const sentence = (text: string): string => text[0].toUpperCase() + text.slice(1);

/** The policies, where they are the same for all, in one line. */
function policiesOf(runs: readonly ModelRun[]): string {
  const said = new Set(runs.map(({ lateLoad, limitScope }) => `${lateLoad}, limits ${limitScope}`));
  if (said.size === 1) return `  Policies of all: late load ${[...said][0]}.`;
  const each = runs.map(
    ({ model, lateLoad, limitScope }) => `${model} ${lateLoad} and ${limitScope}`,
  );
  return wrapped(`Policies (late load and limits): ${each.join("; ")}.`);
}

/** Times vary from run to run; they are told where they were measured. */
function costText({ runs }: Comparison): string {
  const rows = runs.flatMap(({ model, load, steps, calls, sleeps }) => {
    if (load === null) return [];
    const times = steps.map(({ micros }) => micros).filter((micros) => micros > 0);
    const own = times.length === 0 ? ABSENT : figureText(median(times));
    const { throughput, p50, p99, unfairness } = load;
    const [rate, least, most] = throughput.map((one) => count(Math.round(one)));
    const texts = [p50, p99, unfairness].map(figureText);
    return [[model, count(calls), count(sleeps), own, rate, `${least} to ${most}`, ...texts]];
  });
  const load = runs[0]?.load;
  if (load === null || load === undefined) return "";
  const heads = [
    "model",
    ">calls",
    ">slept",
    ">µs a call",
    ">ops/s",
    ">in rounds",
    ">p50 µs",
    ">p99 µs",
    ">unfairness",
  ];
  const note = `Calls to the left are the scenario's, each alone in a yard just booted; to the right is load: semaphores in ${load.jails} jails, 4 processes each, for ${load.seconds} s under each model, in three rounds. What differs by less than rounds do is chance.`;
  return [bold("Cost and contention"), table(heads, rows), wrapped(note)].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.trunc(sorted.length / 2)];
}
