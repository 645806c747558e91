/** A jail as the yard's user has it: its thread, its processes, its end. */

import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { OK, strerror } from "@jailyard/abi/errno";
import type { Jid, Pid } from "@jailyard/abi/types";
import { GatePage, type GateShape, gateBytes, ringThread } from "@jailyard/trap/gate";
import type { GateBoot } from "@jailyard/trap/user";
import { type Remote, releaseProxy, transfer, wrap } from "comlink";
import type { JailControl, JailEvent, JailTask, OwnStart, Start } from "./boot.ts";
import { endpoint } from "./endpoint.ts";
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

/** How long a thread may take to leave its programs before it is terminated, in milliseconds. */
const GRACE = 500;
const OWN_SHAPE: Pick<GateShape, "slots"> = { slots: 1 };

interface Thread {
  readonly ix: number;
  readonly head: Int32Array;
  readonly control: MessagePort;
  readonly events: MessagePort;
  /** Resolves when the thread's task is over, by whatever way. */
  readonly over: Promise<void>;
  readonly abort: AbortController;
}

export class Jail {
  readonly yard: Yard;
  readonly jid: Jid;
  readonly name: string;
  readonly processes = new Map<Pid, ProcessHandle>();
  #main: Thread | null = null;
  #control: Remote<JailControl> | null = null;
  readonly #own = new Set<Thread>();
  #ending: Promise<void> | null = null;

  private constructor(yard: Yard, jid: Jid, name: string) {
    this.yard = yard;
    this.jid = jid;
    this.name = name;
  }

  /** Start the thread of a jail that the kernel knows. */
  static async start(yard: Yard, jid: Jid, name: string): Promise<Jail> {
    const jail = new Jail(yard, jid, name);
    const thread = await jail.#startThread(yard.shape, undefined);
    jail.#main = thread;
    jail.#control = wrap<JailControl>(endpoint(thread.control, () => jail.ring()));
    return jail;
  }

