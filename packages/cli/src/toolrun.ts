/** Tools of the tools package, run as processes of a yard: on the host, or in a jail by jexec(8). */
import { createRequire } from "node:module";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import { type Yard, YardError } from "@jailyard/host/yard";
import type { ToolName } from "@jailyard/tools/names";
import { isErrorLine } from "@jailyard/tools/warn";

const require = createRequire(import.meta.url);

export interface ToolRequest {
  readonly tool: ToolName;
  readonly args: readonly string[];
  /** Name or jid; absent: the host. */
  readonly jail?: string;
  /** Where files are looked for that are named without a leading slash. */
  readonly cwd?: string;
}

/** A line of output, or of complaint. */
export type ToolOutput = { readonly line: string } | { readonly stderr: string };

/** Exit status of a command that a signal ended, as a shell gives it. */
const BY_SIGNAL = 128;
/** How long a tool may take to leave after SIGHUP. */
const GRACE_MS = 1000;

/**
 * Run a tool. It is a process like any other: what it sees is what its jail sees.
 * @returns its exit status, or 128 and the signal that ended it. `gone`: nobody wants to know any
 * more, so it is hung up on.
 * @throws YardError if the yard goes down meanwhile
 */
export async function runTool(
  yard: Yard,
  { tool, args, jail, cwd }: ToolRequest,
  output: (output: ToolOutput) => void,
  gone?: AbortSignal,
): Promise<number> {
  const comm = jail === undefined ? tool : "jexec";
  const module = require.resolve(`@jailyard/tools/${comm}`);
  const argv = jail === undefined ? args : ["--", jail, tool, ...args];
  const host = await yard.host;
  const process = await host.spawn({ module, args: argv, comm, arg: { cwd } });
  process.on("line", (line) => output({ line }));
  process.on("record", (record) => {
    if (isErrorLine(record)) output(record);
  });
  const stop = hangUpWith(process, gone);
  const { status, signal, error } = await process.exited;
  stop();
  if (error instanceof YardError) throw error; // its kernel died
  if (signal !== null && yard.isDown) throw new YardError("the yard went down");
  if (error !== null) output({ stderr: `${tool}: ${error.message}` });
  return status ?? BY_SIGNAL + (signal ?? 0);
}

/** SIGHUP once `gone` is raised, SIGKILL to who stays. @returns what to do when it has ended */
function hangUpWith(process: ProcessHandle, gone: AbortSignal | undefined): () => void {
  let late: NodeJS.Timeout | undefined;
  const hangUp = (): void => {
    void process.kill("SIGHUP").catch(() => {}); // the yard is down
    late = setTimeout(() => void process.kill("SIGKILL").catch(() => {}), GRACE_MS);
  };
  if (gone?.aborted) hangUp();
  else gone?.addEventListener("abort", hangUp);
  return () => {
    clearTimeout(late);
    gone?.removeEventListener("abort", hangUp);
  };
}

export interface ToolResult {
  readonly status: number;
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** The same with all output at once: `tool(yard, "ipcs", "-Z")`. */
export async function tool(yard: Yard, name: ToolName, ...args: string[]): Promise<ToolResult> {
  const [out, err]: [string[], string[]] = [[], []];
  const request = { tool: name, args, cwd: globalThis.process.cwd() };
  const status = await runTool(yard, request, (output) => {
    if ("line" in output) out.push(output.line);
    else err.push(output.stderr);
  });
  return { status, out, err };
}
