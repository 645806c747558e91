/** A tool of the tools package, run in a jail: what it prints, complains of, and exits with. */
import { createRequire } from "node:module";
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import { isErrorLine } from "@jailyard/tools/warn";

const require = createRequire(import.meta.url);

export interface ToolRun {
  readonly out: string[];
  readonly err: string[];
  readonly status: number | null;
}

export async function tool(jail: Jail, name: string, ...args: string[]): Promise<ToolRun> {
  const module = require.resolve(`@jailyard/tools/${name}`);
  const process = await jail.spawn({ module, args, comm: name, arg: { cwd: "/" } });
  return lines(process);
}

/** What a process prints, complains of and exits with. */
export async function lines(process: ProcessHandle): Promise<ToolRun> {
  const [out, err]: [string[], string[]] = [[], []];
  process.on("line", (line) => out.push(line));
  process.on("record", (record) => {
    if (isErrorLine(record)) err.push(record.stderr);
  });
  const { status } = await process.exited;
  return { out, err, status };
}
