/** What the calls are to cost, as ratios in one run: the table of docs/benchmarks.md. */
import type { Baseline, Result } from "./result.ts";

interface Target {
  /** For a reader who does not know the id. */
  readonly what: string;
  /** What `most` or `least` is a multiple of; absent: of one, in the unit of the result. */
  readonly of?: Baseline;
  readonly most?: number;
  readonly least?: number;
}

export const TARGETS: Readonly<Record<string, Target>> = {
  semop_uncontended: { what: "semop, nobody contends", of: "native", most: 0.3 },
  semop_undo: { what: "the same with SEM_UNDO", of: "native", most: 0.4 },
  semop_awaited: { what: "the same, awaited by a coroutine", of: "native", most: 0.6 },
  semop_pingpong: {
    what: "a semaphore there and back between two jails",
    of: "native",
    most: 0.25,
  },
  gate_call: { what: "a call to the kernel thread, p50", of: "postMessage", most: 0.25 },
  gate_throughput_8x8: {
    what: "such calls of 8 jails with 8 processes each",
    of: "comlink",
    least: 10,
  },
  msg_64: { what: "msgsnd and msgrcv of 64 bytes", of: "native", most: 0.8 },
  call_at_1000_jails: { what: "semop beside 1,000 jails, against one jail", most: 1.2 },
  jail_start_ms: { what: "start of a jail, of 200", most: 20 },
  jail_memory_mib: { what: "resident memory of a jail, of 200", most: 8 },
};

export interface Verdict {
  /** `at most 0.3 × native`; "" if there is no target. */
  readonly target: string;
  /** null: no target, or nothing to compare with in this run. */
  readonly met: boolean | null;
}

export function verdict(result: Result): Verdict {
  const target = TARGETS[result.id];
  if (target === undefined) return { target: "", met: null };
  const { of, most, least } = target;
  const bound = most === undefined ? `at least ${least}` : `at most ${most}`;
  const text =
    of === undefined
      ? `${bound} ${result.unit === "ratio" ? "×" : result.unit}`
      : `${bound} × ${of}`;
  const value = of === undefined ? result.median : result.ratios[of];
  if (value === undefined) return { target: text, met: null };
  return { target: text, met: value <= (most ?? Infinity) && value >= (least ?? 0) };
}
