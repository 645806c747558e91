/** The thread of a baseline that answers. */
import { workerData } from "node:worker_threads";
import { expose } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import type { Server } from "../threads.ts";

const PID = 101;
const service = { getpid: (): number => PID };
export type Service = typeof service;

/** Answer whatever the other thread stores, for ever. */
function serveFutex(words: Int32Array): never {
  for (let seen = 0; ; seen = (seen + 1) | 0) {
    while (Atomics.load(words, 0) === seen) Atomics.wait(words, 0, seen);
    Atomics.add(words, 32, 1);
    Atomics.notify(words, 32);
  }
}

const { way, ports, words } = workerData as Server;
if (way === "futex") serveFutex(new Int32Array(words));
for (const port of ports) {
  if (way === "comlink") expose(service, nodeEndpoint(port));
  else port.on("message", () => port.postMessage(PID));
}
