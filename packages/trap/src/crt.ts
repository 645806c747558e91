/**
 * What runs a program in a process: the Process that it gets, fork, exec, exit, and what becomes of
 * an exception. Named for crt0, the part of libc that calls main.
 */
import { LABEL_MAX } from "@jailyard/abi/contention";
import { EAGAIN } from "@jailyard/abi/errno";
import { ftokOf } from "@jailyard/abi/ipc";
import { NO_REASON } from "@jailyard/abi/reason";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import { SegvError, SysError } from "@jailyard/abi/syserror";
import type { Pid } from "@jailyard/abi/types";
import { putJson, RET0 } from "@jailyard/abi/wire";
import { signalNumber, text, unsigned, whole } from "./arguments.ts";
import { bindCalls, settle } from "./bind.ts";
import type { Mode, Process } from "./process.ts";
import type { Program } from "./program.ts";
import { ProcessEnded, ProcessExec, ProcessExit } from "./unwind.ts";
import type { UserGate } from "./user.ts";
import { type Inheritance, UserProcess } from "./userprocess.ts";

/** What the thread offers its processes beside the gate. */
export interface Host {
  readonly jail: string;
  /** Stable numbers of the jail's file system, for ftok. */
  stat(path: string): { dev: number; ino: number };
  print(pid: Pid, line: string): void;
  emit(pid: Pid, record: unknown): void;
  /** A program threw: a defect of the program, which ends its process. */
  crashed(pid: Pid, error: Error): void;
  /** A forked child of coroutines begins; its stack is gone. */
  begun(): void;
  left(): void;
  /** Run `child` of a blocking program in a thread of its own. */
  startThread(pid: Pid, child: string, arg: unknown, inheritance: Inheritance): void;
}

type AnyMain = (p: Process<"awaited"> & Process<"blocking">, arg: unknown) => unknown;

/** One process on its way through main, with all it takes to run another. */
export interface Context {
  readonly gate: UserGate;
  readonly host: Host;
  readonly program: Program;
  readonly args: readonly string[];
}

const SIGABRT = SIGNALS.SIGABRT;
const SIGSEGV = SIGNALS.SIGSEGV;

/** What exit(2) is told: a status, or the signal that an exception amounts to. */
interface End {
  readonly status: number;
  readonly signal: number;
}

/** Run `main` of an awaited program until its process ends; resolves then. Never rejects. */
export async function runAwaited(
  cx: Context,
  u: UserProcess,
  main: unknown,
  arg: unknown,
): Promise<void> {
  let [next, argument] = [main, arg];
  for (;;) {
    const p = processOf(cx, u, "awaited");
    try {
      if (u.gate.killed(u.slot) !== 0) throw new ProcessEnded(); // before it ran at all
      const value = await entry(cx, next)(p as never, argument);
      return await endAwaited(u, endOf(value));
    } catch (error) {
      if (error instanceof ProcessExec) [next, argument] = [error.child, error.arg];
      else return await endAwaited(u, failure(cx, u, error));
    }
  }
}

/** The same for a process that owns its thread. */
export function runBlocking(cx: Context, u: UserProcess, main: unknown, arg: unknown): void {
  let [next, argument] = [main, arg];
  for (;;) {
    const p = processOf(cx, u, "blocking");
    try {
      const value = entry(cx, next)(p as never, argument);
      return endBlocking(u, endOf(value));
    } catch (error) {
      if (error instanceof ProcessExec) [next, argument] = [error.child, error.arg];
      else return endBlocking(u, failure(cx, u, error));
    }
  }
}

const endOf = (value: unknown): End => ({
  status: typeof value === "number" ? value : 0,
  signal: 0,
});

/** null: the process has ended by itself. */
function failure({ host }: Context, u: UserProcess, error: unknown): End | null {
  if (error instanceof ProcessExit) return { status: error.status, signal: 0 };
  if (error instanceof ProcessEnded) return null;
  host.crashed(u.pid, error instanceof Error ? error : new Error(String(error)));
  return { status: 0, signal: error instanceof SegvError ? SIGSEGV : SIGABRT };
}

function prepareEnd(u: UserProcess, end: End): void {
  u.frame.a[0] = end.status;
  u.frame.a[1] = end.signal;
  u.calling = true;
}

