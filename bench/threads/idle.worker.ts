/** A thread that does nothing, and stays: the least that a jail's thread could cost. */
import { parentPort } from "node:worker_threads";

parentPort?.on("message", () => {});
parentPort?.postMessage("up");
