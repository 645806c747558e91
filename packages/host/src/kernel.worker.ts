/**
 * The kernel's thread: take calls, tell the time, read mail, sleep.
 *
 * It sleeps in Atomics.wait, so it reads its mail only when rung: two turns of the event loop, for
 * one may not deliver what was posted before the ring.
 */
import { expose } from "comlink";
import { parentPort, workerData } from "node:worker_threads";
import { makeKernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { KernelGate } from "@jailyard/trap/kern";
import { Bindings } from "./bindings.ts";
import type { KernelBoot } from "./boot.ts";
import { Control } from "./control.ts";
import { endpoint } from "./endpoint.ts";

if (parentPort === null) throw new Error("kernel.worker.ts is started by boot() in yard.ts");
const boot = workerData as KernelBoot;
const k = makeKernel(boot.config);
const gate = new KernelGate(boot.bell);
const bindings = new Bindings(k, (event) => boot.events.postMessage(event));
let stopped = false;
const control = new Control(k, gate, bindings, () => {
  stopped = true;
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function clock(): void {
  if (boot.virtualClock) return;
  tick(k, Date.now());
  if (k.runq.length > 0) run(k);
}

function untilDeadline(): number {
  return boot.virtualClock ? Number.POSITIVE_INFINITY : Math.max(0, nextDeadline(k) - Date.now());
}

async function serve(): Promise<void> {
  while (!stopped) {
    clock();
    const calls = gate.drain((thread, slot, sysno) => bindings.dispatch(thread, slot, sysno));
    if (gate.takeMail()) {
      await turn();
      await turn();
    } else if (calls === 0) {
      gate.sleep(untilDeadline());
    }
  }
}

if (boot.virtualClock) tick(k, 1_000_000_000_000);
expose(control, endpoint(parentPort));
await serve();
await turn(); // the answer to shutdown
boot.events.close();
parentPort.close();
