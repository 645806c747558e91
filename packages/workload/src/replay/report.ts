/** What a replay found: the records that its program emits, and how they come about. */
import type { RecordedEvent } from "./recording.ts";
import type { Rule } from "./rules.ts";
import type { Verdict } from "./verdict.ts";

export interface Progress {
  readonly type: "progress";
  /** Events. */
  readonly done: number;
  readonly total: number;
}

/** A difference that a rule of FreeBSD makes, and how often it was met. */
export interface Explained {
  readonly rule: string;
  readonly text: string;
  readonly count: number;
  /** One of them: event, call, what was recorded. */
  readonly example: string;
}

/** A difference that nothing explains. `event` is the line of the JSONL file, from 1. */
export interface Unexplained {
  readonly event: number;
  /** As recorded. */
  readonly pid: number;
  readonly call: string;
  readonly expected: string;
  readonly got: string;
}

export interface Result {
  readonly type: "result";
  readonly name: string;
  readonly events: number;
  /** Events whose outcome was compared; `same`, `explained` and `unexplained` are among them. */
  readonly checked: number;
  readonly same: number;
  readonly explained: readonly Explained[];
  /** The first of them; `failures` says how many there were. */
  readonly unexplained: readonly Unexplained[];
  readonly failures: number;
  /** System calls of the recording that were made. */
  readonly calls: number;
  /** Those that slept, as the recording's had to. */
  readonly sleeps: number;
  /** Processes made for it. */
  readonly processes: number;
  readonly seconds: number;
}

export type ReplayRecord = Progress | Result;

const UNEXPLAINED_SHOWN = 50;

export class Report {
  readonly #explained = new Map<string, Explained & { count: number }>();
  readonly #unexplained: Unexplained[] = [];
  failures = 0;
  checked = 0;
  same = 0;
  calls = 0;
  sleeps = 0;
  processes = 0;

  /** Count the verdict on event `ix`. */
  add(ix: number, event: RecordedEvent, verdict: Verdict): void {
    this.checked++;
    if (verdict.kind === "same") this.same++;
    else if (verdict.kind === "explained") {
      for (const rule of verdict.rules) this.explain(ix, event, rule);
    } else this.fail(ix, event, verdict.expected, verdict.got);
  }

  explain(ix: number, event: RecordedEvent, { rule, text }: Rule): void {
    const known = this.#explained.get(text);
    if (known !== undefined) known.count++;
    else this.#explained.set(text, { rule, text, count: 1, example: exampleOf(ix, event) });
  }

  fail(ix: number, event: RecordedEvent, expected: string, got: string): void {
    this.failures++;
    if (this.#unexplained.length >= UNEXPLAINED_SHOWN) return;
    const { pid } = event;
    this.#unexplained.push({ event: ix + 1, pid, call: callText(event), expected, got });
  }

  result(name: string, events: number, seconds: number): Result {
    const { checked, same, failures, calls, sleeps, processes } = this;
    const explained = [...this.#explained.values()].sort((a, b) => b.count - a.count);
    const unexplained = this.#unexplained;
    return {
      ...{ type: "result", name, events, checked, same, explained, unexplained, failures },
      ...{ calls, sleeps, processes, seconds },
    };
  }
}

const exampleOf = (ix: number, event: RecordedEvent): string =>
  `event ${ix + 1}, process ${event.pid}: ${callText(event)} = ${event.errno ?? event.ret ?? "-"}`;

const ARGS_SHOWN = 4;

/** `semop(43, [-1@12])`, short. */
function callText({ call, args }: RecordedEvent): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    if (name === "buf" || name === "argv" || name === "path") continue;
    parts.push(name === "sops" ? sopsText(args) : String(value));
  }
  return `${call}(${parts.filter((part) => part !== "").join(", ")})`;
}

function sopsText({ sops }: RecordedEvent["args"]): string {
  const shown = sops!.slice(0, ARGS_SHOWN).map(({ num, op }) => `${op > 0 ? "+" : ""}${op}@${num}`);
  return `[${shown.join(" ")}${sops!.length > ARGS_SHOWN ? " …" : ""}]`;
}
