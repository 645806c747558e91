/** A jail as the yard's user has it: its threads, its processes, its end. */

import { pathToFileURL } from "node:url";
import { OK, strerror } from "@jailyard/abi/errno";
import type { Jid, Pid } from "@jailyard/abi/types";
import type { GateShape } from "@jailyard/trap/gate";
import type { JailEvent, OwnStart, Start, Started } from "./boot.ts";
import { JailThread } from "./jailthread.ts";
import { ProcessHandle } from "./processhandle.ts";
import type { Yard } from "./yard.ts";
import { YardError } from "./yarderror.ts";

export interface SpawnOptions {
  /** Path or file: URL of a module that exports a program. */
  readonly module: string | URL;
  readonly args?: readonly string[];
  /** What `main` gets as its second argument; must be cloneable. */
  readonly arg?: unknown;
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  readonly comm?: string;
}

const OWN_SHAPE: Pick<GateShape, "slots"> = { slots: 1 };

/** A process that was started from outside with all that descends from it: who is told of them. */
interface Family {
  readonly root: Pid;
  readonly home: JailThread;
  readonly handle: ProcessHandle;
  /** Threads where one of them may run still. */
  threads: number;
}

export class Jail {
  readonly yard: Yard;
  readonly jid: Jid;
  readonly name: string;
  /** Those started from outside that have not ended, by pid. */
  readonly processes = new Map<Pid, ProcessHandle>();
  readonly #families = new Map<Pid, Family>();
  /** Every thread, with the families of its processes. */
  readonly #threads = new Map<JailThread, Set<Family>>();
  readonly #starting = new Set<Promise<JailThread>>();
  /** The thread of coroutines, started or about to be. */
  #main: Promise<JailThread> | null = null;
  #mainThread: JailThread | null = null;
  #ending: Promise<void> | null = null;

  private constructor(yard: Yard, jid: Jid, name: string) {
    this.yard = yard;
    this.jid = jid;
    this.name = name;
  }

  /** Start the thread of a jail that the kernel knows. */
  static async start(yard: Yard, jid: Jid, name: string): Promise<Jail> {
    const jail = new Jail(yard, jid, name);
    await jail.#coroutines();
    return jail;
  }

  /**
   * Start a process of this jail. A program made by blocking() gets a thread of its own.
   * @throws YardError if the module has no program, or there can be no process
   */
  async spawn(options: SpawnOptions): Promise<ProcessHandle> {
    const start = this.#startOf(options);
    if (this.#ending !== null) throw new YardError(`jail ${this.name} has ended`);
    const started = await this.#ask(start);
    const { thread } = started;
    if ("pid" in started) return this.#claim(started.pid, thread);
    if (started.kind === "blocking") return this.#startOwn({ ...start });
    throw new YardError(`jail ${this.name}: ${started.error}`);
  }

  #startOf(options: SpawnOptions): Start {
    const { module, args = [], arg, uid = 0, gid = 0, groups = [], comm = "" } = options;
    const { href } = module instanceof URL ? module : asUrl(module);
    const isFirst = !this.yard.loaded.has(href);
    this.yard.loaded.add(href);
    return { module: href, args, arg, uid, gid, groups, comm, isFirst };
  }

