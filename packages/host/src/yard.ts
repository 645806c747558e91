/**
 * A yard: one emulated host. boot() starts the kernel's thread; jails are threads that piscina
 * runs; shutdown() leaves no thread alive.
 */
import { Worker } from "node:worker_threads";
import {
  type Contention,
  type Deadlock,
  deadlockText,
  STATS,
  type Stats,
} from "@jailyard/abi/contention";
import { errnoName, OK, strerror } from "@jailyard/abi/errno";
import type { JailInfo, JailParams } from "@jailyard/abi/jail";
import { parseJailParams } from "@jailyard/abi/jailparam";
import { type LimitSettings, limitsProblem, msgInfo, semInfo } from "@jailyard/abi/limits";
import type { Jid, Pid } from "@jailyard/abi/types";
import type { Commons } from "@jailyard/kernel/commons";
import { type KernelConfig, makeCommons } from "@jailyard/kernel/kernel";
import type { SiteBoot } from "@jailyard/kernel/mappedsite";
import { policyProblem } from "@jailyard/kernel/models";
import { UndoVector } from "@jailyard/kernel/semundo";
import { LOCKINGS, type Locking, WAKES, type Wake } from "@jailyard/kernel/site";
import { BELL_BYTES, type GateShape, MAX_THREADS, ringKernel } from "@jailyard/trap/gate";
import { type Remote, releaseProxy, wrap } from "comlink";
import type { CommonsBoot, ConsoleEvent, DeadlockEvent, EndedEvent, KernelBoot } from "./boot.ts";
import type { Control, KernelStats } from "./control.ts";
import { endpoint } from "./endpoint.ts";
import { Jail } from "./jail.ts";
import { jailEntry } from "./jailentry.ts";
import type { JailThread } from "./jailthread.ts";
import { Lifeline } from "./lifeline.ts";
import { type Logger, makeLog } from "./log.ts";
import { epochNow } from "./nanos.ts";
import { PLACEMENTS, type Placement } from "./placement.ts";
import { ThreadPool } from "./threadpool.ts";
import { Tracing } from "./tracing.ts";
import { setThreadFlags } from "./v8flags.ts";
import type { YardConfig } from "./yardconfig.ts";
import { YardError } from "./yarderror.ts";

export {
  LOCKINGS,
  type Locking,
  PLACEMENTS,
  type Placement,
  STATS,
  type Stats,
  WAKES,
  type Wake,
  type YardConfig,
  YardError,
};

const SLOTS = 512;
/** Any limit below V8's own spares a thread 2 MiB of mapped builtins; see docs/performance.md. */
const JAIL_MEMORY_MIB = 512;
const JAIL_MEMORY_MIN = 16;
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const file = (name: string): URL => new URL(`./${name}.worker.${extension}`, import.meta.url);
const HOST = 0 as Jid;

/** Start a yard. @throws YardError for settings that cannot be satisfied */
export async function boot(config: YardConfig = {}): Promise<Yard> {
  const problem = limitsProblem(config.limits ?? {}) ?? policyProblem(config);
  if (problem !== null) throw new YardError(problem);
  const yard = yardOf(config, await jailEntry());
  try {
    await yard.ready();
  } catch (error) {
    await yard.shutdown();
    throw error;
  }
  return yard;
}

/** @throws YardError if a thread would have too little memory, or there is none for what its threads share */
function yardOf(config: YardConfig, entry: URL): Yard {
  const { jailMemoryMib = JAIL_MEMORY_MIB } = config;
  if (!(jailMemoryMib >= JAIL_MEMORY_MIN)) {
    throw new YardError(`jailMemoryMib is ${jailMemoryMib}: a thread needs ${JAIL_MEMORY_MIN}`);
  }
  try {
    return new Yard(config, entry);
  } catch (error) {
    throw new YardError(`the kernel does not start: ${(error as Error).message}`, { cause: error });
  }
}

