/** Results of conformance cases, for people and for programs. */
import { basename } from "node:path";
import type { Answer } from "./case.ts";
import type { ConformResults, Failure } from "./runner.ts";
import type { Outcome } from "./target.ts";

/** Results as one object: counts, then each failure and each skip. */
export function resultsJson(results: ConformResults): object {
  const { placement, passed, failures, skips } = results;
  return {
    placement,
    passed,
    failed: failures.length,
    skipped: skips.length,
    failures: failures.map((failure) => ({ ...failure, got: gotOf(failure.got) })),
    skips,
  };
}

/** Results as text, a paragraph a failure; the last line is `N passed, M failed, K skipped`. */
export function resultsText(results: ConformResults): string {
  const { passed, failures, skips } = results;
  const lines = failures.map(failureText);
  for (const skip of skips) {
    lines.push(`SKIP ${basename(skip.file)}:${skip.line} ${skip.case}: ${skip.why}\n`);
  }
  lines.push(`${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
  return lines.join("\n");
}

/** One failure: where, the call, what was wanted, what came, the fields that differ, rules. */
export function failureText(failure: Failure): string {
  const { file, line, step, proc, call, args, expected, got, rules } = failure;
  const lines = [`FAIL ${basename(file)}:${line} ${failure.case}, step ${step}`];
  lines.push(`  call      ${proc === null ? "" : `${proc}: `}${call} ${shown(args)}`);
  if (expected !== null) lines.push(`  expected  ${shown(answered(expected))}`);
  lines.push(`  got       ${"threw" in got ? got.threw : shown(gotOf(got))}`);
  for (const { field, ...one } of failure.differences) {
    lines.push(`  differs   ${field}: expected ${shown(one.expected)}, got ${shown(one.got)}`);
  }
  if (rules !== "") lines.push(`  rules     ${rules}`);
  return `${lines.join("\n")}\n`;
}

const answered = ({ expect, out, completes }: Answer): object => ({ ...expect, out, completes });

/** An outcome as a script would write it. */
function gotOf(got: Failure["got"]): object {
  if ("threw" in got) return got;
  const { ending, completed } = got as Outcome;
  return { ...ending, completes: completed.length === 0 ? undefined : completed };
}

/** A run of one character longer than this is written as a fill. */
const RUN = /^(.)\1{15,}$/s;

/** JSON in which long runs of one character are short. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === "string" && RUN.test(one) ? { fill: one[0], len: one.length } : one,
  );
}
