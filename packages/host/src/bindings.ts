/** Which process calls from which slot of which thread, and the calls themselves. */
import { NOBODY } from "@jailyard/abi/contention";
import { EAGAIN, EDEAD, EINVAL, EMAPPED, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { NO_REASON } from "@jailyard/abi/reason";
import { SIGKILL } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import { getJson, RET0 } from "@jailyard/abi/wire";
import { C_BROKEN } from "@jailyard/kernel/commons";
import { syscall, sysret, type Trapframe, trapframe } from "@jailyard/kernel/dispatch";
import {
  breakElsewhere,
  interruptElsewhere,
  isElsewhere,
  killElsewhere,
  msgElsewhere,
} from "@jailyard/kernel/elsewhere";
import { brokenInvariants } from "@jailyard/kernel/invariants";
import { type Kernel, NO_HOOKS, run } from "@jailyard/kernel/kernel";
import type { Prison } from "@jailyard/kernel/prison";
import { interruptSleep, newproc, psignal } from "@jailyard/kernel/proc";
import { UndoVector } from "@jailyard/kernel/semundo";
import { SLEEPING, type Thread, ZOMBIE } from "@jailyard/kernel/thread";
import { Carver } from "@jailyard/memory/page";
import { AWAKE, KILLED } from "@jailyard/memory/sleepers";
import { BROKEN, CALLER, DIRECT_CALLS, DIRECT_SLEEPS } from "@jailyard/trap/gate";
import { answer, type KernThread, nudge, unseenSignals } from "@jailyard/trap/kern";
import type { EndedEvent } from "./boot.ts";
import { Mappings } from "./mappings.ts";
import { holdAll, letGo } from "./pagelocks.ts";

interface Binding {
  readonly td: Thread;
  readonly tf: Trapframe;
  readonly thread: KernThread;
  readonly slot: number;
  /** A call is under way and not answered. */
  calling: boolean;
  /** Its thread knows that it has ended. */
  told: boolean;
}

/** A thread that is attached to the gate: whose jail it is, and its processes by slot. */
export interface Attached {
  readonly thread: KernThread;
  readonly prison: Prison;
  readonly counts: JailCounts;
  readonly slots: (Binding | undefined)[];
}

/** What sys.SYS_spawn is told, in JSON: a new process, or a forked one that now has its thread. */
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
  /** Pages in threads of jails; null in placement `central`. */
  readonly #mappings: Mappings | null;
  readonly #threads: (Attached | undefined)[] = [];
  readonly #byTid: (Binding | undefined)[] = [];
  readonly #report: (event: EndedEvent) => void;
  /** Processes that were started from outside: somebody asks for their end. */
  readonly #outside = new Set<Thread>();
  /**
   * Forked processes that have no thread yet, and the thread with which they die: that of their
   * parent, then the one that is started for them.
   */
  readonly #unstarted = new Map<Thread, number>();
  /** Rows of processes that were killed as they slept on a page, until their thread has seen it. */
  readonly #unseen = new Map<number, KernThread>();
  readonly counts = new Map<Prison, JailCounts>();
  /** What somebody may call or see has changed since the last review: the kernel said so. */
  #stale = false;

  constructor(k: Kernel, direct: boolean, report: (event: EndedEvent) => void) {
    this.#k = k;
    this.#mappings = direct ? new Mappings(k) : null;
    this.#report = report;
    k.hooks = {
      ...NO_HOOKS,
      complete: (td, error) => this.#complete(td, error),
      ended: (td) => this.#ended(td),
      signalled: (td) => this.#signalled(td),
      dying: (td) => this.#dying(td),
      still: (td) => this.#still(td),
      inside: (td) => msgElsewhere(k, td),
      revoke: () => {
        this.#stale = true;
      },
      retired: (page) => this.#mappings?.retired(page) ?? false,
    };
    k.stuck = (owner) => this.#repairIfDead(owner);
  }

  /** `adopts` is a forked process for which the thread is started. */
  attach(thread: KernThread, prison: Prison, adopts?: Pid): void {
    const counts = this.counts.get(prison) ?? { calls: 0, sleeps: 0 };
    this.counts.set(prison, counts);
    this.#threads[thread.ix] = { thread, prison, counts, slots: [] };
    this.#k.profile.setHome(thread.home, prison.pr_id);
    this.#mappings?.attach(thread);
    const child = adopts === undefined ? undefined : this.#k.procs.get(adopts);
    if (child !== undefined && this.#unstarted.has(child)) this.#unstarted.set(child, thread.ix);
  }

  /** jid of the jail whose thread has this index. */
  jidOf(ix: number): number {
    return this.#threads[ix]?.prison.pr_id ?? NOBODY;
  }

  /** The process that calls from this slot; 0: it is about to be one. */
  pidOf(ix: number, slot: number): number {
    return this.#threads[ix]?.slots[slot]?.td.p_pid ?? 0;
  }

  /** The thread is gone: whatever runs there has been killed. */
  detach(ix: number): void {
    const attached = this.#threads[ix];
    if (attached === undefined) return;
    this.#unlock(attached);
    this.#count(attached);
    for (const binding of attached.slots) {
      if (binding !== undefined) psignal(this.#k, binding.td, SIGKILL);
    }
    for (const [child, thread] of this.#unstarted) {
      if (thread === ix) psignal(this.#k, child, SIGKILL);
    }
    this.#threads[ix] = undefined;
    run(this.#k); // ends who slept in the kernel, which looks at what the thread had
    this.#mappings?.detach(attached.thread);
    this.#see(attached.thread);
  }

  /** What nobody is left to see. */
  #see(gone: KernThread): void {
    const { state } = this.#k.commons.sleepers;
    for (const [tid, thread] of this.#unseen) {
      if (thread === gone && state[tid] === KILLED) Atomics.store(state, tid, AWAKE);
      if (state[tid] !== KILLED) this.#unseen.delete(tid);
    }
  }

  /** A thread that has ended: what it left half done, the locks it held, the wake-ups it owed. */
  #unlock(attached: Attached): void {
    if (this.#mappings === null) return;
    const maps = this.#mappings.of(attached.thread);
    this.#mappings.thaw(attached.thread);
    letGo(this.#k, maps, this.#caller(attached.thread));
    this.#k.commons.sleepers.again();
  }

  /** The kernel waits for a lock whose owner does not let go. */
  #repairIfDead(owner: number): void {
    const attached = this.#threads[owner - 1]; // an owner is a home
    if (attached === undefined || this.#mendThread(attached)) return;
    const { thread } = attached;
    if (!this.#k.commons.sleepers.isGone(owner)) return;
    letGo(this.#k, this.#mappings!.of(thread), this.#caller(thread));
  }

  /** Who called last in the thread, if it has not ended. */
  #caller(thread: KernThread): Thread | null {
    const binding = this.#byTid[thread.page.head[CALLER]];
    return binding?.thread === thread ? binding.td : null;
  }

  /** The thread is about to be ended: it is in no critical section until it is detached. */
  freeze(ix: number): void {
    const attached = this.#threads[ix];
    if (attached !== undefined) this.#mappings?.freeze(attached.thread);
  }

  /** Calls that the thread made without the gate. */
  #count({ thread, prison }: Attached): void {
    const counts = this.counts.get(prison)!;
    const { head } = thread.page;
    counts.calls += head[DIRECT_CALLS];
    counts.sleeps += head[DIRECT_SLEEPS];
    head[DIRECT_CALLS] = 0;
    head[DIRECT_SLEEPS] = 0;
  }

  /** Calls and sleeps by jail, those without the gate included. */
  countsByJail(): Map<Prison, JailCounts> {
    const all = new Map<Prison, JailCounts>();
    for (const [prison, counts] of this.counts) all.set(prison, { ...counts });
    for (const attached of this.#threads) {
      if (attached === undefined) continue;
      const { prison, thread } = attached;
      const counts = all.get(prison) ?? { calls: 0, sleeps: 0 };
      all.set(prison, counts);
      counts.calls += thread.page.head[DIRECT_CALLS];
      counts.sleeps += thread.page.head[DIRECT_SLEEPS];
    }
    return all;
  }

  /** Once a call is over, before its caller is told: what threads have must still be theirs. */
  settle(): void {
    const stale = this.#stale;
    this.#stale = false;
    if (!stale || this.#mappings === null) return;
    this.#mappings.review(this.#byTid.filter((binding) => binding !== undefined));
  }

  /** A forked child whose thread cannot be started. */
  abandon(pid: Pid): void {
    const td = this.#k.procs.get(pid);
    if (td !== undefined && this.#unstarted.has(td)) psignal(this.#k, td, SIGKILL);
    run(this.#k);
  }

  dispatch(thread: KernThread, slot: number, sysno: number): void {
    const attached = this.#threads[thread.ix];
    if (attached === undefined) return;
    const binding = attached.slots[slot];
    if (binding?.calling) this.#confused(binding);
    else if (binding !== undefined) this.#call(attached, binding, sysno);
    else if (sysno === sys.SYS_spawn) this.#spawn(attached, slot);
    else answer(thread, slot, EDEAD, NO_REASON, undefined);
  }

  /**
   * It calls, and its last call is not answered: its stack overflowed in the middle of that one, or
   * it scribbles.
   */
  #confused({ td }: Binding): void {
    psignal(this.#k, td, SIGKILL);
    run(this.#k);
  }

  #call(attached: Attached, binding: Binding, word: number): void {
    const { tf, thread } = binding;
    if (thread.page.head[BROKEN] !== 0) this.mend();
    const sysno = word & ~sys.SYS_UNMAPPED;
    binding.calling = true;
    const { counts } = attached;
    counts.calls++;
    const childSlot = tf.frame.a[0];
    this.#mappings?.grant(binding, attached.prison);
    if ((word & sys.SYS_UNMAPPED) === 0 && this.#mappings?.map(binding, sysno, tf.frame.a)) {
      return this.#answer(binding, EMAPPED);
    }
    const error = syscall(this.#k, tf, sysno);
    if (error === ESLEEP) {
      counts.sleeps++;
      // A signal that came between the program's last look and this call would be seen too late.
      const { td, thread, slot } = binding;
      if ((unseenSignals(thread, slot) & td.p_sigcatch) !== 0) interruptSleep(this.#k, td);
    } else if (binding.calling) {
      // else the call ended the process, and is answered
      if (sysno === sys.SYS_fork && error === OK) this.#forked(attached, binding, childSlot);
      this.settle(); // once it has its answer it may call on pages
      this.#answer(binding, sysno === sys.SYS_exit ? EDEAD : error);
    }
    run(this.#k);
    this.settle();
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
    else this.#unstarted.set(child, attached.thread.ix);
  }

  #bind(attached: Attached, slot: number, td: Thread): Binding {
    const frame = attached.thread.page.frame(slot);
    const tf = trapframe(td, frame, this.#k.seminfo.semopm);
    const binding: Binding = { td, tf, thread: attached.thread, slot, calling: false, told: false };
    attached.slots[slot] = binding;
    this.#byTid[td.tid] = binding;
    if (this.#mappings !== null) this.#giveUndo(attached.thread, slot, td);
    this.#mappings?.grant(binding, attached.prison);
    return binding;
  }

  /** The undo vector of a process at the gate is in its thread's page. */
  #giveUndo({ page }: KernThread, slot: number, td: Thread): void {
    const { semume } = this.#k.seminfo;
    td.td_undo = new UndoVector(new Carver(page.buffer, page.undoAt(slot)), semume);
    td.td_undo.reset();
  }

  #spawn(attached: Attached, slot: number): void {
    const frame = attached.thread.page.frame(slot);
    const spawn = getJson(frame.u8, frame.a[0]) as Spawn;
    const td =
      "adopt" in spawn ? this.#adopted(attached, spawn.adopt) : this.#created(attached, spawn);
    if (typeof td === "number") {
      answer(attached.thread, slot, td, NO_REASON, undefined);
      return;
    }
    this.#bind(attached, slot, td);
    frame.a[RET0] = td.p_pid;
    answer(attached.thread, slot, OK, NO_REASON, undefined);
  }

  #adopted({ thread }: Attached, pid: Pid): Thread | Errno {
    const td = this.#k.procs.get(pid);
    if (td === undefined || this.#unstarted.get(td) !== thread.ix) return EDEAD;
    this.#unstarted.delete(td);
    return td;
  }

  #created(attached: Attached, spawn: Exclude<Spawn, { adopt: Pid }>): Thread | Errno {
    const { prison } = attached;
    const td = newproc(this.#k, { ...spawn, prison });
    if (td === null) return prison.pr_state === 0 ? EAGAIN : EINVAL;
    this.#outside.add(td);
    return td;
  }

  /** A call that slept is over. */
  #complete(td: Thread, error: Errno): void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    this.settle();
    this.#answer(binding, sysret(this.#k, binding.tf, error));
  }

  #signalled(td: Thread): void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    const sigs = td.p_siglist;
    td.p_siglist = 0; // libc runs the handlers
    nudge(binding.thread, binding.slot, { sigs });
    interruptElsewhere(this.#k, td);
  }

  /** No call of the process may be on its way on any page, and no sleep of it anywhere. */
  #dying(td: Thread): void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined || this.#mappings === null) return;
    const { thread, slot } = binding;
    this.#mappings.die(thread, slot);
    this.#mappings.barrier(thread);
    // Its thread may use the slot again as soon as it sees that the sleep is over.
    if (isElsewhere(this.#k, td)) this.#nudgeDead(binding, td.p_killed);
    killElsewhere(this.#k, td);
    if (this.#k.commons.sleepers.state[td.tid] === KILLED) this.#unseen.set(td.tid, thread);
  }

  /** Kernel hook: the process's vector can be changed until the result is called. */
  #still(td: Thread): () => void {
    const binding = this.#byTid[td.tid];
    if (binding === undefined || this.#mappings === null) return () => {};
    return this.#mappings.still(binding.thread);
  }

  /** A process has ended: its slot is free for another, its thread is told. */
  #ended(td: Thread): void {
    this.#unstarted.delete(td);
    const binding = this.#byTid[td.tid];
    if (binding === undefined) return;
    this.#tell(binding);
    this.#byTid[td.tid] = undefined;
    const attached = this.#threads[binding.thread.ix];
    if (attached !== undefined) attached.slots[binding.slot] = undefined;
    if (!binding.told) this.#nudgeDead(binding, td.p_xstat);
    td.td_undo = null; // the memory is the slot's next process's
    if (binding.calling && binding.tf.sysno !== sys.SYS_exit) this.#answer(binding, EDEAD);
  }

  #nudgeDead(binding: Binding, how: number): void {
    binding.told = true;
    nudge(binding.thread, binding.slot, { killed: how || 1 });
  }

  /** Whose program may not know of it, and keeps its thread; or whom somebody asks for. */
  #tell({ td, thread, calling, tf }: Binding): void {
    const outside = this.#outside.delete(td);
    const killed = !(calling && tf.sysno === sys.SYS_exit);
    if (!(outside || killed || !thread.awaits)) return;
    this.#report({ pid: td.p_pid, xstat: td.p_xstat, thread: thread.ix, outside });
  }

  /** Invariants that do not hold, a line each, while no page can change. */
  check(): string[] {
    for (;;) {
      const unlock = holdAll(this.#k);
      const gone = this.#threads.filter((one) => one && this.#isGone(one));
      const broken = gone.length > 0 ? [] : [...brokenInvariants(this.#k), ...this.#broken()];
      unlock();
      if (gone.length === 0) return broken;
      for (const one of gone) this.detach(one!.thread.ix); // what ran there is dead, and not yet so
    }
  }

  /**
   * Take back what calls on pages had begun that an exception ended. Their threads are in no other,
   * and wait until this is done.
   */
  mend(): void {
    Atomics.store(this.#k.commons.words, C_BROKEN, 0);
    for (const attached of this.#threads) if (attached !== undefined) this.#mendThread(attached);
  }

  #mendThread({ thread }: Attached): boolean {
    const { head } = thread.page;
    if (this.#mappings === null || Atomics.load(head, BROKEN) === 0) return false;
    const caller = this.#caller(thread);
    letGo(this.#k, this.#mappings.of(thread), caller);
    if (caller !== null) breakElsewhere(this.#k, caller);
    this.#k.commons.sleepers.again();
    Atomics.store(head, BROKEN, 0);
    Atomics.notify(head, BROKEN);
    return true;
  }

  #isGone({ thread }: Attached): boolean {
    return this.#k.commons.sleepers.isGone(thread.home);
  }

  /** What does not hold between processes and threads. */
  #broken(): string[] {
    const broken: string[] = [];
    const bound = this.#threads.flatMap((attached) => attached?.slots ?? []);
    const alive = new Set([...this.#k.procs.values()].filter((td) => td.p_state !== ZOMBIE));
    const live = bound.filter((binding) => binding !== undefined);
    for (const { td, thread, slot, calling } of live) {
      const what = `process ${td.p_pid} in slot ${slot} of thread ${thread.ix}`;
      if (!alive.delete(td)) broken.push(`${what} has ended, or has two slots`);
      if (this.#byTid[td.tid]?.slot !== slot) broken.push(`${what} is bound elsewhere`);
      if (td.p_state === SLEEPING && !calling) broken.push(`${what} sleeps in no call`);
    }
    for (const td of alive) {
      if (!this.#unstarted.has(td)) broken.push(`process ${td.p_pid} has no thread`);
    }
    for (const td of this.#outside) {
      if (td.p_state === ZOMBIE) broken.push(`the end of process ${td.p_pid} was not told`);
    }
    return broken;
  }

  /** End every process; one that sleeps leaves its queue first, as by kill(2). For shutdown. */
  killAll(): void {
    for (const td of [...this.#k.procs.values()]) psignal(this.#k, td, SIGKILL);
    run(this.#k);
  }
}