export class Yard {
  config: YardConfig;
  readonly log: Logger;
  /** Rejected if the yard dies with its kernel's thread, else pending: for Promise.race. */
  readonly failed: Promise<never>;
  /** Once the kernel is dead, or the yard down, its methods reject with a YardError. */
  readonly control: Remote<Control>;
  /** By index at the gate. */
  readonly threads = new Map<number, JailThread>();
  readonly jails = new Map<string, Jail>();
  readonly pool: ThreadPool;
  /** URLs of modules that a thread has loaded, or is about to. */
  readonly loaded = new Set<string>();
  readonly bell = new SharedArrayBuffer(BELL_BYTES);
  /** Told what the kernel says on its console, such as what rules of rctl(8) log. */
  onConsole: (line: string) => void = () => {};
  /** Told of each deadlock of semaphores, within a second or two. */
  readonly deadlockListeners = new Set<(deadlock: Deadlock, jails: Contention["jails"]) => void>();
  /** When its statistics began to count time. */
  readonly epoch = epochNow();
  /** Whoever asked for a trace drains it from here, often; null if nobody did. */
  readonly tracing: Tracing | null;
  shape: GateShape;
  /** What all threads share beside the bell. */
  commons: Commons;
  readonly #worker: Worker;
  readonly #remote: Remote<Control>;
  readonly #freeThreads: number[] = [];
  #nextThread = 0;
  #host: Promise<Jail> | null = null;
  #down: Promise<void> | null = null;
  readonly #bellWords = new Int32Array(this.bell);
  /** Who waits for the end of which process; ends that came first wait for their asker. */
  readonly #waiters = new Map<Pid, (xstat: number) => void>();
  readonly #ended = new Map<Pid, EndedEvent>();
  /** What the kernel is asked. */
  readonly #answers = new Lifeline();
  readonly #kernelGone: Promise<void>;
  readonly #fail: (error: YardError) => void;
  #failure: YardError | null = null;

  /** Use boot(). */
  constructor(config: YardConfig, entry: URL) {
    this.config = config;
    this.log = typeof config.log === "object" ? config.log : makeLog(config.log ?? "warn");
    this.tracing = config.trace === undefined ? null : new Tracing(config.trace);
    this.shape = shapeOf(config);
    this.commons = makeCommons(kernelConfig(config), MAX_THREADS + 1);
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // not everybody races with it
    this.failed = promise;
    this.#fail = reject;
    setThreadFlags();
    this.#worker = this.#startKernel();
    this.#kernelGone = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.#remote = wrap<Control>(endpoint(this.#worker, () => this.ringKernel()));
    this.control = guarded(this.#remote, this.#answers);
    // A bare Worker for each thread starts 3.5 ms sooner and is half a MiB smaller. We stay with
    // piscina all the same: it is what users of the package know, and it reuses threads (conformance).
    const options = {
      filename: entry.href,
      minThreads: 0,
      maxThreads: MAX_THREADS,
      concurrentTasksPerWorker: 1,
      idleTimeout: 2000,
      atomics: "disabled",
      ...heapOf(config.jailMemoryMib ?? JAIL_MEMORY_MIB),
    } as const;
    this.pool = new ThreadPool(options, (err) =>
      this.log.error({ err }, "a thread died that no jail had"),
    );
  }

  #startKernel(): Worker {
    const workerData: KernelBoot = {
      bell: this.bell,
      config: kernelConfig(this.config),
      commons: { ...this.commonsBoot, ...(this.tracing && { trace: this.tracing.kernel }) },
      direct: isDirect(this.config),
      virtualClock: this.config.virtualClock ?? false,
    };
    const heap = heapOf(this.config.kernelMemoryMib);
    const worker = new Worker(file("kernel"), { workerData, name: "kernel", ...heap });
    worker.on("message", (message: Partial<EndedEvent & DeadlockEvent & ConsoleEvent>) => {
      if (message.xstat !== undefined) this.#processEnded(message as EndedEvent);
      if (message.deadlock !== undefined) this.#deadlocked(message as DeadlockEvent);
      if (message.console !== undefined) this.onConsole(message.console);
    });
    worker.on("error", (error) => this.#died(error as Error));
    worker.on("exit", (code) => {
      const asked = this.#down !== null && code === 0;
      if (asked) this.#answers.cut(new YardError("the yard is down"));
      else this.#died(new Error(`it exited with code ${code}`));
    });
    return worker;
  }

  /** The kernel's thread is gone, before its time: the yard ends, and all who wait are told why. */
  #died(cause: Error): void {
    if (this.#failure !== null) return;
    const why = cause.message.split("\n")[0];
    const error = new YardError(`the kernel's thread died, and with it the yard: ${why}`, {
      cause,
    });
    this.#failure = error;
    this.log.warn({ err: cause }, "the kernel's thread died"); // the error itself is the users'
    this.#answers.cut(error);
    this.#fail(error);
    void this.pool.destroy(); // also threads that sleep in calls, for which there is no answer now
  }

  #deadlocked({ deadlock, jails }: DeadlockEvent): void {
    this.log.warn(deadlockText(deadlock, jails));
    for (const listener of this.deadlockListeners) listener(deadlock, jails);
  }

