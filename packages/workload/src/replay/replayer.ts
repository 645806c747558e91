/**
 * The program that replays a recording: `jailyard replay`.
 *
 * Its argument is `{ file }`, or the path is its first word. It emits a Progress now and then and
 * one Result at the end, and exits with 1 if anything differs without explanation.
 */
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import { entryOf, loadTrace } from "./manifest.ts";
import { planOf } from "./plan.ts";
import { type Manner, Replay } from "./replay.ts";
import { Report } from "./report.ts";

export interface ReplayArgument extends Partial<Manner> {
  /** JSONL or raw strace text, packed by gzip or not. */
  readonly file: string;
}

/** FreeBSD's msgsnd looks again once a second: a call that is a little late is not stuck. */
const MANNER: Manner = { patienceMs: 3000, pipelined: false };

export default program("replay", async (p: Process, arg: unknown) => {
  const { file = p.args[0], ...manner } = (arg ?? {}) as Partial<ReplayArgument>;
  if (file === undefined) throw new TypeError("replay needs the file of a recording");
  const recording = loadTrace(file);
  const plan = planOf(recording);
  const report = new Report();
  const total = plan.events.length;
  const started = performance.now();
  const replay = new Replay(plan, p, report, { ...MANNER, ...manner });
  const others = await replay.occupy(entryOf(file).segments ?? 0);
  await replay.run((steps) => {
    const done = Math.round((steps / plan.steps.length) * total);
    p.emit({ type: "progress", done, total });
  });
  await replay.vacate(others);
  p.emit(report.result(recording.name, total, (performance.now() - started) / 1000));
  return report.failures === 0 ? 0 : 1;
});
