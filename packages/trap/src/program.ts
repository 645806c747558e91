/** Programs: what a module exports for a process to run. */
import type { Child, Process } from "./process.ts";

type Main<M extends "awaited" | "blocking"> = (p: Process<M>, arg: unknown) => unknown;

/** A program of coroutines: its processes share the thread of their jail. */
export interface AwaitedProgram {
  readonly kind: "awaited";
  readonly name: string;
  readonly main: Main<"awaited">;
  readonly children: Readonly<Record<string, Child>>;
}

/** A program whose every process owns a thread of its jail; its calls block that thread. */
export interface BlockingProgram {
  readonly kind: "blocking";
  readonly name: string;
  readonly main: Main<"blocking">;
  readonly children: Readonly<Record<string, Main<"blocking">>>;
}

export type Program = AwaitedProgram | BlockingProgram;

/**
 * `export default program("pinger", async (p) => { … })`. What `main` returns, if a number, is the
 * exit status; an exception ends the process as SIGABRT would. `children` are entries that fork
 * and exec can name.
 */
export function program(
  name: string,
  main: Main<"awaited">,
  children: Readonly<Record<string, Child>> = {},
): AwaitedProgram {
  return { kind: "awaited", name, main, children };
}

/** The same for a process that owns its thread: `main` is not async, and calls return results. */
export function blocking(
  name: string,
  main: Main<"blocking">,
  children: Readonly<Record<string, Main<"blocking">>> = {},
): BlockingProgram {
  return { kind: "blocking", name, main, children };
}

/** The program that a module exports by default: made by program() or blocking(), or a function. */
export function programOf(exported: unknown, file: string): Program {
  if (isProgram(exported)) return exported;
  if (typeof exported === "function") return program(nameOf(file), exported as Main<"awaited">);
  throw new TypeError(
    `${file} has no program: write \`export default program("name", async (p) => { … })\``,
  );
}

function isProgram(value: unknown): value is Program {
  if (typeof value !== "object" || value === null) return false;
  const { kind, main } = value as Partial<Program>;
  return (kind === "awaited" || kind === "blocking") && typeof main === "function";
}

/** `/a/b/ping.ts` is `ping`. */
const nameOf = (file: string): string => file.replace(/^.*\//, "").replace(/\.[cm]?[jt]s$/, "");