  /** Why the yard died; null unless its kernel's thread did. */
  get failure(): YardError | null {
    return this.#failure;
  }

  /** The kernel answers. @throws YardError if it cannot */
  async ready(): Promise<void> {
    try {
      await this.stats();
    } catch (error) {
      const why = this.#failure?.cause ?? error;
      throw new YardError(`the kernel does not start: ${(why as Error).message}`, { cause: why });
    }
    this.log.debug({ model: this.config.model ?? "jail-keyed" }, "yard is up");
  }

  get commonsBoot(): CommonsBoot {
    const { buffer, shape } = this.commons;
    return { buffer, shape, epoch: this.epoch };
  }

  /** The same for a jail's thread. */
  commonsFor(ix: number): CommonsBoot {
    const { commonsBoot, tracing } = this;
    const tells = tracing !== null && isDirect(this.config);
    return tells ? { ...commonsBoot, trace: tracing.thread(ix) } : commonsBoot;
  }

  /** What threads of jails need for calls on pages; undefined in placement `central`. */
  get site(): SiteBoot | undefined {
    return isDirect(this.config) ? siteOf(this.config) : undefined;
  }

  ringKernel(): void {
    ringKernel(this.#bellWords);
  }

  /** The host itself, jid 0, whose thread starts when it is first asked for. */
  get host(): Promise<Jail> {
    this.#host ??= Jail.start(this, HOST, "0");
    return this.#host;
  }

  /**
   * Make a jail and start its thread. Parameters as jail(8) takes them: `name`, `sysvsem: "new"`,
   * `"allow.sysvipc": true`, … It persists unless told otherwise.
   *
   * @throws YardError with the kernel's text
   */
  async jail(params: Readonly<Record<string, string | number | boolean>>): Promise<Jail> {
    const name = String(params.name ?? "");
    const parsed = parseJailParams({ persist: true, ...params });
    if (typeof parsed === "string") throw new YardError(parsed);
    const { error, errmsg, jid } = await this.control.jailSet(parsed, true);
    if (error !== OK) {
      throw new YardError(errmsg || `jail ${name}: ${strerror(error)} (${errnoName(error)})`);
    }
    const info = await this.jailInfo({ jid });
    const jail = await Jail.start(this, jid, info.name);
    this.jails.set(info.name, jail);
    return jail;
  }

  /** Change a jail. @throws YardError */
  async modify(params: JailParams): Promise<void> {
    const parsed = parseJailParams(params);
    if (typeof parsed === "string") throw new YardError(parsed);
    const { error, errmsg } = await this.control.jailSet(parsed, false);
    if (error !== OK) throw new YardError(errmsg || strerror(error));
  }

  async jailInfo(query: JailParams): Promise<JailInfo> {
    const { info, errmsg, error } = await this.control.jailGet(query);
    if (info === null) throw new YardError(errmsg || strerror(error));
    return info;
  }

  /**
   * Start over: an empty kernel with other limits, in the same threads and at the same clock. All
   * jails have ended. Much cheaper than another yard, for whoever needs hundreds.
   * @throws YardError for limits that cannot be satisfied, or if a jail is there still
   */
  async reset(limits: LimitSettings): Promise<void> {
    const problem = limitsProblem(limits);
    if (problem !== null) throw new YardError(problem);
    const config = { ...this.config, limits };
    const commons = makeCommons(kernelConfig(config), MAX_THREADS + 1);
    const { buffer, shape } = commons;
    const shared = { buffer, shape, epoch: this.epoch };
    if (!(await this.control.reset(kernelConfig(config), shared))) {
      throw new YardError("a yard starts over once all its jails have ended");
    }
    this.config = config;
    this.commons = commons;
    this.shape = shapeOf(config);
    this.#host = null;
    this.#ended.clear();
    this.#waiters.clear();
  }

  stats(): Promise<KernelStats> {
    return this.control.stats();
  }

  /** What has been measured of locks so far, and who waits for whom now. */
  contention(): Promise<Contention> {
    return this.control.contention();
  }

  /** An index at the gate for a new thread. @throws YardError if all are taken */
  takeThread(): number {
    const ix = this.#freeThreads.pop() ?? this.#nextThread++;
    if (ix >= MAX_THREADS) throw new YardError(`a yard has at most ${MAX_THREADS} threads`);
    return ix;
  }

  giveThread(ix: number): void {
    this.threads.delete(ix);
    this.#freeThreads.push(ix);
    // An end that nobody asked for yet: its thread died before it could name the process.
    for (const [pid, { thread }] of this.#ended) if (thread === ix) this.#ended.delete(pid);
  }

  /** Tell the kernel that a thread is gone. */
  async detach(ix: number): Promise<void> {
    await this.control.detach(ix).catch(() => {}); // it is gone itself
  }

  /** Tell the kernel that a forked process gets no thread. */
  async abandon(pid: Pid): Promise<void> {
    await this.control.abandon(pid).catch(() => {});
  }

  /**
   * Resolves with the exit status, as wait4 gives it, of a process started from outside.
   * @throws YardError if the kernel dies before it can tell
   */
  ended(pid: Pid): Promise<number> {
    const ended = this.#ended.get(pid);
    if (ended !== undefined) {
      this.#ended.delete(pid);
      return Promise.resolve(ended.xstat);
    }
    return this.#answers.guard(new Promise((resolve) => this.#waiters.set(pid, resolve)));
  }

  #processEnded(event: EndedEvent): void {
    this.threads.get(event.thread)?.left();
    if (!event.outside) return;
    const waiter = this.#waiters.get(event.pid);
    this.#waiters.delete(event.pid);
    if (waiter === undefined) this.#ended.set(event.pid, event);
    else waiter(event.xstat);
  }

  /** Terminate the kernel's thread at whatever instruction it is. For tests of dying. */
  async crash(): Promise<void> {
    await this.#worker.terminate();
  }

  /** It is going down, or has, or has died: threads end, and none starts. */
  get isDown(): boolean {
    return this.#down !== null || this.#failure !== null;
  }

  /** End every process and every thread. May be called at any time, and again. */
  shutdown(): Promise<void> {
    this.#down ??= this.#shutdown();
    return this.#down;
  }

  async #shutdown(): Promise<void> {
    await this.control.shutdown().catch(() => {}); // it is dead already
    const host = await this.#host?.catch(() => null);
    const jails = [...this.jails.values(), ...(host ? [host] : [])];
    await Promise.all(jails.map((jail) => jail.end()));
    await this.pool.destroy();
    await this.#kernelGone;
    this.#remote[releaseProxy]();
    this.log.debug("yard is down");
  }
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** `remote`, whose answers end with `answers`. */
function guarded(remote: Remote<Control>, answers: Lifeline): Remote<Control> {
  return new Proxy(remote, {
    get(target, name) {
      return (...args: unknown[]): Promise<unknown> => {
        if (answers.cause !== null) return Promise.reject(answers.cause);
        return answers.guard((Reflect.get(target, name) as Method)(...args));
      };
    },
  });
}

const heapOf = (
  mib: number | undefined,
): { resourceLimits?: { maxOldGenerationSizeMb: number } } =>
  mib === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: mib } };

