/** The end that asks a running yard to run a tool. */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { YardSample } from "@jailyard/abi/yardsample";
import { Interrupted } from "@jailyard/lab/scenario/inyard";
import type { LockRow, WaitEventRow } from "@jailyard/lab/stress/runfile";
import { visible } from "@jailyard/tools/vis";
import type { ToolOutput, ToolRequest } from "./toolrun.ts";
import { AbsentError, UsageError } from "./usage.ts";
import { socketPath, yardNames } from "./yardpath.ts";
import type { Answer } from "./yardserver.ts";

/** Longest request in characters. */
export const REQUEST_MAX = 16384;
/** The request for what is known of locks. */
export const LOCKS_REQUEST = JSON.stringify({ ask: "locks" });
/** And the one for a sample of it all. */
export const SAMPLE_REQUEST = JSON.stringify({ ask: "sample" });
/** What a command says that listens, but has no yard yet or has none between two. */
export const NOT_UP = "the yard is not up; try again in a moment";

/** Somebody listens, and there will be a yard. */
export class NotUpError extends AbsentError {}

/** Does a yard answer at this socket? */
export async function isListening(path: string): Promise<boolean> {
  const socket = await open(path);
  socket?.destroy();
  return socket !== null;
}

function open(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(null));
  });
}

/** The socket of the yard that is meant: the one called `name`, or the only one. */
async function theYard(name: string | undefined): Promise<Socket> {
  const meant = name ?? (await onlyYard());
  const socket = await open(socketPath(meant));
  if (socket !== null) return socket;
  throw new AbsentError(`no yard called ${meant} is running${await whichRun()}`);
}

/** The name of the yard that runs. @throws AbsentError if none does, or several do */
export async function onlyYard(): Promise<string> {
  const running = await runningYards();
  if (running.length === 1) return running[0];
  throw new AbsentError(
    running.length > 1
      ? `several yards are running: choose one with --yard ${running.join("|")}`
      : "no yard is running; start one in another terminal, such as `jailyard up`",
  );
}

async function runningYards(): Promise<string[]> {
  const names: string[] = [];
  for (const name of yardNames()) if (await isListening(socketPath(name))) names.push(name);
  return names;
}

async function whichRun(): Promise<string> {
  const names = await runningYards();
  return names.length === 0 ? ", nor any other" : `; there are: ${names.join(", ")}`;
}

/**
 * Have a tool run. @returns its exit status
 * @throws AbsentError if nothing can run it, Interrupted on Ctrl-C, which hangs up on the tool
 */
export async function askYard(
  yard: string | undefined,
  request: ToolRequest,
  output: (output: ToolOutput) => void,
  signal?: AbortSignal,
): Promise<number> {
  const line = JSON.stringify(request);
  if (line.length >= REQUEST_MAX) throw new UsageError("the arguments are too long for a yard");
  const take = (answer: Output): void => {
    if ("line" in answer || "stderr" in answer) output(answer);
  };
  return ask(yard, line, take, signal);
}

export interface Known {
  readonly locks: readonly LockRow[];
  readonly events: readonly WaitEventRow[];
}

/** What a yard knows of its locks and named waits. @throws AbsentError, Interrupted */
export async function askLocks(yard: string | undefined, signal?: AbortSignal): Promise<Known> {
  const locks: LockRow[] = [];
  const events: WaitEventRow[] = [];
  const take = (answer: Output): void => {
    if ("lock" in answer) locks.push(answer.lock);
    if ("event" in answer) events.push(answer.event);
  };
  await ask(yard, LOCKS_REQUEST, take, signal);
  return { locks, events };
}

/** A yard at this moment. @throws AbsentError, Interrupted */
export async function askSample(
  yard: string | undefined,
  signal?: AbortSignal,
): Promise<YardSample> {
  const samples: YardSample[] = [];
  const take = (answer: Output): void => {
    if ("sample" in answer) samples.push(answer.sample);
  };
  await ask(yard, SAMPLE_REQUEST, take, signal);
  return samples[0];
}

/** @returns the status that it ends with */
async function ask(
  yard: string | undefined,
  request: string,
  output: (output: Output) => void,
  signal?: AbortSignal,
): Promise<number> {
  const socket = await theYard(yard);
  const hangUp = (): void => void socket.destroy();
  signal?.addEventListener("abort", hangUp);
  const last = await answers(socket, `${request}\n`, output);
  signal?.removeEventListener("abort", hangUp);
  socket.destroy();
  if (last !== null && "status" in last) return last.status;
  if (last?.problem === NOT_UP) throw new NotUpError(NOT_UP);
  if (last !== null) throw new AbsentError(visible(last.problem));
  if (signal?.aborted) throw new Interrupted();
  throw new AbsentError("the yard went down before it had answered");
}

type Last = Extract<Answer, { status: number } | { problem: string }>;
type Output = Exclude<Answer, Last>;

/** Ask, and pass on what is said until the last word; null: it was never said. */
function answers(
  socket: Socket,
  request: string,
  output: (output: Output) => void,
): Promise<Last | null> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: socket });
    lines.on("line", (text) => {
      const answer = JSON.parse(text) as Answer;
      if ("problem" in answer || "status" in answer) resolve(answer);
      else output(answer);
    });
    for (const one of [lines, socket]) one.on("error", () => {}); // `close` follows
    socket.on("close", () => resolve(null));
    socket.write(request);
  });
}
