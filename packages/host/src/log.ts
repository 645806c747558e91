/** Logs by pino, to stderr: lines of JSON, or readable ones on a terminal. */
import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export const LOG_LEVELS = ["silent", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type { Logger };

/** Synchronous, so that nothing is lost when the process ends. */
export function makeLog(level: LogLevel, terminal = process.stderr.isTTY === true): Logger {
  const options = { level, base: null };
  if (!terminal) return pino(options, pino.destination({ fd: 2, sync: true }));
  const colorize = process.env.NO_COLOR === undefined;
  return pino(
    options,
    pretty({ colorize, sync: true, destination: 2, translateTime: "HH:MM:ss.l" }),
  );
}
