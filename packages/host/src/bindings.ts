/** Which process calls from which slot of which thread, and the calls themselves. */
import { EAGAIN, EDEAD, EINVAL, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { NO_REASON } from "@jailyard/abi/reason";
import { SIGKILL } from "@jailyard/abi/signal";
import { SYS_exit, SYS_fork, SYS_spawn } from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import { getJson, RET0 } from "@jailyard/abi/wire";
import { syscall, sysret, type Trapframe, trapframe } from "@jailyard/kernel/dispatch";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { interruptSleep, newproc, psignal } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";
import { answer, type KernThread, nudge, unseenSignals } from "@jailyard/trap/kern";
import type { EndedEvent } from "./boot.ts";

interface Binding {
  readonly td: Thread;
  readonly tf: Trapframe;
  readonly thread: KernThread;
  readonly slot: number;
  /** A call is under way and not answered. */
  calling: boolean;
}

/** A thread that is attached to the gate: whose jail it is, and its processes by slot. */
export interface Attached {
  readonly thread: KernThread;
  readonly prison: Prison;
  readonly slots: (Binding | undefined)[];
}

/** What SYS_spawn is told, in JSON: a new process, or a forked one that now has its thread. */
type Spawn =
  | { readonly uid: number; readonly gid: number; readonly groups: number[]; readonly comm: string }
  | { readonly adopt: Pid };

/** Calls and sleeps of one jail since it was attached. */
export interface JailCounts {
  calls: number;
  sleeps: number;
}

export class Bindings {
  readonly #k: Kernel;
  readonly #threads: (Attached | undefined)[] = [];
  readonly #byTid: (Binding | undefined)[] = [];
  readonly #report: (event: EndedEvent) => void;
  /** Processes that were started from outside: their end is reported. */
  readonly #reported = new Set<Thread>();
  readonly counts = new Map<Prison, JailCounts>();

  constructor(k: Kernel, report: (event: EndedEvent) => void) {
    this.#k = k;
    this.#report = report;
    k.hooks = {
      ...k.hooks,
      complete: (td, error) => this.#complete(td, error),
      ended: (td) => this.#ended(td),
      signalled: (td) => this.#signalled(td),
    };
  }

  attach(thread: KernThread, prison: Prison): void {
    this.#threads[thread.ix] = { thread, prison, slots: [] };
    if (!this.counts.has(prison)) this.counts.set(prison, { calls: 0, sleeps: 0 });
  }

  /** The thread is gone: whatever runs there has been killed. */
  detach(ix: number): void {
    const attached = this.#threads[ix];
    this.#threads[ix] = undefined;
    for (const binding of attached?.slots ?? []) {
      if (binding !== undefined) psignal(this.#k, binding.td, SIGKILL);
    }
    run(this.#k);
  }

  /** A forked child whose thread cannot be started. */
  abandon(pid: Pid): void {
    const td = this.#k.procs.get(pid);
    if (td !== undefined && this.#byTid[td.tid] === undefined) psignal(this.#k, td, SIGKILL);
    run(this.#k);
  }

  dispatch(thread: KernThread, slot: number, sysno: number): void {
    const attached = this.#threads[thread.ix];
    if (attached === undefined) return;
    const binding = attached.slots[slot];
    if (binding !== undefined) this.#call(attached, binding, sysno);
    else if (sysno === SYS_spawn) this.#spawn(attached, slot);
    else answer(thread, slot, EDEAD, NO_REASON, undefined);
  }

  #call(attached: Attached, binding: Binding, sysno: number): void {
    const { tf } = binding;
    binding.calling = true;
    const counts = this.counts.get(attached.prison)!;
    counts.calls++;
    const childSlot = tf.frame.a[0];
    const error = syscall(this.#k, tf, sysno);
    if (error === ESLEEP) {
      counts.sleeps++;
      // A signal that came between the program's last look and this call would be seen too late.
      const { td, thread, slot } = binding;
      if ((unseenSignals(thread, slot) & td.p_sigcatch) !== 0) interruptSleep(this.#k, td);
    } else if (binding.calling) {
      // else the call ended the process, and is answered
      if (sysno === SYS_fork && error === OK) this.#forked(attached, binding, childSlot);
      this.#answer(binding, sysno === SYS_exit ? EDEAD : error);
    }
    run(this.#k);
  }

  #answer(binding: Binding, error: Errno): void {
    const { tf, td, thread, slot } = binding;
    const { bulk } = tf;
    tf.bulk = undefined;
    binding.calling = false;
    // libc takes the bulk of a success alone; what it leaves would be the next caller's.
    answer(thread, slot, error, td.td_reason, error === OK ? bulk : undefined);
  }

  /** The child's slot was chosen by its thread; -1: it waits for a thread of its own. */
  #forked(attached: Attached, parent: Binding, slot: number): void {
    const child = this.#k.procs.get(parent.td.td_retval as Pid)!;
    const free = slot >= 0 && slot < attached.thread.page.shape.slots && !attached.slots[slot];
    if (free) this.#bind(attached, slot, child);
  }

  #bind(attached: Attached, slot: number, td: Thread): Binding {
    const frame = attached.thread.page.frame(slot);
    const tf = trapframe(td, frame, this.#k.seminfo.semopm);
    const binding: Binding = { td, tf, thread: attached.thread, slot, calling: false };
    attached.slots[slot] = binding;
    this.#byTid[td.tid] = binding;
    return binding;
  }

  #spawn(attached: Attached, slot: number): void {
    const frame = attached.thread.page.frame(slot);
    const spawn = getJson(frame.u8, frame.a[0]) as Spawn;
    const td = "adopt" in spawn ? this.#adopted(spawn.adopt) : this.#created(attached, spawn);
    if (typeof td === "number") {
      answer(attached.thread, slot, td, NO_REASON, undefined);
      return;
    }
    this.#bind(attached, slot, td);
    frame.a[RET0] = td.p_pid;
    answer(attached.thread, slot, OK, NO_REASON, undefined);
  }

  #adopted(pid: Pid): Thread | Errno {
    const td = this.#k.procs.get(pid);
    return td !== undefined && this.#byTid[td.tid] === undefined && td.p_killed === 0 ? td : EDEAD;
  }

  #created(attached: Attached, spawn: Exclude<Spawn, { adopt: Pid }>): Thread | Errno {
    const { prison } = attached;
    const td = newproc(this.#k, { ...spawn, prison });
    if (td === null) return prison.pr_state === 0 ? EAGAIN : EINVAL;
    this.#reported.add(td);
    return td;
  }

  /** A call that slept is over. */
  #complete(td: Thread, error: Errno): void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    this.#answer(binding, sysret(this.#k, binding.tf, error));
  }

  #signalled(td: Thread): void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    const sigs = td.p_siglist;
    td.p_siglist = 0; // libc runs the handlers
    nudge(binding.thread, binding.slot, { sigs });
  }

  /** A process has ended: its slot is free for another, its thread is told. */
  #ended(td: Thread): void {
    if (this.#reported.delete(td)) this.#report({ pid: td.p_pid, xstat: td.p_xstat });
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    this.#byTid[td.tid] = undefined;
    const attached = this.#threads[binding.thread.ix];
    if (attached !== undefined) attached.slots[binding.slot] = undefined;
    nudge(binding.thread, binding.slot, { killed: td.p_xstat || 1 });
    if (binding.calling && binding.tf.sysno !== SYS_exit) this.#answer(binding, EDEAD);
  }

  /** End every process; one that sleeps leaves its queue first, as by kill(2). For shutdown. */
  killAll(): void {
    for (const td of [...this.#k.procs.values()]) psignal(this.#k, td, SIGKILL);
    run(this.#k);
  }
}
