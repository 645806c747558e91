/**
 * The end of a running command that answers tools: `jailyard ipcs` and its like.
 *
 * One request a connection, a line of JSON; the answer is lines of JSON: output of the tool, at last
 * its exit status or what prevented it. Whoever connects is the user who runs the yard: nobody else
 * gets into the directory. Still nothing that comes in is trusted: a request has a length, a time to
 * arrive and a form, connections are counted, and who does not read or goes away loses its tool.
 */

import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { YardSample } from "@jailyard/abi/yardsample";
import type { Yard } from "@jailyard/host/yard";
import { lockRows } from "@jailyard/lab/stress/locks";
import type { LockRow, WaitEventRow } from "@jailyard/lab/stress/runfile";
import { eventRows } from "@jailyard/lab/stress/waitevents";
import { isToolName } from "@jailyard/tools/names";
import { runTool, type ToolOutput, type ToolRequest } from "./toolrun.ts";
import { UsageError } from "./usage.ts";
import { isListening, LOCKS_REQUEST, NOT_UP, REQUEST_MAX, SAMPLE_REQUEST } from "./yardclient.ts";
import { makeYardDirectory, socketPath } from "./yardpath.ts";

export type Answer =
  | ToolOutput
  /** Asked for locks: one of them. */
  | { readonly lock: LockRow }
  | { readonly event: WaitEventRow }
  | { readonly sample: YardSample }
  | { readonly status: number }
  /** The tool did not run. */
  | { readonly problem: string };

/** Most connections at a time, and how long a request may take to arrive. */
const CONNECTIONS_MAX = 64;
const REQUEST_MS = 5000;
const CROWDED = `the yard already runs ${CONNECTIONS_MAX} tools; end one, or try again in a moment`;
/** Bytes of answers that wait for a client to read them. */
const UNREAD_MAX = 4 << 20;

export class YardServer {
  readonly path: string;
  readonly #name: string;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** Those that were one too many, until they have heard it. */
  readonly #turnedAway = new Set<Socket>();
  #yard: Yard | null = null;

  private constructor(name: string, path: string) {
    this.#name = name;
    this.path = path;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listen as the yard called `name`. @throws UsageError if one of that name runs */
  static async listen(name: string): Promise<YardServer> {
    makeYardDirectory();
    const path = socketPath(name);
    if (await isListening(path)) {
      throw new UsageError(`a yard called ${name} is running; choose another name with --yard`);
    }
    rmSync(path, { force: true }); // of one that was killed
    const server = new YardServer(name, path);
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
    for (const socket of [...this.#connections, ...this.#turnedAway]) socket.destroy();
    await closed;
    rmSync(this.path, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#connections.size >= CONNECTIONS_MAX) return this.#turnAway(socket);
    this.#connections.add(socket);
    socket.setEncoding("utf8");
    // From the beginning: who says a byte now and then would stay for ever.
    const late = setTimeout(() => socket.destroy(), REQUEST_MS);
    socket.on("close", () => {
      clearTimeout(late);
      this.#connections.delete(socket);
    });
    let text = "";
    const read = (chunk: string): void => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end === -1 && text.length <= REQUEST_MAX) return;
      socket.off("data", read);
      clearTimeout(late);
      const isWhole = end !== -1 && end <= REQUEST_MAX;
      socket.on("data", () => {}); // what else it says is not listened to
      void this.#answer(socket, isWhole ? text.slice(0, end) : "");
    };
    socket.on("data", read);
  }

  /** Say why. Its request is taken and not read: who is hung up on as it writes would not hear. */
  #turnAway(socket: Socket): void {
    if (this.#turnedAway.size >= CONNECTIONS_MAX) return void socket.destroy();
    this.#turnedAway.add(socket);
    socket.on("close", () => this.#turnedAway.delete(socket));
    socket.setTimeout(REQUEST_MS, () => socket.destroy());
    socket.resume();
    socket.end(`${JSON.stringify({ problem: CROWDED } satisfies Answer)}\n`);
  }

  /** A line for each lock, no faster than they are read. */
  async #locks(socket: Socket, say: (answer: Answer) => void, gone: AbortSignal): Promise<void> {
    if (this.#yard === null) return say({ problem: NOT_UP });
    const contention = await this.#yard.contention();
    for (const event of eventRows(contention)) say({ event });
    for (const lock of lockRows(contention)) {
      say({ lock });
      if (socket.writableNeedDrain) await once(socket, "drain", { signal: gone });
    }
    say({ status: 0 });
  }

  async #sample(say: (answer: Answer) => void): Promise<void> {
    if (this.#yard === null) return say({ problem: NOT_UP });
    say({ sample: { ...(await this.#yard.sample()), yard: this.#name } });
    say({ status: 0 });
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const gone = new AbortController();
    socket.on("close", () => gone.abort());
    const say = (answer: Answer): void => {
      if (!socket.writable) return;
      socket.write(`${JSON.stringify(answer)}\n`);
      if (socket.writableLength > UNREAD_MAX) socket.destroy();
    };
    try {
      if (line === LOCKS_REQUEST) return await this.#locks(socket, say, gone.signal);
      if (line === SAMPLE_REQUEST) return await this.#sample(say);
      const request = requestOf(line);
      if (request === null) return say({ problem: "that is not a request" });
      if (this.#yard === null) return say({ problem: NOT_UP });
      const problem = request.jail === undefined ? null : await noJail(this.#yard, request.jail);
      if (problem !== null) return say({ problem });
      say({ status: await runTool(this.#yard, request, say, gone.signal) });
    } catch (error) {
      say({ problem: (error as Error).message });
    } finally {
      socket.end();
    }
  }
}

/** Why nothing can run in the jail of this name or jid; null if it is there. */
async function noJail(yard: Yard, name: string): Promise<string | null> {
  const isJid = /^\d+$/.test(name);
  const found = await yard.control.jailGet(isJid ? { jid: Number(name) } : { name });
  if (found.info !== null) return null;
  const names: string[] = [];
  for (let lastjid = 0; ; ) {
    const { info } = await yard.control.jailGet({ lastjid });
    if (info === null) break;
    names.push(info.name);
    lastjid = info.jid;
  }
  return `jail "${name}" not found; there are: ${names.join(", ") || "none"}`;
}

const isText = (value: unknown): value is string | undefined =>
  value === undefined || typeof value === "string";

/** A request, or null. */
function requestOf(line: string): ToolRequest | null {
  let value: Partial<ToolRequest> | null;
  try {
    value = JSON.parse(line) as Partial<ToolRequest> | null;
  } catch {
    return null;
  }
  const { tool, args, jail, cwd } = value ?? {};
  const isRequest =
    isToolName(String(tool)) &&
    Array.isArray(args) &&
    args.every((arg) => typeof arg === "string") &&
    isText(jail) &&
    isText(cwd);
  return isRequest ? (value as ToolRequest) : null;
}
