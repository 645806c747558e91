/**
 * A yard in one thread: awaited programs run with the real libc on a Kernel value, without gate
 * and workers. Time is virtual, and which process goes on next is drawn from a seed, so a run can
 * be repeated.
 */
import { EDEAD, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, type JailParams } from "@jailyard/abi/jail";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import type { Frame } from "@jailyard/abi/wire";
import { syscall, sysret, type Trapframe, trapframe } from "@jailyard/kernel/dispatch";
import { jailSet } from "@jailyard/kernel/jailset";
import {
  type Kernel,
  type KernelConfig,
  makeKernel,
  NO_HOOKS,
  run,
  tick,
} from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { newproc, psignal } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";
import { type Context, type Host, runAwaited } from "@jailyard/trap/crt";
import { GatePage, gateBytes, KILLED, REASON, SIGS } from "@jailyard/trap/gate";
import type { Child } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";
import type { UserGate } from "@jailyard/trap/user";
import { UserProcess } from "@jailyard/trap/userprocess";
import { type Random, random } from "@jailyard/workload/postgres/random";

const SHAPE = { slots: 256, dataBytes: 4096, undoBytes: 0 };
/** What a turn of a process takes of the virtual time, in ms. */
const TURN_MILLIS = 0.001;
const NAMES = new Map(
  Object.entries(sys).map(([name, number]): [number, string] => [number, name.slice(4)]),
);

/** One call of one process, as the kernel answered it. */
export interface Traced {
  readonly pid: number;
  readonly call: string;
  /** The first six words of the frame. */
  readonly a: readonly number[];
  readonly ret: number;
  readonly errno: Errno;
}

/** A process that was started from outside, and what came of it and its children. */
export interface SimHandle {
  readonly pid: Pid;
  readonly records: unknown[];
  readonly lines: string[];
  readonly errors: Error[];
  /** As wait4 gives it; null while the process lives. */
  xstat: number | null;
}

interface Bound {
  readonly td: Thread;
  readonly tf: Trapframe;
  readonly gate: SimGate;
  readonly slot: number;
}

export class SimYard {
  readonly k: Kernel;
  readonly trace: Traced[] = [];
  /** Virtual milliseconds. */
  now = 0;
  readonly rng: Random;
  readonly bound = new Map<Thread, Bound>();
  readonly ready: (() => void)[] = [];
  readonly timers = new Map<() => void, number>();
  readonly #handles = new Map<Thread, SimHandle>();

  constructor(config: KernelConfig = {}, seed = 1) {
    this.k = makeKernel(config);
    this.rng = random(seed);
    this.k.hooks = {
      ...NO_HOOKS,
      complete: (td, error) => {
        const { tf, gate, slot } = this.bound.get(td)!;
        gate.answer(slot, sysret(this.k, tf, error));
      },
      ended: (td) => this.#ended(td),
      signalled: (td) => this.#signalled(td),
    };
  }

  /** Make a jail that persists. */
  jail(params: JailParams): Prison {
    const out = { errmsg: "" } as Parameters<typeof jailSet>[4];
    const error = jailSet(this.k, null, { persist: true, ...params }, JAIL_CREATE, out);
    if (error !== OK) throw new Error(`jail_set: ${error} ${out.errmsg}`);
    return [...this.k.prisons].find(({ pr_name }) => pr_name === params.name)!;
  }

  start(main: Child, arg: unknown, prison: Prison = this.k.prison0, uid = 70): SimHandle {
    const gate = new SimGate(this);
    const td = newproc(this.k, { uid, gid: uid, prison, comm: "sim" })!;
    const handle: SimHandle = { pid: td.p_pid, records: [], lines: [], errors: [], xstat: null };
    this.#handles.set(td, handle);
    const u = new UserProcess(gate as unknown as UserGate, gate.takeSlot());
    u.pid = td.p_pid;
    gate.bind(u.slot, td);
    const host = hostOf(prison.pr_name, handle);
    const cx: Context = { gate: u.gate, host, program: program("sim", main), args: [] };
    this.ready.push(() => void runAwaited(cx, u, "default", arg));
    return handle;
  }

  kill(pid: number, signal: SignalName): void {
    const td = this.k.procs.get(pid as Pid);
    if (td !== undefined) psignal(this.k, td, SIGNALS[signal]);
    run(this.k);
  }

  /** Let processes go on until the condition holds. @throws Error if nobody can go on */
  async until(done: () => boolean, turns = 3_000_000): Promise<void> {
    for (let turn = 0; !done(); turn++) {
      if (turn === turns) throw new Error(`not done after ${turns} turns`);
      this.#turn();
      await new Promise(setImmediate); // the process runs up to its next call
      await new Promise(setImmediate); // and a child that it forked begins
    }
  }

  #turn(): void {
    this.advance(TURN_MILLIS);
    if (this.ready.length === 0) this.advance(this.#untilTimer());
    for (const [done, deadline] of this.timers) {
      if (deadline <= this.now && this.timers.delete(done)) this.ready.push(done);
    }
    const ix = Math.floor(this.rng() * this.ready.length);
    this.ready.splice(ix, 1)[0]?.();
  }

