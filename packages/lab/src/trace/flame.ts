/**
 * Waits as collapsed stacks, `jail;program;process;call;lock N`, as flamegraph.pl and speedscope read
 * them: N is nanoseconds, or how many waits.
 */
import { lockText } from "@jailyard/abi/contention";
import { callName } from "./callname.ts";
import type { Recorder, WaitSum } from "./recorder.ts";

export const FLAME_BY = ["time", "count"] as const;
export type FlameBy = (typeof FLAME_BY)[number];

export function flameText(recorder: Recorder, by: FlameBy): string {
  const lines = new Map<string, number>();
  for (const sum of recorder.sums()) {
    const stack = stackOf(recorder, sum).map(frame).join(";");
    const value = by === "time" ? Math.round(sum.nanos) : sum.count;
    if (value > 0) lines.set(stack, (lines.get(stack) ?? 0) + value);
  }
  return [...lines]
    .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
    .map(([stack, value]) => `${stack} ${value}\n`)
    .join("");
}

function stackOf(recorder: Recorder, { pid, jid, sysno, lock }: WaitSum): string[] {
  const call = callName(sysno);
  const last = [call, lockText(lock)];
  if (pid === 0 && lock.kind !== "gate") return ["kernel", ...last];
  const jail = recorder.jailName(jid);
  if (pid === 0) return [jail, "no process yet", ...last];
  return [jail, recorder.processes.get(pid)?.comm ?? "unknown", `pid ${pid}`, ...last];
}

/** What separates frames and lines cannot be in one. */
const frame = (text: string): string =>
  text.replace(/[;\s]+/g, (found) => (found.includes(";") ? "," : " "));
