/**
 * What the yard may ask of the kernel's thread, over comlink: root of the host, from outside.
 *
 * Over comlink only name, message and stack of an Error survive, so a method returns plain data
 * with an errno in it, and the near side throws.
 */

import type { MessagePort } from "node:worker_threads";
import type { Contention } from "@jailyard/abi/contention";
import { type Errno, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_UPDATE, type JailInfo, type JailParams } from "@jailyard/abi/jail";
import type { Facility, Jid, Pid } from "@jailyard/abi/types";
import type { KernelSample } from "@jailyard/abi/yardsample";
import { contention } from "@jailyard/kernel/contention";
import { deadlineElsewhere, expireElsewhere, sleepsElsewhere } from "@jailyard/kernel/elsewhere";
import { facilityBusy } from "@jailyard/kernel/facility";
import { leftIn } from "@jailyard/kernel/invariants";
import { jailGet, jailRemove } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, type KernelConfig, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { psignal, setcred } from "@jailyard/kernel/proc";
import { sysctlRead, sysctlWrite } from "@jailyard/kernel/sysctl";
import { SLEEPING, ZOMBIE } from "@jailyard/kernel/thread";
import { waiting } from "@jailyard/kernel/waitfor";
import { yardSample } from "@jailyard/kernel/yardsample";
import { homeOf } from "@jailyard/memory/sleepers";
import { GatePage, type GateShape } from "@jailyard/trap/gate";
import type { KernelGate } from "@jailyard/trap/kern";
import type { Bindings } from "./bindings.ts";
import type { CommonsBoot } from "./boot.ts";

export interface Answer {
  readonly error: Errno;
  readonly errmsg: string;
  readonly jid: Jid;
}

export interface JailStats {
  readonly jid: Jid;
  readonly name: string;
  readonly calls: number;
  readonly sleeps: number;
  readonly processes: number;
}

export interface KernelStats {
  readonly calls: number;
  readonly rounds: number;
  readonly processes: number;
  readonly objects: Readonly<Record<Facility, number>>;
  readonly jails: readonly JailStats[];
  readonly pageBytes: number;
}

export interface AttachThread {
  readonly ix: number;
  readonly page: SharedArrayBuffer;
  readonly shape: GateShape;
  readonly awaits: boolean;
  readonly jid: Jid;
  /** A forked process that is to run there. */
  readonly adopts?: Pid;
}

/** A process as seen from outside, between two calls. */
export interface ProcessState {
  readonly pid: Pid;
  /** In a call that sleeps; if not, it has its answer. */
  readonly asleep: boolean;
}

const firstDeadline = (k: Kernel): number => Math.min(nextDeadline(k), deadlineElsewhere(k));

/** What runs in the kernel's thread; both change when the yard starts over. */
export interface System {
  k: Kernel;
  bindings: Bindings;
}

/** The methods; `port` goes beside the plain data because comlink must transfer it. */
export class Control {
  readonly #system: System;
  readonly #gate: KernelGate;
  readonly #make: (config: KernelConfig, commons: CommonsBoot) => System;
  readonly #stop: () => void;

  /** `make` gives a fresh system for `reset`. */
  constructor(
    system: System,
    gate: KernelGate,
    make: (config: KernelConfig, commons: CommonsBoot) => System,
    stop: () => void,
  ) {
    this.#system = system;
    this.#gate = gate;
    this.#make = make;
    this.#stop = stop;
  }

