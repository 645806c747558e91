/**
 * The kernel's thread: take calls, tell the time, read mail, sleep.
 *
 * It sleeps in Atomics.wait, so it reads its mail only when rung: two turns of the event loop, for
 * one may not deliver what was posted before the ring.
 */

import { availableParallelism } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { C_BROKEN, commons } from "@jailyard/kernel/commons";
import { type KernelConfig, makeKernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { takeWoken, unsleep } from "@jailyard/kernel/runq";
import { DeadlockWatch } from "@jailyard/kernel/waitfor";
import { KERNEL } from "@jailyard/memory/sleepers";
import { KernelGate, type KernThread } from "@jailyard/trap/kern";
import { expose } from "comlink";
import { Bindings } from "./bindings.ts";
import type { CommonsBoot, ConsoleEvent, DeadlockEvent, KernelBoot } from "./boot.ts";
import { Control, type System } from "./control.ts";
import { endpoint } from "./endpoint.ts";
import { GateProfile } from "./gateprofile.ts";
import { nanosSince } from "./nanos.ts";

if (parentPort === null) throw new Error("kernel.worker.ts is started by boot() in yard.ts");
/** A clock that stands still does not stand at 0: times that are set are told from others. */
const VIRTUAL_START_MS = 1_000_000_000_000;
const boot = workerData as KernelBoot;
const gate = new KernelGate(boot.bell, availableParallelism());
const system = makeSystem(boot.config, boot.commons);
const deadlocks = new DeadlockWatch();
/** Milliseconds between two looks for deadlocks; a deadlock is one that two looks see. */
const LOOK_MS = 200;
let nextLook = 0;
/** Rounds without rest after which the clock is read to see whether it is time for one. */
const ROUNDS = 64;
let round = 0;
let stopped = false;
const control = new Control(system, gate, makeSystem, () => {
  stopped = true;
});
/** What was thrown in a control method; in a call it ends `serve` by itself. */
let panic: unknown;

/** A kernel and what binds it to the gate. */
function makeSystem(config: KernelConfig, { buffer, shape, epoch, trace }: CommonsBoot): System {
  const nanos = nanosSince(epoch);
  const k = makeKernel({
    ...{ ...config, nanos, commons: commons(buffer, shape) },
    ...(trace && { trace }),
  });
  if (boot.virtualClock) tick(k, VIRTUAL_START_MS);
  gate.more = () => k.commons.sleepers.hasLook(KERNEL);
  if (k.profile.on) gate.watch = new GateProfile(k.profile, () => bindings);
  const bindings = new Bindings(k, boot.direct, (event) => parentPort!.postMessage(event));
  k.hooks = { ...k.hooks, message: (line) => tellConsole({ console: line }) };
  return { k, bindings };
}

const tellConsole = (event: ConsoleEvent): void => parentPort!.postMessage(event);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function clock(): void {
  const { k } = system;
  if (!boot.virtualClock) tick(k, Date.now());
  if (k.commons.words[C_BROKEN] !== 0) system.bindings.mend();
  takeWoken(k);
  if (k.drainers.size > 0) for (const drainer of k.drainers) unsleep(k, drainer);
  if (k.runq.length > 0) run(k);
  if (++round === ROUNDS) lookForDeadlocks();
  system.bindings.settle(); // a kldunload that slept may be over
}

function lookForDeadlocks(): void {
  round = 0;
  const { k } = system;
  const now = performance.now();
  if (!k.profile.on || now < nextLook) return;
  nextLook = now + LOOK_MS;
  for (const deadlock of deadlocks.look(k)) {
    const event: DeadlockEvent = { deadlock, jails: Object.fromEntries(k.book.jails) };
    parentPort!.postMessage(event);
  }
}

function untilDeadline(): number {
  if (boot.virtualClock) return Number.POSITIVE_INFINITY;
  const now = Date.now();
  const look = deadlocks.sees ? LOOK_MS : Number.POSITIVE_INFINITY;
  const ticks = boot.direct || (system.k.profile.on && system.k.queued.size > 0);
  const second = ticks ? 1000 - (now % 1000) : Number.POSITIVE_INFINITY; // others read the clock
  return Math.max(0, Math.min(nextDeadline(system.k) - now, second, look));
}

function dispatch(thread: KernThread, slot: number, sysno: number): void {
  system.bindings.dispatch(thread, slot, sysno);
}

/**
 * An exception in the kernel means that it is broken: the thread dies of it, and so the yard. comlink
 * would tell the caller and go on.
 */
const deadly = new Proxy(control, {
  get(target, name) {
    const method: unknown = Reflect.get(target, name);
    if (typeof method !== "function") return method;
    return (...args: unknown[]): unknown => {
      try {
        const result: unknown = method.apply(target, args);
        system.bindings.settle();
        return result;
      } catch (error) {
        panic ??= error;
        return new Promise(() => {}); // the caller is told with everybody else
      }
    };
  },
});

async function serve(): Promise<void> {
  while (!stopped) {
    if (panic !== undefined) throw panic;
    clock();
    const calls = gate.drain(dispatch);
    if (gate.takeMail()) {
      gate.watch?.idle(); // it may be asked for statistics
      await turn();
      await turn();
    } else if (calls === 0) {
      lookForDeadlocks();
      gate.sleep(untilDeadline());
    }
  }
}

expose(deadly, endpoint(parentPort));
await serve();
await turn(); // the answer to shutdown
parentPort.close();