  /** Have the thread of coroutines load the program, and start it if it is one of coroutines. */
  async #ask(start: Start): Promise<Started & { thread: JailThread }> {
    const thread = await this.#coroutines();
    try {
      return { ...(await thread.ask(async (control) => control.start(start))), thread };
    } catch (error) {
      if (!thread.isStuck) throw error;
      await thread.over; // it never got so far as to this program
      return this.#ask(start);
    }
  }

  /** Wake the jail's thread, to look at memory that it shares with the caller. */
  ring(): void {
    this.#mainThread?.ring();
  }

  /** The thread of coroutines; another one if it has died. */
  #coroutines(): Promise<JailThread> {
    this.#main ??= this.#startThread(this.yard.shape).then(
      (thread) => {
        this.#mainThread = thread;
        return thread;
      },
      (error) => {
        this.#main = null;
        throw error;
      },
    );
    return this.#main;
  }

  async #startThread(shape: GateShape, own?: OwnStart): Promise<JailThread> {
    const starting = JailThread.start(this, shape, own);
    this.#starting.add(starting);
    try {
      const thread = await starting;
      this.#threads.set(thread, new Set());
      return thread;
    } finally {
      this.#starting.delete(starting);
    }
  }

  /** The handle for whoever started the process; it is listed until the process has ended. */
  #claim(pid: Pid, thread: JailThread): ProcessHandle {
    const handle = this.#handle(pid, thread);
    handle.claim();
    void handle.exited.then(() => this.processes.delete(pid));
    return handle;
  }

  /** Made by the thread's word that the process has started, or by its answer to `start`. */
  #handle(pid: Pid, thread: JailThread): ProcessHandle {
    const known = this.processes.get(pid);
    if (known !== undefined) return known;
    const handle = new ProcessHandle(this.yard, this, pid);
    this.processes.set(pid, handle);
    const family: Family = { root: pid, home: thread, handle, threads: 0 };
    this.#families.set(pid, family);
    this.#join(family, thread);
    return handle;
  }

  #join(family: Family, thread: JailThread): void {
    family.threads++;
    this.#threads.get(thread)?.add(family);
  }

  /** Nothing more comes from this family in this thread. */
  #leave(family: Family, thread: JailThread): void {
    if (!this.#threads.get(thread)?.delete(family)) return;
    family.threads--;
    const { root } = family;
    if (family.threads === 0 && this.#families.get(root) === family) this.#families.delete(root);
  }

  /** A thread is over. */
  forget(thread: JailThread): void {
    for (const family of this.#threads.get(thread) ?? []) {
      this.#leave(family, thread);
      if (family.home !== thread) continue;
      family.handle.unwound();
      if (!family.handle.isClaimed) this.processes.delete(family.root);
    }
    this.#threads.delete(thread);
    if (thread !== this.#mainThread) return;
    this.#main = null;
    this.#mainThread = null;
  }

  /** What a thread of this jail tells. */
  event(thread: JailThread, event: JailEvent): void {
    if (event.type === "started") return void this.#handle(event.pid, thread);
    if (event.type === "done") return thread.done();
    if (event.type === "refused") {
      return void this.yard.log.error({ jail: this.name }, event.text);
    }
    const family = this.#families.get(event.root);
    switch (event.type) {
      case "thread":
        return void this.#startForked(event, family);
      case "crashed":
        return this.#crashed(event, family);
      case "unwound":
        return family?.handle.unwound();
      case "silent":
        return family && this.#leave(family, thread);
      case "line":
        return family?.handle.line(event.text, event.pid);
      case "record":
        return family?.handle.record(event.record, event.pid);
    }
  }

  #crashed({ pid, error }: { pid: Pid; error: Error }, family: Family | undefined): void {
    this.yard.log.warn({ jail: this.name, pid, err: error }, "a program threw");
    family?.handle.crashed(error, pid);
  }

  /** A new process that owns a thread. */
  async #startOwn(start: OwnStart): Promise<ProcessHandle> {
    const thread = await this.#startThread({ ...this.yard.shape, ...OWN_SHAPE }, start);
    const pid = await thread.started();
    if (typeof pid === "string") throw new YardError(`jail ${this.name}: ${pid}`);
    return this.#claim(pid, thread);
  }

  /** Up to where it waits, in the turn of the event: its parent's end is told to the kernel later. */
  async #startForked(
    event: Extract<JailEvent, { type: "thread" }>,
    family: Family | undefined,
  ): Promise<void> {
    const { pid, root, child, inheritance, start, arg } = event;
    if (family !== undefined) family.threads++; // until the thread has joined it
    try {
      if (this.#ending !== null) throw new YardError(`jail ${this.name} has ended`);
      const own: OwnStart = { ...start, arg, fork: { pid, root, child, inheritance } };
      const thread = await this.#startThread({ ...this.yard.shape, ...OWN_SHAPE }, own);
      if (family !== undefined) this.#threads.get(thread)?.add(family);
    } catch (error) {
      if (family !== undefined) family.threads--;
      if (this.#ending === null && !this.yard.isDown) {
        this.yard.log.error({ jail: this.name, pid, err: error }, "no thread for a forked process");
      }
      await this.yard.abandon(pid);
    }
  }

  /** jail_remove(2): its processes are killed, its child jails too; then its thread ends. */
  async remove(): Promise<void> {
    const error = await this.yard.control.jailRemove(this.jid);
    if (error !== OK) throw new YardError(`jail ${this.name}: ${strerror(error)}`);
    await this.end();
  }

  /** End the threads of a jail whose processes have been killed. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    do {
      await Promise.allSettled([...this.#starting]);
      await Promise.all([...this.#threads.keys()].map((thread) => thread.end()));
    } while (this.#threads.size + this.#starting.size > 0);
    if (this.yard.jails.get(this.name) === this) this.yard.jails.delete(this.name);
  }

  /**
   * Terminate a thread at whatever instruction it is, as if it had crashed: that of a process, or
   * of the coroutines. For tests of dying.
   */
  async crash(pid: Pid | null = null): Promise<void> {
    const thread = pid === null ? this.#mainThread : this.#threadOf(pid);
    thread?.terminate();
    await thread?.over;
  }

  /** Of a process from outside, or of a forked one that owns its thread. */
  #threadOf(pid: Pid): JailThread | undefined {
    const home = this.processes.has(pid) ? this.#families.get(pid)?.home : undefined;
    return home ?? [...this.#threads.keys()].find(({ forked }) => forked === pid);
  }
}

const asUrl = (module: string): URL =>
  module.startsWith("file:") ? new URL(module) : pathToFileURL(module);
