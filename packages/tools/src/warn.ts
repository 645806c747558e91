/** Standard error of a tool: a record beside its lines of output. */
import type { Process } from "@jailyard/trap/process";
import { visible } from "./vis.ts";

/** What a tool emits for a line on standard error. */
export interface ErrorLine {
  readonly stderr: string;
}

export const isErrorLine = (record: unknown): record is ErrorLine =>
  typeof (record as Partial<ErrorLine> | null)?.stderr === "string";

/** warnx(3): the program's name, then the text. */
export function warnx(p: Process, text: string): void {
  complain(p, `${p.comm}: ${text}`);
}

/** A line without the program's name. */
export function complain(p: Process, line: string): void {
  p.emit({ stderr: visible(line) } satisfies ErrorLine);
}
