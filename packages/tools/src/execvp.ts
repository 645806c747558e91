/**
 * What jexec and jail run in a jail: a tool by its name, or a program of the user's by its file.
 * A yard has no file system, so the file is one of the machine's.
 */
import { existsSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Child, Process } from "@jailyard/trap/process";
import { type AwaitedProgram, programOf } from "@jailyard/trap/program";
import { isToolName } from "./names.ts";
import type { Surroundings } from "./tool.ts";

export interface Command {
  readonly program: AwaitedProgram;
  readonly args: readonly string[];
  readonly around: Surroundings;
}

const NOENT = "No such file or directory";
const NOEXEC = "Exec format error";

/** The command of `words`, or why there is none, as execvp(3) says it. */
export async function commandOf(
  words: readonly string[],
  around: Surroundings,
): Promise<Command | string> {
  const [name = "/bin/sh", ...args] = words;
  const url = isToolName(name)
    ? import.meta.resolve(`@jailyard/tools/${name}`)
    : fileOf(name, around);
  if (url === null) return `execvp: ${name}: ${NOENT}`;
  try {
    const loaded = (await import(url)) as { default?: unknown };
    const program = programOf(loaded.default, url);
    // A process that shares its thread cannot give it to a program that wants one of its own.
    if (program.kind === "awaited") return { program, args, around };
    return `execvp: ${name}: ${NOEXEC}`;
  } catch (error) {
    return `execvp: ${name}: ${NOEXEC} (${(error as Error).message.split("\n")[0]})`;
  }
}

/** A module that is named by its path; null if there is no such file. */
function fileOf(name: string, { cwd }: Surroundings): string | null {
  if (!/\.[cm]?[jt]s$/.test(name) || name.includes("\0")) return null;
  if (!isAbsolute(name) && cwd === undefined) return null;
  const path = isAbsolute(name) ? name : resolve(cwd!, name);
  return existsSync(path) && statSync(path).isFile() ? pathToFileURL(path).href : null;
}

/** execve(2) of the command. Never returns. */
export function execute(p: Process, { program, args, around }: Command): Promise<never> {
  const main: Child = (q) => program.main(inCommand(q, program, args), around);
  // ps(1) shows the name of the function.
  return p.exec(Object.defineProperty(main, "name", { value: program.name }));
}

/** The process as the command has it: its own arguments, name, and entries to fork. */
function inCommand(
  q: Process,
  program: AwaitedProgram,
  args: readonly string[],
): Process<"awaited"> {
  const child = (entry: Child | string): Child | string => {
    const main = typeof entry === "string" ? program.children[entry] : entry;
    if (main === undefined) return entry; // fork says what there is
    return (r, arg) => main(inCommand(r, program, args), arg);
  };
  return Object.create(q, {
    args: { value: args },
    comm: { value: program.name },
    fork: { value: (entry: Child | string, arg?: unknown) => q.fork(child(entry), arg) },
    exec: { value: (entry: Child | string, arg?: unknown) => q.exec(child(entry), arg) },
  }) as Process;
}
