/**
 * A thread of a jail, as a task of the pool: attached at the gate, then running, then over.
 *
 * It is over when no instruction of it can run any more, all that it said has been heard, and the
 * kernel has ended what ran there, in this order.
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { Pid } from "@jailyard/abi/types";
import { homeOf } from "@jailyard/memory/sleepers";
import { type GateShape, gateBytes } from "@jailyard/trap/gate";
import { type Remote, releaseProxy, transfer, wrap } from "comlink";
import type { JailControl, JailEvent, JailTask, OwnStart } from "./boot.ts";
import { endpoint } from "./endpoint.ts";
import type { Jail } from "./jail.ts";
import { Lifeline } from "./lifeline.ts";
import { YardError } from "./yarderror.ts";

/** How long a program may take to leave its thread once its process has ended, in milliseconds. */
export const GRACE = 500;
/** How long a thread of coroutines may take for a turn of its event loop before it is given up. */
const PATIENCE = 2500;

interface Parts {
  readonly ix: number;
  readonly control: MessagePort;
  readonly events: MessagePort;
}

export class JailThread {
  readonly jail: Jail;
  /** Index at the gate. */
  readonly ix: number;
  /** Of the process that owns the thread and was forked; null for any other thread. */
  readonly forked: Pid | null;
  /** Cut when the thread is over. */
  readonly #answers = new Lifeline();
  readonly #control: Remote<JailControl>;
  readonly over: Promise<void>;
  readonly #owned: boolean;
  readonly #parts: Parts;
  readonly #abort = new AbortController();
  /** A killed process did not give the thread back, and it was terminated. */
  isStuck = false;
  #done = false;
  #looking = false;

  private constructor(jail: Jail, task: JailTask, parts: Parts) {
    this.jail = jail;
    this.ix = parts.ix;
    this.forked = task.own?.fork?.pid ?? null;
    this.#owned = task.own !== undefined;
    this.#parts = parts;
    this.#control = wrap<JailControl>(endpoint(parts.control, () => this.ring()));
    jail.yard.threads.set(this.ix, this);
    parts.events.on("message", (event: JailEvent) => jail.event(this, event));
    this.over = this.#live(task);
  }

  /** Attach a thread and start it. @throws YardError if the jail is gone or the yard is down */
  static async start(jail: Jail, shape: GateShape, own?: OwnStart): Promise<JailThread> {
    const { yard, jid } = jail;
    const ix = yard.takeThread();
    yard.commons.sleepers.setGone(homeOf(ix), false);
    const page = new SharedArrayBuffer(gateBytes(shape));
    const channels = [new MessageChannel(), new MessageChannel(), new MessageChannel()];
    const [bulk, control, events] = channels;
    const adopts = own?.fork?.pid;
    const attach = { ix, page, shape, awaits: own === undefined, jid };
    const attached = await yard.control.attach(
      adopts === undefined ? attach : { ...attach, adopts },
      transfer(bulk.port1 as never, [bulk.port1 as never]),
    );
    if (!attached || yard.isDown) {
      for (const { port2 } of channels) port2.close();
      if (attached) await yard.detach(ix);
      yard.giveThread(ix);
      throw new YardError(`jail ${jail.name} is gone`);
    }
    const gate = { bell: yard.bell, page, shape, thread: ix, port: bulk.port2 };
    const ports = { control: control.port2, events: events.port2 };
    const place = { gate, commons: yard.commonsFor(ix), ...(yard.site && { site: yard.site }) };
    const { reuseThreads: reuse = false } = yard.config;
    const task = { ...place, reuse, jail: jail.name, dev: jid + 1, ...ports, ...(own && { own }) };
    return new JailThread(jail, task, { ix, control: control.port1, events: events.port1 });
  }

  async #live(task: JailTask): Promise<void> {
    const { yard } = this.jail;
    const heard = once(this.#parts.events, "close");
    const ports = [task.gate.port, task.control, task.events];
    const { signal } = this.#abort;
    const error = await yard.pool.run(task, { transferList: ports as never, signal }).then(
      () => null,
      (why: Error) => (this.#done ? null : signal.aborted ? new Error("terminated") : why),
    );
    for (const port of ports) port.close(); // ours still, if the task never ran
    await heard; // the pool lets go of a thread before its last instruction
    yard.commons.sleepers.setGone(homeOf(this.ix), true);
    this.#ended(error);
    await yard.detach(this.ix);
    this.jail.forget(this);
    yard.giveThread(this.ix);
  }

  #ended(error: Error | null): void {
    const { yard, name } = this.jail;
    const died = error !== null && !this.#abort.signal.aborted && !yard.isDown;
    if (died) yard.log.error({ jail: name, err: error }, "the jail's thread died");
    const what = error === null ? `jail ${name} has ended` : `a thread of jail ${name} has died`;
    const why = error === null ? "" : `: ${error.message}`;
    this.#answers.cut(yard.failure ?? new YardError(what + why));
    this.#control[releaseProxy]();
    this.#parts.control.close();
  }

  /** Ask a thread of coroutines. @throws YardError if it is over, or is before it answers */
  ask<T>(question: (control: Remote<JailControl>) => Promise<T>): Promise<T> {
    const { cause } = this.#answers;
    return cause === null ? this.#answers.guard(question(this.#control)) : Promise.reject(cause);
  }

  /** What it tells of how its process starts. @returns its pid, or why there is none */
  started(): Promise<Pid | string> {
    const told = new Promise<Pid | string>((resolve) => {
      this.#parts.events.on("message", (event: JailEvent) => {
        if (event.type === "started") resolve(event.pid);
        else if (event.type === "refused") resolve(event.text);
      });
    });
    return this.#answers.guard(told);
  }

  /** Wake it, to look at memory that it shares with the caller, or at its mail. */
  ring(): void {
    this.jail.yard.commons.sleepers.ring(homeOf(this.ix));
  }

  /** The kernel has ended a process that ran here: its program is to leave. */
  left(): void {
    if (this.#owned) void this.end();
    else void this.#look();
  }

  /** Does it still serve its other processes? If not, they are lost anyway. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    if (
      await isLate(
        this.ask((control) => control.ping()),
        PATIENCE,
      )
    ) {
      const { yard, name } = this.jail;
      yard.log.warn({ jail: name }, "a killed process does not give the jail's thread back: ended");
      this.isStuck = true;
      this.terminate();
    }
    this.#looking = false;
  }

  /** Until it is over; it is terminated if it does not end by itself. */
  async end(): Promise<void> {
    if (!this.#owned) this.ask((control) => control.stop()).catch(() => {}); // it ends: no answer
    if (await isLate(this.over, GRACE)) {
      this.jail.yard.log.debug({ jail: this.jail.name, thread: this.ix }, "terminating a thread");
      this.terminate();
    }
    await this.over;
  }

  /** All its programs have ended. */
  done(): void {
    this.#done = true;
    this.terminate();
  }

  /**
   * At whatever instruction it is, but those between the lock and the unlock of a page: the kernel
   * first takes the locks of all pages that the thread has.
   */
  terminate(): void {
    const { control } = this.jail.yard;
    const abort = (): void => this.#abort.abort();
    control.freeze(this.ix).then(abort, abort); // without a kernel nobody is left to be disturbed
  }
}

/** True if the promise has not settled after `ms`. */
async function isLate(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const patience = new AbortController();
  const late = setTimeout(ms, true, { signal: patience.signal }).catch(() => true);
  const settled = promise.then(
    () => false,
    () => false,
  );
  const answer = await Promise.race([settled, late]);
  patience.abort();
  return answer;
}
