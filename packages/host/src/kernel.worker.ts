/**
 * The kernel's thread: take calls, tell the time, read mail, sleep.
 *
 * It sleeps in Atomics.wait, so it reads its mail only when rung: two turns of the event loop, for
 * one may not deliver what was posted before the ring.
 */

import { availableParallelism } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { type KernelConfig, makeKernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { KernelGate, type KernThread } from "@jailyard/trap/kern";
import { expose } from "comlink";
import { Bindings } from "./bindings.ts";
import type { KernelBoot } from "./boot.ts";
import { Control, type System } from "./control.ts";
import { endpoint } from "./endpoint.ts";

if (parentPort === null) throw new Error("kernel.worker.ts is started by boot() in yard.ts");
/** A clock that stands still does not stand at 0: times that are set are told from others. */
const VIRTUAL_START_MS = 1_000_000_000_000;
const boot = workerData as KernelBoot;
const gate = new KernelGate(boot.bell, availableParallelism());
const system = makeSystem(boot.config);
let stopped = false;
const control = new Control(system, gate, makeSystem, () => {
  stopped = true;
});

/** A kernel and what binds it to the gate. */
function makeSystem(config: KernelConfig): System {
  const k = makeKernel(config);
  if (boot.virtualClock) tick(k, VIRTUAL_START_MS);
  return { k, bindings: new Bindings(k, (event) => boot.events.postMessage(event)) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function clock(): void {
  if (boot.virtualClock) return;
  const { k } = system;
  tick(k, Date.now());
  if (k.runq.length > 0) run(k);
}

function untilDeadline(): number {
  if (boot.virtualClock) return Number.POSITIVE_INFINITY;
  return Math.max(0, nextDeadline(system.k) - Date.now());
}

function dispatch(thread: KernThread, slot: number, sysno: number): void {
  system.bindings.dispatch(thread, slot, sysno);
}

async function serve(): Promise<void> {
  while (!stopped) {
    clock();
    const calls = gate.drain(dispatch);
    if (gate.takeMail()) {
      await turn();
      await turn();
    } else if (calls === 0) {
      gate.sleep(untilDeadline());
    }
  }
}

expose(control, endpoint(parentPort));
await serve();
await turn(); // the answer to shutdown
boot.events.close();
parentPort.close();
