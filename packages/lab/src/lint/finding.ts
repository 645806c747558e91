/** What a rule of `jailyard lint` says of one line. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** `error`: it does not do what it says; `warning`: it does, and somebody may be surprised. */
export type Severity = "error" | "warning";

export interface Finding extends Place {
  readonly severity: Severity;
  readonly rule: string;
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
}

/** What differs from one finding of a rule to the next. */
type Said = Pick<Finding, "what" | "why" | "remedy">;

export const finding = (
  { file, line }: Place,
  severity: Severity,
  rule: string,
  said: Said,
): Finding => ({ file, line, severity, rule, ...said });