  #untilTimer(): number {
    const first = Math.min(...this.timers.values());
    if (first === Number.POSITIVE_INFINITY) throw new Error("every process sleeps for ever");
    return Math.max(0, first - this.now);
  }

  advance(millis: number): void {
    this.now += millis;
    tick(this.k, Math.floor(this.now));
    run(this.k);
  }

  #ended(td: Thread): void {
    const handle = this.#handles.get(td);
    if (handle !== undefined) handle.xstat = td.p_xstat;
    const bound = this.bound.get(td);
    this.bound.delete(td);
    bound?.gate.markKilled(bound.slot, td.p_xstat);
  }

  #signalled(td: Thread): void {
    const bound = this.bound.get(td);
    if (bound === undefined) return;
    bound.gate.signalled(bound.slot, td.p_siglist);
    td.p_siglist = 0;
  }

  note(td: Thread, sysno: number, a: readonly number[], ret: number, errno: Errno): void {
    const call = NAMES.get(sysno) ?? `#${sysno}`;
    this.trace.push({ pid: td.p_pid, call, a, ret, errno });
  }
}

function hostOf(jail: string, handle: SimHandle): Host {
  return {
    jail,
    stat: () => ({ dev: 1, ino: 1 }),
    print: (_pid, line) => handle.lines.push(line),
    emit: (_pid, record) => handle.records.push(record),
    crashed: (_pid, error) => handle.errors.push(error),
    begun() {},
    left() {},
    startThread() {
      throw new Error("the simulator runs coroutines only");
    },
  };
}

/** What libc needs of a UserGate: calls go straight into the kernel. */
class SimGate {
  readonly page = new GatePage(new SharedArrayBuffer(gateBytes(SHAPE)), SHAPE);
  readonly direct = null;
  readonly #yard: SimYard;
  readonly #free = Array.from({ length: SHAPE.slots }, (_, i) => SHAPE.slots - 1 - i);
  readonly #bound: (Bound | undefined)[] = [];
  readonly #resolvers: (((error: Errno) => void) | undefined)[] = [];
  readonly #stops: ((() => void) | undefined)[] = [];

  constructor(yard: SimYard) {
    this.#yard = yard;
  }

  takeSlot(): number {
    const slot = this.#free.pop() ?? -1;
    const row = this.page.row(slot);
    this.page.words.fill(0, row, row + KILLED + 1);
    return slot;
  }

  giveSlot(slot: number): void {
    this.#bound[slot] = undefined;
    this.#free.push(slot);
  }

  frame(slot: number): Frame {
    return this.page.frame(slot);
  }

  bind(slot: number, td: Thread): void {
    const tf = trapframe(td, this.frame(slot), this.#yard.k.seminfo.semopm);
    const bound: Bound = { td, tf, gate: this, slot };
    this.#bound[slot] = bound;
    this.#yard.bound.set(td, bound);
  }

  killed(slot: number): number {
    return this.page.words[this.page.row(slot) + KILLED];
  }

  interrupted(slot: number): boolean {
    const row = this.page.row(slot);
    return this.page.words[row + SIGS] !== 0 || this.page.words[row + KILLED] !== 0;
  }

  takeSignals(slot: number): number {
    return Atomics.exchange(this.page.words, this.page.row(slot) + SIGS, 0);
  }

  onNudge(slot: number, stop: () => void): void {
    this.#stops[slot] = stop;
  }

  signalled(slot: number, signals: number): void {
    Atomics.or(this.page.words, this.page.row(slot) + SIGS, signals);
    this.#stops[slot]?.();
  }

  markKilled(slot: number, xstat: number): void {
    this.page.words[this.page.row(slot) + KILLED] = xstat || 1;
    this.#stops[slot]?.();
    if (this.#resolvers[slot] !== undefined) this.answer(slot, EDEAD);
  }

  receive(): void {}

  bulk(slot: number): unknown {
    const { tf } = this.#bound[slot]!;
    const { bulk } = tf;
    tf.bulk = undefined;
    return bulk;
  }

  callAsync(slot: number, sysno: number): Promise<Errno> {
    return new Promise((resolve) => this.callThen(slot, sysno, resolve));
  }

  callThen(slot: number, sysno: number, over: (error: Errno) => void): void {
    const bound = this.#bound[slot];
    if (bound === undefined || this.killed(slot) !== 0) return over(EDEAD);
    this.#resolvers[slot] = over;
    const a = [...bound.tf.frame.a.subarray(0, 6)];
    if (sysno === sys.SYS_semop) a.push(...bound.tf.frame.i16.subarray(0, 3));
    const error = syscall(this.#yard.k, bound.tf, sysno);
    this.#yard.note(bound.td, sysno, a, bound.td.td_retval, error);
    if (sysno === sys.SYS_fork && error === OK) {
      this.bind(a[0], this.#yard.k.procs.get(bound.td.td_retval as Pid)!);
    }
    if (error !== ESLEEP) this.answer(slot, sysno === sys.SYS_exit ? EDEAD : error);
    run(this.#yard.k);
  }

  /** The process goes on when its turn comes. */
  answer(slot: number, error: Errno): void {
    const resolve = this.#resolvers[slot];
    this.#resolvers[slot] = undefined;
    const reason = this.#bound[slot]?.td.td_reason ?? 0;
    this.page.words[this.page.row(slot) + REASON] = reason;
    if (resolve !== undefined) this.#yard.ready.push(() => resolve(error));
  }

  startTimer(ms: number, done: () => void): () => void {
    const { ready, timers, now } = this.#yard;
    if (ms === 0) ready.push(done);
    else timers.set(done, now + ms);
    return () => {
      if (timers.delete(done)) ready.push(done);
    };
  }
}
