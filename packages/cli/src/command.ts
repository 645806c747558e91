/** What every command that boots a yard has: log level, name, signal, and where its tools run. */
import { LOG_LEVELS, type LogLevel } from "@jailyard/host/log";
import type { Context } from "@jailyard/lab/scenario/inyard";
import { MANNERS, type Manner, USUAL } from "@jailyard/lab/scenario/manner";
import { type Command, Option } from "commander";
import { interrupted } from "./interrupt.ts";
import { YardServer } from "./yardserver.ts";

export interface YardOptions extends Partial<Manner> {
  readonly logLevel: LogLevel;
  readonly yard?: string;
}

export const addYardOptions = (command: Command): Command =>
  addMannerOptions(addNameOptions(command), true);

const ABOUT: Readonly<Record<keyof Manner, readonly [value: string, about: string]>> = {
  placement: ["where", "where calls that one page decides run: caller or kernel"],
  wake: ["policy", "who goes on: all sleepers look again, or the waker serves them"],
  locks: ["what", "what a lock covers: an object, or as FreeBSD's global mutexes"],
  stats: ["mode", "what is measured of locks: nothing, waits, or holds too"],
};

/** `filled`: what is not given has its usual value; if not, it stays absent, as a file may have it. */
export function addMannerOptions(command: Command, filled: boolean): Command {
  for (const name of Object.keys(ABOUT) as (keyof Manner)[]) {
    const [value, about] = ABOUT[name];
    const text = filled ? about : `${about} (default: ${USUAL[name]})`;
    const option = new Option(`--${name} <${value}>`, text).choices(MANNERS[name]);
    command.addOption(filled ? option.default(USUAL[name]) : option);
  }
  return command;
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
    const { logLevel: log, placement, wake, locks, stats } = options;
    const manner = {
      ...(placement && { placement }),
      ...(wake && { wake }),
      ...(locks && { locks }),
      ...(stats && { stats }),
    };
    return await work({ log, manner, signal: interrupted, onYard: server.serve });
  } finally {
    await server.close();
  }
}
