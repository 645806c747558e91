/** The calling thread of a baseline. */
import { type MessagePort, workerData } from "node:worker_threads";
import { wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { createSyncFn } from "synckit";
import { awaitedLatencies, latencies } from "../programs/latency.ts";
import { playAwaited, playBlocking } from "../programs/player.ts";
import { leaveCalls } from "../programs/rate.ts";
import { timed } from "../programs/timed.ts";
import type { Caller } from "../threads.ts";
import type { Service } from "./server.worker.ts";

const caller = workerData as Caller;

function postMessageCall(port: MessagePort): () => Promise<unknown> {
  let answered: (value: unknown) => void;
  port.on("message", (message) => answered(message));
  return () =>
    new Promise((resolve) => {
      answered = resolve;
      port.postMessage(0);
    });
}

/** One side of two threads, each of which waits for the word of the other. */
function playFutex(): void {
  const words = new Int32Array(caller.words);
  playBlocking(
    caller,
    timed((n) => {
      for (let i = 0; i < n; i++) {
        Atomics.add(words, 0, 1);
        Atomics.notify(words, 0);
        const seen = words[0] - 1;
        while (Atomics.load(words, 32) === seen) Atomics.wait(words, 32, seen);
      }
    }),
  );
}

function playSynckit(): void {
  const call = createSyncFn(new URL("./synckit.worker.ts", import.meta.url)) as () => number;
  playBlocking(caller, latencies(call));
}

function awaitedCall(): () => Promise<unknown> {
  if (caller.way === "postMessage") return postMessageCall(caller.port);
  const service = wrap<Service>(nodeEndpoint(caller.port));
  return () => service.getpid();
}

/** As many calls as go with `lanes` of them under way at a time. */
async function playLanes(lanes: number, call: () => Promise<unknown>): Promise<void> {
  await playAwaited(caller, async (ms, values) => {
    const all = Array.from({ length: lanes }, () => new Float64Array(3));
    await Promise.all(all.map((own) => leaveCalls(ms, own, call)));
    const calls = all.reduce((sum, own) => sum + own[2], 0);
    values.set([all[0][0], Math.max(...all.map((own) => own[1])), calls]);
  });
}

async function play(): Promise<void> {
  if (caller.way === "futex") return playFutex();
  if (caller.way === "synckit") return playSynckit();
  const call = awaitedCall();
  if (caller.lanes !== undefined) return playLanes(caller.lanes, call);
  return playAwaited(caller, awaitedLatencies(call));
}

await play();