  get #k(): Kernel {
    return this.#system.k;
  }
  get #bindings(): Bindings {
    return this.#system.bindings;
  }

  /** Another kernel in the place of this one. False: some thread is attached still. */
  reset(config: KernelConfig, commons: CommonsBoot): boolean {
    if (this.#gate.threads.some((thread) => thread !== undefined)) return false;
    Object.assign(this.#system, this.#make(config, commons));
    return true;
  }

  /** Every process that has not ended. No call is under way while this is asked. */
  processes(): ProcessState[] {
    const states: ProcessState[] = [];
    for (const td of this.#k.procs.values()) {
      const { p_pid: pid, p_state } = td;
      const asleep = p_state === SLEEPING || sleepsElsewhere(this.#k, td);
      if (p_state !== ZOMBIE) states.push({ pid, asleep });
    }
    return states;
  }

  /** Change credentials for good, whoever the process is. False: there is no such process. */
  setcred(pid: Pid, uid: number, gid: number, groups: readonly number[]): boolean {
    const td = this.#k.procs.get(pid);
    if (td === undefined || td.p_state === ZOMBIE) return false;
    setcred(this.#k, td, uid, gid, groups, true);
    return true;
  }

  /** SIGKILL for all, as at shutdown. */
  killAll(): void {
    this.#bindings.killAll();
  }

  jailSet(params: JailParams, create: boolean): Answer {
    const out = { errmsg: "", jid: 0 as Jid };
    const error = jailSet(this.#k, null, params, create ? JAIL_CREATE : JAIL_UPDATE, out);
    run(this.#k);
    return { error, errmsg: out.errmsg, jid: out.jid };
  }

  jailGet(params: JailParams): { error: Errno; errmsg: string; info: JailInfo | null } {
    const out = { errmsg: "", info: null };
    const error = jailGet(this.#k, null, params, 0, out);
    return { error, ...out };
  }

  jailRemove(jid: Jid): Errno {
    const error = jailRemove(this.#k, null, jid);
    run(this.#k);
    return error;
  }

  sysctl(name: string, value?: number): { error: Errno; old: string | number | null } {
    const old = sysctlRead(this.#k, null, name);
    const error = value === undefined ? OK : sysctlWrite(this.#k, null, name, value);
    return { error, old };
  }

  /** A signal from outside, as root of the host sends it. False: there is no such process. */
  kill(pid: Pid, signal: number): boolean {
    const td = this.#k.procs.get(pid);
    if (td === undefined) return false;
    if (signal !== 0) psignal(this.#k, td, signal);
    run(this.#k);
    return true;
  }

  attach(thread: AttachThread, port: MessagePort): boolean {
    const prison = this.#prison(thread.jid);
    if (prison === undefined) {
      port.close();
      return false;
    }
    const { ix, awaits, page, shape } = thread;
    const { sleepers } = this.#k.commons;
    const place = { ix, awaits, port, sleepers, home: homeOf(ix) };
    const kern = { ...place, page: new GatePage(page, shape), draining: false, owed: false };
    this.#gate.threads[ix] = kern;
    this.#bindings.attach(kern, prison, thread.adopts);
    return true;
  }

  detach(ix: number): void {
    this.#bindings.detach(ix);
    const thread = this.#gate.threads[ix];
    (thread?.port as MessagePort | undefined)?.close();
    this.#gate.threads[ix] = undefined;
  }

  /** Hold the locks of all pages that a thread has, so that it can be ended at any instruction. */
  freeze(ix: number): void {
    this.#bindings.freeze(ix);
  }

  abandon(pid: Pid): void {
    this.#bindings.abandon(pid);
  }

  /** Move a clock that stands still, from one timeout that runs out to the next. */
  advance(ms: number): void {
    const k = this.#k;
    const until = k.nowMs + ms;
    for (let next = firstDeadline(k); next <= until; next = firstDeadline(k)) {
      tick(k, next);
      expireElsewhere(k, next);
      run(k);
    }
    tick(k, until);
  }

  /** Invariants that do not hold now, a line each: the kernel's, and those of processes and threads. */
  check(): string[] {
    return this.#bindings.check();
  }

  /** What there is, by kind: nothing is `{}`. */
  leftovers(): Record<string, number> {
    const threads = this.#gate.threads.filter((thread) => thread !== undefined).length;
    return { ...leftIn(this.#k), ...(threads > 0 && { threads }) };
  }

  /** Die in one of the ways in which any thread can. For tests of dying. */
  crash(how: "exit" | "memory"): void {
    if (how === "exit") process.exit(7);
    for (const hoard: unknown[] = []; ; ) hoard.push(new Array(1024).fill(0.5));
  }

  /** Do the tables of this facility hold any object? */
  busy(f: Facility): boolean {
    return facilityBusy(this.#k, f);
  }

  stats(): KernelStats {
    const k = this.#k;
    return {
      calls: this.#gate.calls,
      rounds: this.#gate.sleeps,
      processes: k.procs.size,
      objects: { msg: k.msg?.table.live ?? 0, sem: k.sem?.live ?? 0, shm: k.shm?.table.live ?? 0 },
      jails: this.#jailStats(),
      pageBytes: k.pages.lentBytes,
    };
  }

  /** What is known of locks, and who waits for whom. */
  contention(): Contention {
    return contention(this.#k, this.#gate.calls);
  }

  /** Of that, who waits for whom: little, and quickly told. */
  waiting(): Pick<Contention, "waiting" | "jails"> {
    return { waiting: waiting(this.#k), jails: Object.fromEntries(this.#k.book.jails) };
  }

  /** What `jailyard top` shows. */
  sample(): KernelSample {
    return yardSample(this.#k, this.#gate.calls, this.#bindings.countsByJail());
  }

  #jailStats(): JailStats[] {
    const [counts, processes] = [this.#bindings.countsByJail(), new Map<Prison, number>()];
    for (const { p_ucred } of this.#k.procs.values()) {
      processes.set(p_ucred.cr_prison, (processes.get(p_ucred.cr_prison) ?? 0) + 1);
    }
    return [...this.#k.prisons].map((prison) => {
      const { calls, sleeps } = counts.get(prison) ?? { calls: 0, sleeps: 0 };
      const { pr_id: jid, pr_name: name } = prison;
      return { jid, name, calls, sleeps, processes: processes.get(prison) ?? 0 };
    });
  }

  /** End all processes, then the thread's loop. */
  shutdown(): void {
    this.#bindings.killAll();
    this.#stop();
  }

  #prison(jid: Jid): Prison | undefined {
    for (const prison of this.#k.prisons) {
      if (prison.pr_id === jid && prison.pr_state === 0) return prison;
    }
    return undefined;
  }
}