  /**
   * Start a process of this jail. A program made by blocking() gets a thread of its own.
   * @throws YardError if the module has no program, or there can be no process
   */
  async spawn(options: SpawnOptions): Promise<ProcessHandle> {
    const start = startOf(options);
    if (this.#control === null || this.#ending !== null) {
      throw new YardError(`jail ${this.name} has ended`);
    }
    const control = this.#control;
    const died = this.#main!.over.then((): never => {
      throw new YardError(`jail ${this.name} ended before the program started`);
    });
    died.catch(() => {});
    const started = await Promise.race([control.start(start), died]);
    if ("pid" in started) return this.#claim(started.pid, this.#main!);
    if (started.kind === "blocking") return this.#startOwn({ ...start });
    throw new YardError(`jail ${this.name}: ${started.error}`);
  }

  /** Wake the jail's thread, to look at memory that it shares with the caller. */
  ring(): void {
    if (this.#main !== null) ringThread(this.#main.head);
  }

  /** The handle for whoever started the process; it is listed until the process has ended. */
  #claim(pid: Pid, thread: Thread): ProcessHandle {
    const handle = this.#handle(pid, thread);
    handle.claim();
    void handle.exited.then(() => this.processes.delete(pid));
    return handle;
  }

  /** Made by the thread's word that the process has started, or by its answer to `start`. */
  #handle(pid: Pid, thread: Thread): ProcessHandle {
    let handle = this.processes.get(pid);
    if (handle === undefined) {
      handle = new ProcessHandle(this.yard, this, pid, thread.over);
      this.processes.set(pid, handle);
    }
    return handle;
  }

  async #startThread(shape: GateShape, own: OwnStart | undefined): Promise<Thread> {
    const { yard, jid } = this;
    const ix = yard.takeThread();
    const page = new SharedArrayBuffer(gateBytes(shape));
    const [bulk, control, events] = [
      new MessageChannel(),
      new MessageChannel(),
      new MessageChannel(),
    ];
    const awaits = own === undefined;
    const attached = await yard.control.attach(
      ...(transferPort({ ix, page, shape, awaits, jid }, bulk.port1) as [never, never]),
    );
    if (!attached) {
      yard.giveThread(ix);
      throw new YardError(`jail ${this.name} is gone`);
    }
    const gate: GateBoot = { bell: yard.bell, page, shape, thread: ix, port: bulk.port2 };
    const task: JailTask = {
      gate,
      jail: this.name,
      dev: jid + 1,
      control: control.port2,
      events: events.port2,
      ...(own === undefined ? {} : { own }),
    };
    const head = new GatePage(page, shape).head;
    return this.#run(task, { ix, head, control: control.port1, events: events.port1 });
  }

  #run(task: JailTask, parts: Pick<Thread, "ix" | "head" | "control" | "events">): Thread {
    const abort = new AbortController();
    const ports = [task.gate.port, task.control, task.events];
    const ran = this.yard.pool.run(task, { transferList: ports as never, signal: abort.signal });
    const over = ran.then(
      () => this.#threadOver(parts.ix, null),
      (error: Error) => this.#threadOver(parts.ix, abort.signal.aborted ? null : error),
    );
    const thread: Thread = { ...parts, over, abort };
    parts.events.on("message", (event: JailEvent) => this.#event(thread, event));
    void over.then(() => {
      parts.control.close();
      parts.events.close();
    });
    return thread;
  }

  /** The thread is gone: the kernel ends what ran there. */
  async #threadOver(ix: number, error: Error | null): Promise<void> {
    if (error !== null && !this.yard.isDown) {
      this.yard.log.error({ jail: this.name, err: error }, "the jail's thread died");
    }
    await this.yard.detach(ix);
    this.yard.giveThread(ix);
  }

  #event(thread: Thread, event: JailEvent): void {
    switch (event.type) {
      case "thread":
        return void this.#startForked(event);
      case "crashed":
        this.yard.log.warn(
          { jail: this.name, pid: event.pid, err: event.error },
          "a program threw",
        );
        return this.processes.get(event.root)?.crashed(event.error, event.pid);
      case "refused":
        return void this.yard.log.error({ jail: this.name }, event.text);
      case "started":
        return void this.#handle(event.pid, thread);
      case "unwound":
        return this.processes.get(event.pid)?.unwound();
      case "line":
        return this.processes.get(event.root)?.line(event.text, event.pid);
      case "record":
        return this.processes.get(event.root)?.record(event.record, event.pid);
    }
  }

  /** A new process that owns a thread. */
  async #startOwn(start: OwnStart): Promise<ProcessHandle> {
    const thread = await this.#startThread({ ...this.yard.shape, ...OWN_SHAPE }, start);
    this.#own.add(thread);
    void thread.over.then(() => this.#own.delete(thread));
    const pid = await startedPid(thread);
    if (typeof pid === "string") throw new YardError(`jail ${this.name}: ${pid}`);
    return this.#claim(pid, thread);
  }

  async #startForked(event: Extract<JailEvent, { type: "thread" }>): Promise<void> {
    const { pid, root, child, inheritance, start, arg } = event;
    try {
      const own: OwnStart = { ...start, arg, fork: { pid, root, child, inheritance } };
      const thread = await this.#startThread({ ...this.yard.shape, ...OWN_SHAPE }, own);
      this.#own.add(thread);
      void thread.over.then(() => this.#own.delete(thread));
      if (this.#ending !== null) await this.#endThread(thread);
    } catch (error) {
      this.yard.log.error({ jail: this.name, pid, err: error }, "no thread for a forked process");
      await this.yard.control.abandon(pid);
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
    const threads = [...this.#own, ...(this.#main === null ? [] : [this.#main])];
    void this.#control?.stop();
    await Promise.all(threads.map((thread) => this.#endThread(thread)));
    this.#control?.[releaseProxy]();
    this.yard.jails.delete(this.name);
  }

  async #endThread(thread: Thread): Promise<void> {
    const patience = new AbortController();
    const late = setTimeout(GRACE, "late", { signal: patience.signal }).catch(() => "");
    if ((await Promise.race([thread.over, late])) === "late") {
      this.yard.log.debug({ jail: this.name, thread: thread.ix }, "terminating a thread");
      thread.abort.abort();
    }
    patience.abort();
    await thread.over;
  }

  /** Kill the thread at once, as if it had crashed. For tests of dying. */
  async crash(): Promise<void> {
    this.#main?.abort.abort();
    await this.#main?.over;
  }
}

/** comlink transfers the port beside plain data. */
function transferPort(thread: object, port: MessagePort): unknown[] {
  return [thread, transfer(port as never, [port as never])];
}

function startedPid(thread: Thread): Promise<Pid | string> {
  return new Promise((resolve) => {
    thread.events.on("message", (event: JailEvent) => {
      if (event.type === "started") resolve(event.pid);
      else if (event.type === "refused") resolve(event.text);
    });
    void thread.over.then(() => resolve("its thread ended before the program started"));
  });
}

function startOf(options: SpawnOptions): Start {
  const { module, args = [], arg, uid = 0, gid = 0, groups = [], comm = "" } = options;
  const url = module instanceof URL ? module : asUrl(module);
  return { module: url.href, args, arg, uid, gid, groups, comm };
}

const asUrl = (module: string): URL =>
  module.startsWith("file:") ? new URL(module) : pathToFileURL(module);
