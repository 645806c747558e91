/** What every command that boots a yard has: log level, name, signal, and where its tools run. */
import { LOG_LEVELS, type LogLevel } from "@jailyard/host/log";
import {
  LOCKINGS,
  type Locking,
  PLACEMENTS,
  type Placement,
  WAKES,
  type Wake,
} from "@jailyard/host/yard";
import type { Context } from "@jailyard/lab/scenario/inyard";
import { type Command, Option } from "commander";
import { interrupted } from "./interrupt.ts";
import { YardServer } from "./yardserver.ts";

export interface YardOptions {
  readonly logLevel: LogLevel;
  readonly yard?: string;
  readonly placement?: Placement;
  readonly wake?: Wake;
  readonly locks?: Locking;
}

export function addYardOptions(command: Command): Command {
  return addNameOptions(command)
    .addOption(
      new Option("--placement <where>", "where calls that one page decides run: caller or kernel")
        .choices(PLACEMENTS)
        .default("direct"),
    )
    .addOption(
      new Option(
        "--wake <policy>",
        "who goes on: all sleepers look again, or the waker serves them",
      )
        .choices(WAKES)
        .default("herd"),
    )
    .addOption(
      new Option("--locks <what>", "what a lock covers: an object, or as FreeBSD's global mutexes")
        .choices(LOCKINGS)
        .default("object"),
    );
}

/** Those of them that say nothing of what is measured. */
export function addNameOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--log-level <level>", "what the yard tells on stderr")
        .choices(LOG_LEVELS)
        .default("error"),
    )
    .option(
      "--yard <name>",
      "name by which ipcs and other tools find this yard (default: the pid)",
    );
}

/** Run `work` as a yard that `jailyard ipcs` and other tools can look into. */
export async function listening<T>(
  options: YardOptions,
  work: (cx: Context) => Promise<T>,
): Promise<T> {
  const server = await YardServer.listen(options.yard ?? String(process.pid));
  try {
    const { logLevel: log, placement, wake, locks } = options;
    const manner = {
      ...(placement && { placement }),
      ...(wake && { wake }),
      ...(locks && { locks }),
    };
    return await work({ log, manner, signal: interrupted, onYard: server.serve });
  } finally {
    await server.close();
  }
}
