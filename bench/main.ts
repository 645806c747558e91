/**
 * `jailyard bench`, as packages/cli/src/bench.ts finds it in a checkout: which benches there are, and
 * what becomes of their results.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeJson } from "../packages/cli/src/record.ts";
import { AbsentError, UsageError } from "../packages/cli/src/usage.ts";
import {
  type Bench,
  type BenchContext,
  DEFAULTS,
  PLACEMENTS,
  type Variant,
  WAKES,
} from "./bench.ts";
import { CALL_BENCHES } from "./calls.ts";
import { CONTENDED_BENCHES } from "./contended.ts";
import { GATE_BENCHES } from "./gate.ts";
import { Native } from "./native.ts";
import { OVERHEAD_BENCHES } from "./overhead.ts";
import { PINGPONG_BENCHES } from "./pingpong.ts";
import { type Run, runBenches, wanted } from "./run.ts";
import { SCALING_BENCHES } from "./scaling.ts";
import { START_BENCHES } from "./start.ts";
import { markdown, provenance, rewriteReadme } from "./table.ts";

/** In the order of docs/benchmarks.md. */
const BENCHES: readonly Bench[] = [
  ...CALL_BENCHES,
  ...PINGPONG_BENCHES,
  ...GATE_BENCHES,
  ...CONTENDED_BENCHES,
  ...OVERHEAD_BENCHES,
  ...SCALING_BENCHES,
  ...START_BENCHES,
];
export const IDS: readonly string[] = BENCHES.flatMap(({ ids }) => ids);

const RESULTS = join(import.meta.dirname, "results.json");
const README = join(import.meta.dirname, "../README.md");

/** What the command line asks for. */
export interface BenchOptions {
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly json?: string;
  readonly placement?: string;
  readonly wake?: string;
  readonly signal: AbortSignal;
}

/** @throws UsageError */
function variantOf({ placement, wake }: BenchOptions): Variant {
  const pick = (option: string, asked: string | undefined, known: readonly string[]): void => {
    if (asked === undefined || known.includes(asked)) return;
    throw new UsageError(`${option} ${asked}: this version has ${known.join(" and ")}`);
  };
  pick("--placement", placement, PLACEMENTS);
  pick("--wake", wake, WAKES);
  return { placement: placement ?? DEFAULTS.placement, wake: wake ?? DEFAULTS.wake };
}

const FULL = { rounds: 15, warmUp: 2, roundMs: 120 };
const QUICK = { rounds: 2, warmUp: 0, roundMs: 4 };

/** Measure, print the table, write what is to be written. @throws UsageError, Interrupted */
export async function bench(options: BenchOptions, print: (line: string) => void): Promise<void> {
  for (const id of options.only) {
    if (!IDS.includes(id))
      throw new UsageError(`--only ${id}: there is no such id; --list shows all`);
  }
  const variant = variantOf(options);
  const native = new Native();
  try {
    const plan = { ...(options.quick ? QUICK : FULL), signal: options.signal };
    const notes: string[] = [];
    const note = (text: string): void => void notes.push(text);
    const cx: BenchContext = { plan, native, quick: options.quick, variant, say, note };
    const run = await runBenches(cx, wanted(BENCHES, options.only));
    say("");
    print(`${markdown(run.results)}\n\n${provenance(run)}`);
    if (native.missing !== "") note(`The column native is empty: ${native.missing}.`);
    for (const text of notes) print(text);
    write(run, options, print);
  } finally {
    native.remove();
  }
}

/** Only a whole run with the yard's own settings is what the README shows. */
function write(run: Run, options: BenchOptions, print: (line: string) => void): void {
  const { only, quick, placement, wake, json } = options;
  const whole = only.length === 0 && !quick && placement === undefined && wake === undefined;
  const file = json ?? (whole ? RESULTS : undefined);
  if (file === undefined) return;
  writeJson(file, run);
  print(`Results are in ${file}.`);
}

/** What it does now, on a terminal: one line that is written over. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Write the block of README.md from the last whole run. @throws AbsentError if there is none */
export function readme(): void {
  let run: Run;
  try {
    run = JSON.parse(readFileSync(RESULTS, "utf8")) as Run;
  } catch {
    throw new AbsentError(`there is no ${RESULTS} that can be read; \`jailyard bench\` writes it`);
  }
  rewriteReadme(README, run);
}
