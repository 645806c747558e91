/**
 * A jail's thread, run by piscina: one task is the life of the thread in its jail. It runs the
 * processes of the jail as coroutines, or one process that owns the thread.
 */

import { setImmediate, setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EDEAD, errnoName, OK, strerror } from "@jailyard/abi/errno";
import { SYS_spawn } from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import { putJson, RET0 } from "@jailyard/abi/wire";
import { commons } from "@jailyard/kernel/commons";
import { EventWaits } from "@jailyard/kernel/eventwait";
import { CONTENDED, Profile } from "@jailyard/kernel/profile";
import { traceOf } from "@jailyard/kernel/trace";
import { type Context, type Host, runAwaited, runBlocking } from "@jailyard/trap/crt";
import { type Program, programOf } from "@jailyard/trap/program";
import { UserGate } from "@jailyard/trap/user";
import { UserProcess } from "@jailyard/trap/userprocess";
import { expose } from "comlink";
import type { JailControl, JailEvent, JailTask, OwnStart, Start } from "./boot.ts";
import { makeDirect } from "./direct.ts";
import { endpoint } from "./endpoint.ts";
import { inodeOf } from "./inode.ts";
import { nanosSince } from "./nanos.ts";
import { resolvePackage } from "./resolve.ts";

resolvePackage();

/** The life of the thread: resolves once it is stopped and all stacks are gone. */
export default async function jailThread(task: JailTask): Promise<void> {
  const { buffer, shape } = task.commons;
  const shared = commons(buffer, shape);
  const nanos = nanosSince(task.commons.epoch);
  const gate = new UserGate(task.gate, shared.sleepers, shape.profile.pids > 0 ? nanos : null);
  if (shape.profile.pids > 0) {
    gate.events = new EventWaits(new Profile(shared.profile, CONTENDED, nanos));
  }
  if (task.site) {
    const trace = traceOf(task.commons);
    makeDirect(gate, task.gate, shared, task.site, task.own !== undefined, nanos, trace);
  }
  const tell = (event: JailEvent): void => task.events.postMessage(event);
  try {
    if (task.own === undefined) await serveCoroutines(task, gate, tell);
    else await runOwn(task, gate, tell, task.own);
    if (task.reuse && !lingers()) return;
    tell({ type: "done" });
    await new Promise(() => {}); // until it is terminated: see JailEvent
  } finally {
    task.events.close();
    task.gate.port.close();
  }
}

/** Did programs leave timers, files or sockets? They would go on in the next jail of the thread. */
const lingers = (): boolean =>
  process.getActiveResourcesInfo().some((what) => what !== "MessagePort" && what !== "Immediate");

function hostOf(task: JailTask, tell: (event: JailEvent) => void, start: Start, root: Pid): Host {
  let running = 1;
  return {
    jail: task.jail,
    stat: (path) => ({ dev: task.dev, ino: inodeOf(path) }),
    print: (pid, text) => tell({ type: "line", pid, root, text }),
    emit: (pid, record) => tell({ type: "record", pid, root, record }),
    crashed: (pid, error) => tell({ type: "crashed", pid, root, error }),
    startThread: (pid, child, arg, inheritance) =>
      tell({ type: "thread", pid, root, child, arg, inheritance, start }),
    begun() {
      running++;
    },
    left() {
      if (--running === 0) tell({ type: "silent", root });
    },
  };
}

/** The program of a module. @throws Error with the file's name in its message */
async function load({ module: url, isFirst }: Start): Promise<Program> {
  const loaded = (await import(url)) as { default?: unknown };
  // The next thread need not strip its types; but to see that there is nothing to keep takes 1.2 ms.
  if (isFirst) process.getBuiltinModule?.("node:module").flushCompileCache?.();
  return programOf(loaded.default, url);
}

/** Why a module gives no program, in one line that begins with the file and, if known, the line. */
function loadProblem(error: Error, url: string): string {
  const file = fileURLToPath(url);
  const message = error.message.replaceAll(url, file).split("\n")[0];
  if (message.startsWith(file)) return message;
  const stack = (error.stack ?? "").replaceAll(url, file);
  const at = stack.split(`${file}:`)[1]?.match(/^\d+(:\d+)?/)?.[0];
  return `${file}${at === undefined ? "" : `:${at}`}: ${error.name}: ${message}`;
}

