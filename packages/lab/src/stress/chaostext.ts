/** What was done to servers on purpose, and what came of it, in a sentence. */
import { timeText } from "./figuretext.ts";
import type { RunEvent } from "./runfile.ts";

const KILLED = /^the postmaster .* is killed/;
/** Of events that workload/postgres/chaos.ts tells of: what there was one of, and several. */
const KINDS: readonly (readonly [RegExp, string, string])[] = [
  [/^backend .* is killed/, "backend was killed", "backends were killed"],
  [KILLED, "postmaster was killed", "postmasters were killed"],
  [
    /^a second postmaster .* is refused/,
    "second postmaster was refused",
    "second postmasters were refused",
  ],
];
const UP_AGAIN = /^the postmaster is up again .*, (\d+) ms later/;

export function chaosSentence(events: readonly RunEvent[]): string | null {
  const parts = KINDS.flatMap(([pattern, one, several]) => {
    const n = events.filter(({ text }) => pattern.test(text)).length;
    return n === 0
      ? []
      : [`${n} ${n === 1 ? one : several}${pattern === KILLED ? up(events) : ""}`];
  });
  return parts.length === 0 ? null : `On purpose ${parts.join(", ")}; the events say when.`;
}

/** How long they were down. */
function up(events: readonly RunEvent[]): string {
  const all = events.flatMap(({ text }) => UP_AGAIN.exec(text)?.[1] ?? []).map(Number);
  if (all.length === 0) return "";
  const [least, most] = [Math.min(...all), Math.max(...all)].map(timeText);
  return ` and up again after ${least === most ? least : `${least} to ${most}`}`;
}
