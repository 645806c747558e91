/** What all tools have around their main: how they end when a call fails that they did not expect. */
import { E2BIG, strerror } from "@jailyard/abi/errno";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { type AwaitedProgram, program } from "@jailyard/trap/program";
import { complain, warnx } from "./warn.ts";

/** What a tool gets beside its arguments from whoever starts it. */
export interface Surroundings {
  /** Where files lie that are named without a leading slash. */
  readonly cwd?: string;
}

export type ToolMain = (
  p: Process,
  around: Surroundings,
) => Promise<number> | Promise<never> | number;

/** A program called `name`. A call that fails where `main` expects none ends it as err(1, …) does. */
export function tool(name: string, main: ToolMain): AwaitedProgram {
  return program(name, async (p, arg) => {
    try {
      return await main(p, (arg ?? {}) as Surroundings);
    } catch (error) {
      const text = textOf(error);
      if (text === null) throw error;
      warnx(p, text);
      return 1;
    }
  });
}

/** What a failed call comes to, as err(3) says it; null for what is no failed call. */
function textOf(error: unknown): string | null {
  if (error instanceof SysError) return `${error.syscall}: ${reasonOf(error)}`;
  // An argument that is longer than what a call can take.
  const tooLong = error instanceof TypeError && /longer than \d+ bytes$/.test(error.message);
  return tooLong ? strerror(E2BIG) : null;
}

/** strerror(3), or the kernel's own text. */
export const reasonOf = ({ errmsg, errno }: SysError): string => errmsg || strerror(errno);

/** The result of a call, or its error; anything else is thrown. */
export async function attempt<T>(call: Promise<T>): Promise<T | SysError> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}

export const failed = (result: unknown): result is SysError => result instanceof SysError;

/** What getopt(3) says, if anything, and the usage. @returns the exit status */
export function usage(p: Process, lines: readonly string[], problem?: string): number {
  if (problem !== undefined) warnx(p, problem);
  for (const line of lines) complain(p, line);
  return 1;
}