/** Ask the kernel for a process in `slot`. @returns its pid, or a sentence */
async function spawn(gate: UserGate, u: UserProcess, request: unknown): Promise<Pid | string> {
  u.frame.a[0] = putJson(u.frame.u8, request);
  const error = await gate.callAsync(u.slot, SYS_spawn);
  if (error === OK) return u.frame.a[RET0] as Pid;
  return `no process: ${strerror(error)} (${errnoName(error)})`;
}

const credentials = ({ uid, gid, groups, comm }: Start, { name }: Program): unknown => ({
  uid,
  gid,
  groups,
  comm: comm || name,
});

async function serveCoroutines(
  task: JailTask,
  gate: UserGate,
  tell: (event: JailEvent) => void,
): Promise<void> {
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const running = new Set<Promise<void>>();
  const control: JailControl = {
    async start(start) {
      const started = await startCoroutine(task, gate, tell, start);
      if ("error" in started) return started;
      running.add(started.done);
      void started.done.then(() => running.delete(started.done));
      return { pid: started.pid };
    },
    ping() {},
    stop,
  };
  expose(control, endpoint(task.control));
  await stopped;
  await Promise.all(running);
  while (gate.slotsInUse > 0) await setTimeout(1); // children unwind by themselves
  task.control.close();
}

type Started =
  | { readonly pid: Pid; readonly done: Promise<void> }
  | { readonly error: string; readonly kind?: "awaited" | "blocking" };

async function startCoroutine(
  task: JailTask,
  gate: UserGate,
  tell: (event: JailEvent) => void,
  start: Start,
): Promise<Started> {
  const program = await load(start).catch((error: Error) => error);
  if (program instanceof Error) return { error: loadProblem(program, start.module) };
  if (program.kind === "blocking") return { error: "", kind: "blocking" };
  const slot = gate.takeSlot();
  if (slot === -1) return { error: `the thread has ${task.gate.shape.slots} processes, its most` };
  const u = new UserProcess(gate, slot);
  const pid = await spawn(gate, u, credentials(start, program));
  if (typeof pid === "string") {
    gate.giveSlot(slot);
    return { error: pid };
  }
  u.pid = pid;
  u.comm = start.comm || program.name;
  tell({ type: "started", pid });
  const host = hostOf(task, tell, start, pid);
  const cx: Context = { gate, host, program, args: start.args };
  // Whoever asked has the answer before the program runs: it may never give the thread back.
  const done = setImmediate()
    .then(() => runAwaited(cx, u, "default", start.arg))
    .then(() => tell({ type: "unwound", root: pid }))
    .then(() => host.left());
  return { pid, done };
}

async function runOwn(
  task: JailTask,
  gate: UserGate,
  tell: (event: JailEvent) => void,
  own: OwnStart,
): Promise<void> {
  const program = await load(own).catch((error: Error) => error);
  if (program instanceof Error) {
    return tell({ type: "refused", text: loadProblem(program, own.module) });
  }
  const u = new UserProcess(gate, gate.takeSlot());
  u.frame.a[0] = putJson(
    u.frame.u8,
    own.fork ? { adopt: own.fork.pid } : credentials(own, program),
  );
  const error = gate.call(u.slot, SYS_spawn);
  if (error === EDEAD && own.fork !== undefined) return; // killed before it had its thread
  if (error !== OK) return tell({ type: "refused", text: `no process: ${strerror(error)}` });
  u.pid = u.frame.a[RET0] as Pid;
  u.comm = own.comm || program.name;
  if (own.fork) u.adopt(own.fork.inheritance);
  if (own.fork === undefined) tell({ type: "started", pid: u.pid });
  const host = hostOf(task, tell, own, own.fork?.root ?? u.pid);
  const cx: Context = { gate, host, program, args: own.args };
  runBlocking(cx, u, own.fork?.child ?? "default", own.arg);
  if (own.fork === undefined) tell({ type: "unwound", root: u.pid });
}
