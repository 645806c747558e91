/**
 * The end of a running command that answers `jailyard ipcs` and `jls`.
 *
 * One request a connection, a line of JSON; the answer is lines of JSON: output of the tool, at last
 * its exit status or what prevented it.
 */
import { chmodSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Server, type Socket } from "node:net";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { isErrorLine } from "@jailyard/tools/warn";
import { UsageError } from "./usage.ts";
import { isListening } from "./yardclient.ts";
import { makeYardDirectory, socketPath } from "./yardpath.ts";

const require = createRequire(import.meta.url);

/** Tools that a yard runs for others. */
export const TOOLS = ["ipcs", "jls"] as const;
export type ToolName = (typeof TOOLS)[number];

export interface Request {
  readonly tool: ToolName;
  readonly args: readonly string[];
  /** Name or jid; absent: the host. */
  readonly jail?: string;
}

export type Answer =
  | { readonly line: string }
  | { readonly stderr: string }
  | { readonly status: number }
  /** The tool did not run. */
  | { readonly problem: string };

/** Longest request in characters, most connections at a time, longest wait for a request. */
const REQUEST_MAX = 16384;
const CONNECTIONS_MAX = 16;
const REQUEST_MS = 5000;

/** Run a tool on the host or in a jail. @returns its exit status */
export async function runTool(
  jail: Jail,
  tool: ToolName,
  args: readonly string[],
  output: (answer: Answer) => void,
): Promise<number> {
  const module = require.resolve(`@jailyard/tools/${tool}`);
  const process = await jail.spawn({ module, args, comm: tool });
  process.on("line", (line) => output({ line }));
  process.on("record", (record) => {
    if (isErrorLine(record)) output(record);
  });
  const { status, error } = await process.exited;
  if (error !== null) output({ stderr: `${tool}: ${error.message}` });
  return status ?? 1;
}

export class YardServer {
  readonly path: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #yard: Yard | null = null;

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listen as the yard called `name`. @throws UsageError if one of that name runs */
  static async listen(name: string): Promise<YardServer> {
    makeYardDirectory();
    const path = socketPath(name);
    if (await isListening(path)) {
      throw new UsageError(`a yard called ${name} is running; choose another name with --yard`);
    }
    rmSync(path, { force: true }); // of one that was killed
    const server = new YardServer(path);
    await server.#listen();
    return server;
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.path, () => {
        chmodSync(this.path, 0o600);
        resolve();
      });
    });
  }

  /** Whose tools to run from now on; null between two yards. */
  readonly serve = (yard: Yard | null): void => {
    this.#yard = yard;
  };

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#connections) socket.destroy();
    await closed;
    rmSync(this.path, { force: true });
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.setEncoding("utf8");
    socket.setTimeout(REQUEST_MS, () => socket.destroy());
    socket.on("error", () => {});
    socket.on("close", () => this.#connections.delete(socket));
    let text = "";
    const read = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end === -1 && text.length <= REQUEST_MAX) return;
      socket.off("data", read);
      socket.setTimeout(0);
      void this.#answer(socket, end === -1 ? "" : text.slice(0, end));
    };
    socket.on("data", read);
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const say = (answer: Answer): void => {
      if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
    };
    try {
      const request = requestOf(line);
      if (request === null) return say({ problem: "that is not a request" });
      const jail = await this.#place(request.jail);
      if (typeof jail === "string") return say({ problem: jail });
      say({ status: await runTool(jail, request.tool, request.args, say) });
    } catch (error) {
      say({ problem: (error as Error).message });
    } finally {
      socket.end();
    }
  }

  /** Where a tool is to run, or why it cannot. */
  async #place(name: string | undefined): Promise<Jail | string> {
    if (this.#yard === null) return "the yard is not up; try again in a moment";
    if (name === undefined) return this.#yard.host;
    for (const jail of this.#yard.jails.values()) {
      if (jail.name === name || String(jail.jid) === name) return jail;
    }
    const names = [...this.#yard.jails.keys()].join(", ") || "none";
    return `jail "${name}" not found; there are: ${names}`;
  }
}

/** A request, or null. */
function requestOf(line: string): Request | null {
  let value: Partial<Request> | null;
  try {
    value = JSON.parse(line) as Partial<Request> | null;
  } catch {
    return null;
  }
  const { tool, args, jail } = value ?? {};
  const isRequest =
    TOOLS.includes(tool as ToolName) &&
    Array.isArray(args) &&
    args.every((arg) => typeof arg === "string") &&
    (jail === undefined || typeof jail === "string");
  return isRequest ? (value as Request) : null;
}
