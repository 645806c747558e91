/** `--trace` and `--flame`: every wait of a run, as a trace and as a flame graph. */
import type { Stats } from "@jailyard/host/yard";
import type { RunEvent } from "@jailyard/lab/stress/runfile";
import type { FlameBy } from "@jailyard/lab/trace/flame";
import type { Recorder } from "@jailyard/lab/trace/recorder";
import { type Command, Option } from "commander";
import { machine } from "./record.ts";
import { writePieces } from "./safewrite.ts";
import { printError } from "./terminal.ts";
import { checkWritable, UsageError, whole } from "./usage.ts";

export interface TraceOptions {
  readonly trace?: string;
  readonly traceMax?: number;
  readonly flame?: string;
  readonly flameBy?: FlameBy;
}

const MAX = { usual: 100_000, most: 2_000_000 } as const;

export const addTraceOptions = (command: Command): Command =>
  command
    .option("--trace <file>", "write every wait to this file, for Perfetto or chrome://tracing")
    .option(
      "--trace-max <n>",
      `waits that a trace has at most, the first ones (default: ${MAX.usual})`,
      whole(1, MAX.most),
    )
    .option("--flame <file>", "write waits to this file as collapsed stacks, for a flame graph")
    .addOption(
      new Option("--flame-by <what>", "what stacks count (default: time)").choices([
        "time",
        "count",
      ]),
    );

/** What is to be kept of a yard with about so many threads; undefined: nobody asked. @throws UsageError */
export async function recorderFor(
  { trace, traceMax, flame }: TraceOptions,
  stats: Stats,
  threads: number,
): Promise<Recorder | undefined> {
  if (trace === undefined && flame === undefined) return undefined;
  if (trace !== undefined) checkWritable(trace, undefined, "--trace");
  if (flame !== undefined) checkWritable(flame, undefined, "--flame");
  const option = trace === undefined ? "--flame" : "--trace";
  if (stats === "off") {
    throw new UsageError(`${option} tells of waits, and with --stats off nobody looks at them`);
  }
  const { Recorder: Made } = await import("@jailyard/lab/trace/recorder");
  return new Made(trace === undefined ? 0 : (traceMax ?? MAX.usual), threads);
}

/** Write what was recorded, and say what is missing. @throws WriteError */
export async function writeTrace(
  { trace, flame, flameBy = "time" }: TraceOptions,
  recorder: Recorder | undefined,
  events: readonly RunEvent[],
  about: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (recorder === undefined) return;
  const { left, dropped, until } = recorder;
  if (trace !== undefined) {
    const { traceText } = await import("@jailyard/lab/trace/chrometrace");
    writePieces(trace, traceText(recorder, events, { ...machine(), ...about }));
    printError(`the trace is in ${trace}`);
    if (left > 0) {
      const upTo = `it ends after ${(until / 1e9).toFixed(1)} s of the yard`;
      const more = left.toLocaleString("en-US");
      printError(`${upTo}: ${more} later waits are not in it (--trace-max)`);
    }
  }
  if (flame !== undefined) {
    const { flameText } = await import("@jailyard/lab/trace/flame");
    writePieces(flame, [flameText(recorder, flameBy)]);
    printError(`the stacks are in ${flame}`);
  }
  if (dropped > 0) {
    const lost = dropped.toLocaleString("en-US");
    printError(`${lost} waits were lost: they came faster than they could be taken down`);
  }
}
