/** `jailyard stress`: all repetitions of a mix, and what is to be thought of them. */
import { type Context, Interrupted } from "../scenario/inyard.ts";
import { allLimits } from "./alllimits.ts";
import { execute, type Outcome, type Progress, STATUS, sliceSeconds } from "./execute.ts";
import { figureOf } from "./figures.ts";
import { figureText, timeText } from "./figuretext.ts";
import { interferenceOf, mergedRows } from "./locks.ts";
import { limitsFor } from "./mix.ts";
import type { NativeResult } from "./native.ts";
import { measureOverhead } from "./overhead.ts";
import { FORMAT, FORMAT_VERSION, type Repetition, type RunFile, type Verdict } from "./runfile.ts";
import type { StressSettings } from "./settings.ts";
import { parseThreshold } from "./threshold.ts";
import { mergedEvents } from "./waitevents.ts";
import { WORKLOADS } from "./workloads.ts";

/** A threshold of --fail was met. */
export const STATUS_THRESHOLD = 8;

export interface StressProgress extends Progress {
  /** From 0. */
  readonly repetition: number;
}

/** What the caller knows of the machine it runs on. */
export type Surroundings = Pick<RunFile, "date" | "machine" | "versions">;

/** @throws Interrupted if nothing was measured; YardError if there can be no such yard */
export async function stress(
  cx: Context,
  settings: StressSettings,
  around: Surroundings,
  progress: (at: StressProgress) => void,
): Promise<RunFile> {
  const outcomes: Outcome[] = [];
  for (let repetition = 0; repetition < settings.repeat; repetition++) {
    const outcome = await execute(cx, settings, settings.seed + repetition, (at) =>
      progress({ ...at, repetition }),
    ).catch(unlessInterrupted(outcomes));
    if (outcome === null) break;
    outcomes.push(outcome);
    if (outcome.interrupted || outcome.failures.length > 0) break;
  }
  return runFileOf(settings, around, outcomes);
}

/** An interruption before a later repetition began: those before it are there. */
const unlessInterrupted =
  (outcomes: readonly Outcome[]) =>
  (error: Error): null => {
    if (error instanceof Interrupted && outcomes.length > 0) return null;
    throw error;
  };

function runFileOf(
  settings: StressSettings,
  around: Surroundings,
  outcomes: readonly Outcome[],
): RunFile {
  const repetitions = outcomes.map(({ repetition }) => repetition);
  const locks = mergedRows(outcomes.map((outcome) => outcome.locks));
  return {
    format: FORMAT,
    formatVersion: FORMAT_VERSION,
    ...around,
    partial: partialOf(settings, outcomes),
    settings,
    limits: allLimits(limitsFor(settings)),
    sliceSeconds: sliceSeconds(settings),
    verdict: verdictOf(settings, outcomes, repetitions),
    repetitions,
    locks,
    waitEvents: mergedEvents(outcomes.map((outcome) => outcome.waitEvents)),
    interference: interferenceOf(locks),
    waitFor: outcomes.flatMap((outcome) => outcome.waitFor),
    overhead: measureOverhead(),
  };
}

function partialOf(
  { repeat, seconds }: StressSettings,
  outcomes: readonly Outcome[],
): string | null {
  const last = outcomes.at(-1)!;
  if (!last.interrupted && outcomes.length === repeat) return null;
  const ran = Math.max(0, ...last.repetition.workloads.map((workload) => workload.seconds));
  const why = last.failures.length > 0 ? "ended by a failure" : "interrupted";
  return `${why} after ${ran.toFixed(1)} of ${seconds} s of repetition ${outcomes.length} of ${repeat}`;
}

/** The worst that happened decides the status; every reason is told. */
function verdictOf(
  { fail, workloads }: StressSettings,
  outcomes: readonly Outcome[],
  repetitions: readonly Repetition[],
): Verdict {
  const failures = outcomes.flatMap((outcome) => outcome.failures);
  const problems = [...failures, ...problemsOf(repetitions)];
  for (const text of fail) {
    const { holds, figures } = parseThreshold(text, Object.keys(workloads));
    if (!holds((figure) => figureOf(repetitions, figure))) continue;
    const values = figures.map((figure) => valueText(repetitions, figure)).join(", ");
    problems.push({ status: STATUS_THRESHOLD, text: `--fail ${text} holds: ${values}` });
  }
  const order = [STATUS.refused, STATUS.killed, STATUS.exited, STATUS.failed, STATUS.incomplete];
  const status = [...order, STATUS_THRESHOLD].find((one) => problems.some((p) => p.status === one));
  return { status: status ?? 0, reasons: [...new Set(problems.map(({ text }) => text))] };
}

function valueText(all: readonly Repetition[], figure: Parameters<typeof figureOf>[1]): string {
  const name = "of" in figure ? `${figure.name}(${figure.of})` : figure.name;
  const value = figureOf(all, figure);
  const isTime = "of" in figure && figure.name !== "count";
  return `${name} is ${isTime ? timeText(value) : figureText(value)}`;
}

function problemsOf(repetitions: readonly Repetition[]): { status: number; text: string }[] {
  const problems: { status: number; text: string }[] = [];
  for (const { workloads, events } of repetitions) {
    for (const { name, wrong, errors, unexpected } of workloads) {
      const first = events.find(({ what, workload }) => what === "wrong" && workload === name);
      if (wrong > 0) {
        const text = `${name}: a check failed in ${first?.jail}: ${first?.text}`;
        problems.push({ status: STATUS.failed, text });
      }
      if (unexpected === 0) continue;
      const { expects } = WORKLOADS.get(name)!;
      const strange = Object.entries(errors).filter(([code]) => !expects.includes(code));
      const text = strange.map(([code, n]) => `${code} ${n} times`).join(", ");
      problems.push({ status: STATUS.failed, text: `${name}: unexpected errors: ${text}` });
    }
  }
  return problems;
}

/** The same run with what the machine's own kernel did beside it. */
export const withNative = (run: RunFile, native: readonly NativeResult[]): RunFile => ({
  ...run,
  native,
});
