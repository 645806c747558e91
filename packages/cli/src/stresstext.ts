/** What `jailyard stress` says: how far it is, and what came out. */
import { figureOf, histogramOf } from "@jailyard/lab/stress/figures";
import { figureText, timeText } from "@jailyard/lab/stress/figuretext";
import { quantileMs } from "@jailyard/lab/stress/histogram";
import type { RunFile } from "@jailyard/lab/stress/runfile";
import { sentencesOf } from "@jailyard/lab/stress/sentences";
import type { StressSettings } from "@jailyard/lab/stress/settings";
import type { StressProgress } from "@jailyard/lab/stress/stress";
import type { OfName, PlainName } from "@jailyard/lab/stress/threshold";
import { bold, count, green, plural, print, red, step, table, wrapped } from "./terminal.ts";

/** Elsewhere than on a terminal: lines in all, about. */
const LINES = 10;
/** Between two lines while many jails start. */
const START_MS = 5000;

/** A line that moves on a terminal; elsewhere a line now and then. */
export function stressProgress<T>(
  settings: StressSettings,
  work: (progress: (at: StressProgress) => void) => Promise<T>,
): Promise<T> {
  const mix = Object.entries(settings.workloads).map(([name, weight]) => `${name}=${weight}`);
  const title = bold(`${mix.join(",")} in ${plural(settings.jails, "jail")}`);
  const moves = process.stdout.isTTY === true;
  let next = 0;
  let nextStart = performance.now() + START_MS;
  return step(title, (say) =>
    work((at) => {
      if (moves) return say(progressText(at, settings));
      if (at.phase !== "run" && at.phase !== "end" && performance.now() >= nextStart) {
        nextStart += START_MS;
        print(`  ${progressText(at, settings)}`);
      }
      if (at.phase !== "run") return;
      if (at.repetition * settings.seconds + at.elapsed < next) return;
      next += Math.max(1, (settings.seconds * settings.repeat) / LINES);
      if (at.elapsed >= 0.5) print(`  ${progressText(at, settings)}`);
    }),
  );
}

function progressText(
  { phase, done: there, total, elapsed, operations, repetition }: StressProgress,
  { seconds, repeat }: StressSettings,
): string {
  const which = repeat > 1 ? `run ${repetition + 1} of ${repeat}: ` : "";
  if (phase === "jails") return `${which}${count(there)} of ${count(total)} jails`;
  if (phase === "starting") return `${which}${count(there)} of ${count(total)} workloads start`;
  if (phase === "workloads")
    return `${which}${count(there)} of ${count(total)} workloads are ready`;
  const left = Math.max(0, seconds - elapsed) + seconds * (repeat - repetition - 1);
  const rate = elapsed > 0 ? operations / elapsed : 0;
  if (elapsed > seconds + 1) {
    return `${which}${figureText(seconds)} s are over, the last ones end: ${count(operations)} operations`;
  }
  // The first slice has to be over before anything is known.
  const done =
    operations === 0 ? "" : `${count(operations)} operations, ${figureText(rate)} a second, `;
  return `${which}${elapsed.toFixed(0)} of ${figureText(seconds)} s, ${done}${left.toFixed(0)} s left`;
}

/** The table, then the sentences. */
export function printRun(run: RunFile): void {
  print(table(headsOf(run), rowsOf(run)));
  print();
  for (const sentence of sentencesOf(run)) print(wrapped(sentence));
  const { status } = run.verdict;
  if (status !== 0) print(`  ${red(`Status ${status}.`)}`);
  else if (run.partial === null) print(`  ${green("All checks held.")}`);
}

/** Also where the columns stay empty: a sentence says why. */
const hasNative = ({ native, nativeMissing }: RunFile): boolean =>
  native !== undefined || nativeMissing !== undefined;

function headsOf(run: RunFile): string[] {
  const lag = run.settings.rate === null ? [] : [">lag p99", ">missed"];
  const native = hasNative(run) ? [">native ops/s", ">native p50", ">native p99"] : [];
  return [
    ...["workload", ">procs", ">operations", ">ops/s", ">p50", ">p99", ">max", ">wait p99"],
    ...[...lag, ">errors", ...native],
  ];
}

function rowsOf(run: RunFile): string[][] {
  const names = run.repetitions[0].workloads.map(({ name }) => name);
  return names.map((name) => {
    const plain = (figure: PlainName): number =>
      figureOf(run.repetitions, { name: figure, workload: name });
    const time = (of: OfName, q: number): string => {
      const hdr = histogramOf(run.repetitions, of, name);
      return hdr === null ? "–" : timeText(quantileMs(hdr, q));
    };
    const procs = run.repetitions[0].workloads.find((one) => one.name === name)!.procs;
    const lag = run.settings.rate === null ? [] : [time("lag", 99), count(plain("missed"))];
    return [
      ...[name, count(procs), count(plain("operations")), figureText(plain("throughput"))],
      ...[time("latency", 50), time("latency", 99), time("latency", 100), time("wait", 99)],
      ...[...lag, count(plain("errors")), ...nativeOf(run, name)],
    ];
  });
}

function nativeOf(run: RunFile, name: string): string[] {
  if (!hasNative(run)) return [];
  const found = run.native?.find((one) => one.name === name);
  if (found === undefined) return ["–", "–", "–"];
  return [figureText(found.throughput), timeText(found.p50Ms), timeText(found.p99Ms)];
}