async function endAwaited(u: UserProcess, end: End | null): Promise<void> {
  if (end !== null) {
    prepareEnd(u, end);
    await u.gate.callAsync(u.slot, sys.SYS_exit);
  }
  u.detachAll();
  u.gate.giveSlot(u.slot);
}

function endBlocking(u: UserProcess, end: End | null): void {
  if (end !== null) {
    prepareEnd(u, end);
    u.gate.call(u.slot, sys.SYS_exit);
  }
  u.detachAll();
}

/** The function behind what was forked or executed: itself, or an entry of the program by name. */
function entry({ program }: Context, child: unknown): AnyMain {
  if (typeof child === "function") return child as AnyMain;
  if (child === undefined || child === "default") return program.main as AnyMain;
  const named = program.children[String(child)] as AnyMain | undefined;
  if (named === undefined) {
    const known = Object.keys(program.children).join(", ") || "none";
    throw new TypeError(
      `program ${program.name} has no child "${String(child)}" (it has: ${known})`,
    );
  }
  return named;
}

function processOf(cx: Context, u: UserProcess, mode: Mode): unknown {
  const { host } = cx;
  const calls = bindCalls(u, mode);
  const own = mode === "awaited" ? awaitedOnly(cx, u) : blockingOnly(cx, u);
  const rest = {
    pid: u.pid,
    args: cx.args,
    comm: u.comm,
    jail: host.jail,
    ftok(path: string, id: number) {
      const { dev, ino } = host.stat(path);
      return ftokOf(dev, ino, whole(id, "id"));
    },
    get attachments() {
      return u.attachments;
    },
    peek: (addr: number, bytes: number) => u.peek(addr, bytes),
    poke: (addr: number, bytes: Uint8Array) => u.poke(addr, bytes),
    exit(status = 0): never {
      u.exiting = new ProcessExit(whole(status, "status"));
      throw u.exiting;
    },
    waitStart: (event: string, owner = 0) => waitStart(u, event, owner),
    waitEnd: () => u.gate.events?.end(u.pid),
    print: (line: string) => host.print(u.pid, String(line)),
    emit: (record: unknown) => host.emit(u.pid, record),
  };
  return Object.assign(rest, calls, own); // into it, so that its getter stays one
}

function waitStart({ gate, pid, slot }: UserProcess, event: unknown, owner: unknown): void {
  const name = text(event, "event");
  if (name === "" || name.length > LABEL_MAX) {
    throw new RangeError(`event: a name of 1 to ${LABEL_MAX} characters`);
  }
  if (gate.killed(slot) === 0) gate.events?.begin(pid, name, unsigned(owner, "owner"));
}

const NO_RESULT = { leave: () => undefined };

function enterSigaction(u: UserProcess, signal: unknown, handler: unknown): number {
  u.begin("sigaction");
  if (handler !== null && typeof handler !== "function") {
    throw new TypeError("a signal handler is a function or null");
  }
  const number = signalNumber(signal);
  u.frame.a[0] = number;
  u.frame.a[1] = handler === null ? 0 : 1;
  return number;
}

function setHandler(u: UserProcess, number: number, handler: unknown): void {
  if (handler === null) u.handlers.delete(number);
  else u.handlers.set(number, handler as (signal: SignalName) => void);
}

function enterFork(cx: Context, u: UserProcess, child: unknown, slot: number): void {
  u.begin("fork");
  entry(cx, child); // a child that does not exist fails here, not in the child
  u.frame.a[0] = slot;
}

function enterExec(cx: Context, u: UserProcess, child: unknown): void {
  u.begin("execve");
  entry(cx, child);
  const name = typeof child === "function" ? child.name : String(child);
  u.frame.a[0] = putJson(u.frame.u8, name || cx.program.name);
}

function executed(u: UserProcess, child: unknown, arg: unknown): never {
  u.detachAll();
  u.handlers.clear();
  throw new ProcessExec(child, arg);
}

