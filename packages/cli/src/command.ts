/** What every command that boots a yard has: log level, name, signal, and where its tools run. */
import { LOG_LEVELS, type LogLevel } from "@jailyard/host/log";
import type { Context } from "@jailyard/lab/scenario/inyard";
import { type Command, Option } from "commander";
import { interrupted } from "./interrupt.ts";
import { YardServer } from "./yardserver.ts";

export interface YardOptions {
  readonly logLevel: LogLevel;
  readonly yard?: string;
}

export function addYardOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--log-level <level>", "what the yard tells on stderr")
        .choices(LOG_LEVELS)
        .default("error"),
    )
    .option("--yard <name>", "name by which ipcs and jls find this yard (default: the pid)");
}

/** Run `work` as a yard that `jailyard ipcs` and `jls` can look into. */
export async function listening<T>(
  options: YardOptions,
  work: (cx: Context) => Promise<T>,
): Promise<T> {
  const server = await YardServer.listen(options.yard ?? String(process.pid));
  try {
    return await work({ log: options.logLevel, signal: interrupted, onYard: server.serve });
  } finally {
    await server.close();
  }
}
