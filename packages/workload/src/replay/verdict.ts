/** What comparing a call with its recording comes to. */
import type { Rule } from "./rules.ts";

export type Verdict =
  | { readonly kind: "same" }
  | { readonly kind: "explained"; readonly rules: readonly Rule[] }
  | { readonly kind: "unexplained"; readonly expected: string; readonly got: string };

export const SAME: Verdict = { kind: "same" };

export const explained = (...rules: Rule[]): Verdict => ({ kind: "explained", rules });

export const unexplained = (expected: unknown, got: unknown): Verdict => ({
  kind: "unexplained",
  expected: String(expected),
  got: String(got),
});