function awaitedOnly(cx: Context, u: UserProcess): Record<string, unknown> {
  const call = async (name: string, sysno: number, def: { leave(u: UserProcess): unknown }) => {
    u.calling = true;
    return settle(u, name, await u.gate.callAsync(u.slot, sysno), def, []);
  };
  return {
    async signal(signal: unknown, handler: unknown) {
      const number = enterSigaction(u, signal, handler);
      setHandler(u, number, handler);
      await call("sigaction", sys.SYS_sigaction, NO_RESULT);
    },
    async fork(child: unknown, arg?: unknown) {
      const slot = u.gate.takeSlot();
      if (slot === -1) throw noSlots(u);
      let forked = false;
      // Before any handler runs: one that throws ends the parent, and the child is there already.
      const leave = (): Pid => {
        forked = true;
        return startChild(cx, u, slot, child, arg);
      };
      try {
        enterFork(cx, u, child, slot);
        return await call("fork", sys.SYS_fork, { leave });
      } catch (error) {
        if (!forked) u.gate.giveSlot(slot);
        throw error;
      }
    },
    async exec(child: unknown, arg?: unknown) {
      enterExec(cx, u, child);
      await call("execve", sys.SYS_execve, NO_RESULT);
      return executed(u, child, arg);
    },
    sleep: (ms: number) => sleepAwaited(u, ms),
  };
}

function noSlots({ gate }: UserProcess): SysError {
  const most = `the thread runs ${gate.page.shape.slots} processes, its most`;
  return new SysError("fork", EAGAIN, NO_REASON, { errmsg: most });
}

function startChild(
  cx: Context,
  parent: UserProcess,
  slot: number,
  child: unknown,
  arg: unknown,
): Pid {
  const u = new UserProcess(cx.gate, slot);
  u.pid = parent.frame.a[RET0] as Pid;
  parent.inheritTo(u);
  cx.host.begun();
  setImmediate(() => void runAwaited(cx, u, child, arg).then(() => cx.host.left()));
  return u.pid;
}

async function sleepAwaited(u: UserProcess, ms: number): Promise<number> {
  const most = duration(ms);
  if (u.begin("nanosleep")) return ms; // as sigsuspend(2): no signal falls between look and sleep
  const started = performance.now();
  u.calling = true;
  await new Promise<void>((resolve) => {
    const stop = u.gate.startTimer(most, resolve);
    // A nudge may be old: its signal was handled meanwhile, or the slot was another process's.
    u.gate.onNudge(u.slot, () => u.gate.interrupted(u.slot) && stop());
  });
  u.gate.onNudge(u.slot, () => {});
  u.calling = false;
  if (u.gate.killed(u.slot) !== 0) throw new ProcessEnded();
  return u.handleSignals() ? Math.max(0, ms - (performance.now() - started)) : 0;
}

function duration(ms: unknown): number {
  if (typeof ms !== "number" || Number.isNaN(ms) || ms < 0) {
    throw new TypeError(`sleep takes milliseconds, not ${String(ms)}`);
  }
  return ms;
}

function blockingOnly(cx: Context, u: UserProcess): Record<string, unknown> {
  const call = (name: string, sysno: number, def: { leave(u: UserProcess): unknown }) => {
    u.calling = true;
    return settle(u, name, u.gate.call(u.slot, sysno), def, []);
  };
  return {
    signal(signal: unknown, handler: unknown) {
      const number = enterSigaction(u, signal, handler);
      setHandler(u, number, handler);
      call("sigaction", sys.SYS_sigaction, NO_RESULT);
    },
    fork(child: unknown, arg?: unknown) {
      if (typeof child === "function") {
        throw new TypeError("a blocking process forks a child of its program by name");
      }
      enterFork(cx, u, child, -1);
      const leave = (): Pid => {
        const pid = u.frame.a[RET0] as Pid;
        cx.host.startThread(pid, String(child), arg, u.inheritance);
        return pid;
      };
      return call("fork", sys.SYS_fork, { leave });
    },
    exec(child: unknown, arg?: unknown) {
      enterExec(cx, u, child);
      call("execve", sys.SYS_execve, NO_RESULT);
      return executed(u, child, arg);
    },
    sleep: (ms: number) => sleepBlocking(u, ms),
  };
}

function sleepBlocking(u: UserProcess, ms: number): number {
  if (u.begin("nanosleep")) return ms;
  const started = performance.now();
  let caught = false;
  u.gate.block(duration(ms), () => {
    caught = u.handleSignals() || caught;
    return caught || u.gate.killed(u.slot) !== 0;
  });
  if (u.gate.killed(u.slot) !== 0) throw new ProcessEnded();
  return caught ? Math.max(0, ms - (performance.now() - started)) : 0;
}