function kernelConfig(config: YardConfig): KernelConfig {
  const { model, lateLoad, limitScope, wake, locks } = config;
  const { limits, modules, racct, sysvipc_allowed, maxproc, stats = "contended" } = config;
  const policy = { model, lateLoad, limitScope, wake, locks };
  return { ...policy, limits, modules, racct, sysvipc_allowed, maxproc, stats } as KernelConfig;
}

const isDirect = ({ placement = "direct" }: YardConfig): boolean => placement === "direct";

function siteOf({ limits = {}, wake, locks, racct, virtualClock, stats }: YardConfig): SiteBoot {
  const { semume, semopm } = semInfo(limits);
  const { msgssz, msgtql, msgmnb } = msgInfo(limits);
  return {
    ...{ semume, semopm, msgssz, msgtql, msgmnb },
    handoff: wake === "handoff",
    globalLocks: locks === "freebsd",
    racct: racct ?? false,
    virtualClock: virtualClock ?? false,
    stats: stats ?? "contended",
  };
}

function shapeOf(config: YardConfig): GateShape {
  const { slots = SLOTS, limits = {} } = config;
  const undo = Math.ceil(UndoVector.bytes(semInfo(limits).semume) / 128) * 128;
  return { slots, dataBytes: dataBytes(limits), undoBytes: isDirect(config) ? undo : 0 };
}

/** Room for the largest vector, array, message and structure that these limits let through. */
function dataBytes(limits: LimitSettings): number {
  const largest = Math.max(
    (limits["kern.ipc.semopm"] ?? 0) * 6,
    Math.min(limits["kern.ipc.semmns"] ?? 0, 65535) * 2,
    (limits["kern.ipc.msgmnb"] ?? 0) + 8,
    1,
  );
  return Math.ceil(largest / 4096) * 4096;
}
