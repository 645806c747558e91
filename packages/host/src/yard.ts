/**
 * A yard: one emulated host. boot() starts the kernel's thread; jails are threads that piscina
 * runs; shutdown() leaves no thread alive.
 */

import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { errnoName, OK, strerror } from "@jailyard/abi/errno";
import type { JailInfo, JailParams } from "@jailyard/abi/jail";
import { parseJailParams } from "@jailyard/abi/jailparam";
import type { LimitSettings } from "@jailyard/abi/limits";
import { limitsProblem } from "@jailyard/abi/limits";
import type { Facility, Jid, Pid } from "@jailyard/abi/types";
import type { KernelConfig } from "@jailyard/kernel/kernel";
import type { ModelName } from "@jailyard/kernel/model";
import { BELL_BYTES, type GateShape, MAX_THREADS, ringKernel } from "@jailyard/trap/gate";
import { type Remote, releaseProxy, wrap } from "comlink";
import { Piscina } from "piscina";
import type { EndedEvent, KernelBoot } from "./boot.ts";
import type { Control, KernelStats } from "./control.ts";
import { endpoint } from "./endpoint.ts";
import { Jail } from "./jail.ts";
import { jailEntry } from "./jailentry.ts";
import { type Logger, type LogLevel, makeLog } from "./log.ts";
import { YardError } from "./yarderror.ts";

export { YardError };

export const PLACEMENTS = ["central"] as const;
export type Placement = (typeof PLACEMENTS)[number];

export interface YardConfig {
  readonly model?: ModelName;
  /** By sysctl name. */
  readonly limits?: LimitSettings;
  readonly modules?: readonly Facility[];
  readonly racct?: boolean;
  readonly sysvipc_allowed?: boolean;
  readonly maxproc?: number;
  readonly placement?: Placement;
  /** Processes that one jail's thread can run as coroutines; a power of two. */
  readonly slots?: number;
  /** What the program of one thread may allocate, segments apart; one that wants more ends it. */
  readonly jailMemoryMib?: number;
  readonly log?: LogLevel | Logger;
  /** The clock stands still but for `advance`. */
  readonly virtualClock?: boolean;
}

const SLOTS = 512;
/** Any limit below V8's own spares a thread 2 MiB of mapped builtins; see docs/performance.md. */
const JAIL_MEMORY_MIB = 512;
const JAIL_MEMORY_MIN = 16;
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const file = (name: string): URL => new URL(`./${name}.worker.${extension}`, import.meta.url);
const HOST = 0 as Jid;

/** Start a yard. @throws YardError for settings that cannot be satisfied */
export async function boot(config: YardConfig = {}): Promise<Yard> {
  const problem = limitsProblem(config.limits ?? {});
  if (problem !== null) throw new YardError(problem);
  const { jailMemoryMib = JAIL_MEMORY_MIB } = config;
  if (!(jailMemoryMib >= JAIL_MEMORY_MIN)) {
    throw new YardError(`jailMemoryMib is ${jailMemoryMib}: a thread needs ${JAIL_MEMORY_MIN}`);
  }
  const yard = new Yard(config, await jailEntry());
  await yard.ready();
  return yard;
}

export class Yard {
  config: YardConfig;
  readonly log: Logger;
  readonly control: Remote<Control>;
  readonly jails = new Map<string, Jail>();
  readonly pool: Piscina;
  readonly bell = new SharedArrayBuffer(BELL_BYTES);
  shape: GateShape;
  readonly #worker: Worker;
  readonly #freeThreads: number[] = [];
  #nextThread = 0;
  #host: Promise<Jail> | null = null;
  #down: Promise<void> | null = null;
  readonly #bellWords = new Int32Array(this.bell);
  /** Who waits for the end of which process; ends that came first wait for their asker. */
  readonly #waiters = new Map<Pid, (xstat: number) => void>();
  readonly #ended = new Map<Pid, number>();
  #failed: Error | null = null;

