/** A user's own program, in several jails with several processes in each. */

import { signalName } from "@jailyard/abi/signal";
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import type { YardConfig } from "@jailyard/host/yard";
import { type Context, inYard, makeJails } from "./inyard.ts";

export interface ProgramsOptions {
  /** Path of the module. */
  readonly module: string;
  readonly args: readonly string[];
  readonly jails: readonly string[];
  /** Processes in each jail. */
  readonly procs: number;
  readonly params: Readonly<Record<string, string | boolean>>;
  readonly yard: YardConfig;
}

export interface ProgramEnd {
  readonly jail: string;
  readonly pid: number;
  /** Exit status, or null if a signal ended the process. */
  readonly status: number | null;
  readonly signal: string | null;
  /** What the program threw, with where. */
  readonly error: string | null;
}

export interface ProgramsRun {
  readonly ends: readonly ProgramEnd[];
  readonly calls: number;
  /** Objects that are there when all processes have ended. */
  readonly left: Readonly<Record<"msg" | "sem" | "shm", number>>;
}

export interface Output {
  line(jail: string, pid: number, text: string): void;
  record(jail: string, pid: number, record: unknown): void;
  /** A child threw, `error` and where. */
  crash(jail: string, pid: number, error: string): void;
  end(end: ProgramEnd): void;
}

/** @throws YardError if a jail or process cannot be had, or the module has no program */
export function runPrograms(
  cx: Context,
  options: ProgramsOptions,
  output: Output,
): Promise<ProgramsRun> {
  return inYard(cx, options.yard, async (yard) => {
    const jails = await makeJails(yard, options.jails, options.params);
    const ends: Promise<ProgramEnd>[] = [];
    for (let n = 0; n < options.procs; n++) {
      for (const jail of jails) {
        const process = await jail.spawn({ module: options.module, args: options.args });
        ends.push(follow(jail, process, output));
      }
    }
    const over = await Promise.all(ends);
    const { calls, objects } = await yard.stats();
    return { ends: over, calls, left: objects };
  });
}

/** Pass on what a process says, and how it ended. */
export async function follow(
  jail: Jail,
  process: ProcessHandle,
  output: Output,
): Promise<ProgramEnd> {
  const { pid } = process;
  process.on("line", (text, from) => output.line(jail.name, from, text));
  process.on("record", (record, from) => output.record(jail.name, from, record));
  process.on("crash", ({ stack }, from) => output.crash(jail.name, from, stack ?? ""));
  const { status, signal, error } = await process.exited;
  const name = signal === null ? null : (signalName(signal) ?? `signal ${signal}`);
  const end = { jail: jail.name, pid, status, signal: name, error: error?.stack ?? null };
  if (jail.yard.failure === null) output.end(end); // else it is said once, for all
  return end;
}
