/** What all tools have around their main: how they end when a call fails that they did not expect. */
import { AsyncLocalStorage } from "node:async_hooks";
import { E2BIG, strerror } from "@jailyard/abi/errno";
import { refusalText } from "@jailyard/abi/refusal";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { type AwaitedProgram, program } from "@jailyard/trap/program";
import { visible } from "./vis.ts";
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

/** Calls that have failed in the tool that runs; tools of one jail share its thread. */
const refusals = new AsyncLocalStorage<SysError[]>();

/**
 * A program called `name`. A call that fails where `main` expects none ends it as err(1, …) does.
 * If it fails with -v it also tells which rule and which limit refused its last call.
 */
export function tool(name: string, main: ToolMain): AwaitedProgram {
  return program(name, (p, arg) => {
    const { asked, args } = whyAsked(name, p.args);
    const print = (line: string): void => p.print(visible(line));
    const own = Object.create(p, { args: { value: args }, print: { value: print } }) as Process;
    return refusals.run([], async () => {
      const status = await mainOf(own, main, (arg ?? {}) as Surroundings);
      const last = refusals.getStore()?.at(-1);
      if (asked && status !== 0 && last !== undefined) warnx(p, whyText(last));
      return status;
    });
  });
}

async function mainOf(p: Process, main: ToolMain, around: Surroundings): Promise<number> {
  try {
    return await main(p, around);
  } catch (error) {
    const text = textOf(error);
    if (text === null) throw error;
    if (error instanceof SysError) refusals.getStore()?.push(error);
    warnx(p, text);
    return 1;
  }
}

/** Tools that have a -v of their own, as FreeBSD's do. */
const VERBOSE: ReadonlySet<string> = new Set([
  "ipcrm",
  "jail",
  "jls",
  "kldload",
  "kldunload",
  "kldstat",
]);

/** Is -v given? The others take it as their first word, and never see it. */
function whyAsked(
  name: string,
  args: readonly string[],
): { asked: boolean; args: readonly string[] } {
  if (!VERBOSE.has(name)) {
    const asked = args[0] === "-v";
    return { asked, args: asked ? args.slice(1) : args };
  }
  // ipcrm has no operands: what looks like one is the argument of an option.
  const end = name === "ipcrm" ? -1 : args.findIndex((arg) => arg === "--" || !arg.startsWith("-"));
  const options = end === -1 ? args : args.slice(0, end);
  return { asked: options.some((arg) => /^-\w*v/.test(arg)), args };
}

/** `semget: No space left on device by SEM-20: kern.ipc.semmns is 60; …`. */
function whyText({ syscall, errno, refusal }: SysError): string {
  return `${syscall}: ${strerror(errno)} by ${refusalText(refusal) || "no rule"}`;
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

/** The result of a call, or its error, which -v explains; anything else is thrown. */
export async function attempt<T>(call: Promise<T>, explained = true): Promise<T | SysError> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (explained) refusals.getStore()?.push(error);
    return error;
  }
}

export const failed = (result: unknown): result is SysError => result instanceof SysError;

/** What getopt(3) says, if anything, and the usage. @returns the exit status */
export function usage(p: Process, lines: readonly string[], problem?: string): number {
  if (problem !== undefined) warnx(p, problem);
  for (const line of lines) complain(p, line);
  return 1;
}