  /** Use boot(). */
  constructor(config: YardConfig, entry: URL) {
    this.config = config;
    this.log = typeof config.log === "object" ? config.log : makeLog(config.log ?? "warn");
    this.shape = shapeOf(config);
    const events = new MessageChannel();
    this.#worker = this.#startKernel(events.port2);
    events.port1.on("message", (event: EndedEvent) => this.#processEnded(event));
    this.control = wrap<Control>(endpoint(this.#worker, () => this.ringKernel()));
    this.pool = new Piscina({
      filename: entry.href,
      minThreads: 0,
      maxThreads: MAX_THREADS,
      concurrentTasksPerWorker: 1,
      idleTimeout: 2000,
      atomics: "disabled",
      ...heapOf(config.jailMemoryMib ?? JAIL_MEMORY_MIB),
    });
  }

  #startKernel(events: MessageChannel["port2"]): Worker {
    const workerData: KernelBoot = {
      bell: this.bell,
      config: kernelConfig(this.config),
      events,
      virtualClock: this.config.virtualClock ?? false,
    };
    const worker = new Worker(file("kernel"), {
      workerData,
      transferList: [events],
      name: "kernel",
    });
    worker.on("error", (error) => {
      this.#failed = error as Error;
      this.log.fatal({ err: error }, "the kernel's thread died");
    });
    return worker;
  }

  /** The kernel answers. */
  async ready(): Promise<void> {
    const online = once(this.#worker, "online");
    const died = once(this.#worker, "error").then(([error]) => {
      throw new YardError(`the kernel does not start: ${(error as Error).message}`);
    });
    died.catch(() => {});
    await Promise.race([online, died]);
    await Promise.race([this.stats(), died]);
    this.log.debug({ model: this.config.model ?? "jail-keyed" }, "yard is up");
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
    if (!(await this.control.reset(kernelConfig(config)))) {
      throw new YardError("a yard starts over once all its jails have ended");
    }
    this.config = config;
    this.shape = shapeOf(config);
    this.#host = null;
    this.#ended.clear();
    this.#waiters.clear();
  }

  stats(): Promise<KernelStats> {
    return this.control.stats();
  }

  /** An index at the gate for a new thread. @throws YardError if all are taken */
  takeThread(): number {
    const ix = this.#freeThreads.pop() ?? this.#nextThread++;
    if (ix >= MAX_THREADS) throw new YardError(`a yard has at most ${MAX_THREADS} threads`);
    return ix;
  }

  giveThread(ix: number): void {
    this.#freeThreads.push(ix);
  }

  /** Tell the kernel that a thread is gone. */
  async detach(ix: number): Promise<void> {
    if (this.#failed === null && this.#down === null) await this.control.detach(ix);
  }

  /** Resolves with the exit status, as wait4 gives it, of a process started from outside. */
  ended(pid: Pid): Promise<number> {
    const xstat = this.#ended.get(pid);
    if (xstat !== undefined) {
      this.#ended.delete(pid);
      return Promise.resolve(xstat);
    }
    return new Promise((resolve) => this.#waiters.set(pid, resolve));
  }

  #processEnded({ pid, xstat }: EndedEvent): void {
    const waiter = this.#waiters.get(pid);
    this.#waiters.delete(pid);
    if (waiter === undefined) this.#ended.set(pid, xstat);
    else waiter(xstat);
  }

  /** It is going down, or has: threads end, and none starts. */
  get isDown(): boolean {
    return this.#down !== null;
  }

  /** End every process and every thread. May be called at any time, and again. */
  shutdown(): Promise<void> {
    this.#down ??= this.#shutdown();
    return this.#down;
  }

  async #shutdown(): Promise<void> {
    const exited = once(this.#worker, "exit");
    if (this.#failed === null) await this.control.shutdown();
    const jails = [...this.jails.values()];
    if (this.#host !== null) jails.push(await this.#host);
    await Promise.all(jails.map((jail) => jail.end()));
    await this.pool.destroy();
    if (this.#failed === null) await exited;
    this.control[releaseProxy]();
    this.log.debug("yard is down");
  }
}

function kernelConfig(config: YardConfig): KernelConfig {
  const { model, limits, modules, racct, sysvipc_allowed, maxproc } = config;
  return { model, limits, modules, racct, sysvipc_allowed, maxproc } as KernelConfig;
}

const heapOf = (mib: number): { resourceLimits: { maxOldGenerationSizeMb: number } } => ({
  resourceLimits: { maxOldGenerationSizeMb: mib },
});

const shapeOf = ({ slots = SLOTS, limits = {} }: YardConfig): GateShape => ({
  slots,
  dataBytes: dataBytes(limits),
});

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
