/** ereport: errors with a level, and lines of the server log with PostgreSQL's own texts. */
import { type Errno, strerror } from "@jailyard/abi/errno";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import type { LogLevel, LogRecord, Refused } from "./records.ts";

/** Ends a statement (ERROR), a process (FATAL) or the server's life (PANIC). */
export class PgError extends Error {
  override readonly name = "PgError";
  readonly level: "ERROR" | "FATAL" | "PANIC";
  readonly detail: string;
  readonly hint: string;
  /** `cause`: the failed system call. */
  constructor(
    level: "ERROR" | "FATAL" | "PANIC",
    text: string,
    detail = "",
    hint = "",
    cause?: unknown,
  ) {
    super(text, { cause });
    this.level = level;
    this.detail = detail;
    this.hint = hint;
  }
}

/** The errno of a failed call; whatever else was thrown is thrown on. */
export function errnoOf(error: unknown): Errno {
  if (error instanceof SysError) return error.errno;
  throw error;
}

/** The errno with which a call failed, 0 if it did not. */
export async function attempt(call: Promise<unknown>): Promise<Errno | 0> {
  try {
    await call;
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

/** `%m` of a message. */
export const reasonOf = (error: unknown): string => strerror(errnoOf(error));

/**
 * The server log. The postmaster opens it, and its children write to it too, as they inherit a
 * real server's stderr.
 */
export class ServerLog {
  readonly #emit: (record: LogRecord) => void;
  readonly #instance: string;

  constructor(p: Process, instance: string) {
    this.#emit = (record) => p.emit(record);
    this.#instance = instance;
  }

  line(p: Process, level: LogLevel, text: string, refused?: Refused): void {
    const why = refused === undefined ? {} : { refused };
    this.#emit({ type: "log", instance: this.#instance, pid: p.pid, level, text, ...why });
  }

  /** The lines of an error. */
  error(p: Process, error: PgError): void {
    this.line(p, error.level, error.message, refusedBy(error.cause));
    if (error.detail !== "") this.line(p, "DETAIL", error.detail);
    if (error.hint !== "") this.line(p, "HINT", error.hint);
  }
}

function refusedBy(cause: unknown): Refused | undefined {
  if (!(cause instanceof SysError)) return undefined;
  const { syscall, code, reason } = cause;
  return { syscall, code, reason };
}
