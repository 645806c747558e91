/** What people use between threads today, as contenders: pairs of a caller and one who answers. */
import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type Judge, Rounds } from "./rounds.ts";

/** How a caller reaches its other side. */
export type Way = "futex" | "postMessage" | "comlink" | "synckit";

/** workerData of a caller. */
export interface Caller {
  readonly way: Way;
  readonly rounds: SharedArrayBuffer;
  readonly player: number;
  /** Calls that a caller has under way at a time; absent: one, and each is timed. */
  readonly lanes?: number;
  readonly port: MessagePort;
  /** Two words that a futex pair hands back and forth. */
  readonly words: SharedArrayBuffer;
}

/** workerData of the one who answers all callers. */
export interface Server {
  readonly way: Way;
  readonly ports: readonly MessagePort[];
  readonly words: SharedArrayBuffer;
}

export interface ThreadsConfig {
  readonly way: Way;
  readonly judge: Judge;
  readonly callers?: number;
  readonly lanes?: number;
}

function thread(
  stack: AsyncDisposableStack,
  name: "caller" | "server",
  workerData: Caller | Server,
  ports: readonly MessagePort[],
): Worker {
  const file = new URL(`./threads/${name}.worker.ts`, import.meta.url);
  const worker = new Worker(file, { workerData, transferList: [...ports] });
  stack.defer(async () => void (await worker.terminate()));
  return worker;
}

/** Start threads that end with `stack`. */
export async function startThreads(
  stack: AsyncDisposableStack,
  { way, judge, callers = 1, lanes }: ThreadsConfig,
): Promise<Rounds> {
  const rounds = new Rounds(callers, judge);
  const words = new SharedArrayBuffer(1024);
  const channels = Array.from({ length: callers }, () => new MessageChannel());
  const ports = channels.map(({ port2 }) => port2);
  const workers = [thread(stack, "server", { way, ports, words }, ports)];
  for (const [player, { port1: port }] of channels.entries()) {
    const caller = { way, rounds: rounds.memory, player, port, words };
    const data = lanes === undefined ? caller : { ...caller, lanes };
    workers.push(thread(stack, "caller", data, [port]));
  }
  await Promise.all(workers.map((worker) => once(worker, "online")));
  rounds.watch(workers.map((worker) => endedEarly(worker, way)));
  return rounds;
}

async function endedEarly(worker: Worker, way: Way): Promise<never> {
  await once(worker, "exit"); // rejects with what the thread threw
  throw new Error(`a thread of ${way} ended in a round`);
}
