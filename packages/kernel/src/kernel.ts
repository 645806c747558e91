/**
 * The kernel as a value: tables, limits, clock, run queue. No clock of its own, no thread, no
 * randomness, no global state; who drives it sets `nowMs`, calls and resumes.
 *
 * A call returns an errno or ESLEEP. After each call or clock tick the driver calls `run`, which
 * resumes what was woken, first woken first, until nothing can go on.
 */
import { type Errno, ESLEEP } from "@jailyard/abi/errno";
import {
  type LimitSettings,
  limitsProblem,
  type MsgInfo,
  msgInfo,
  type SemInfo,
  type ShmInfo,
  semInfo,
  shmInfo,
} from "@jailyard/abi/limits";
import { FACILITIES, type Facility, type Jid, type Pid } from "@jailyard/abi/types";
import { Carver } from "@jailyard/memory/page";
import { PagePool } from "@jailyard/memory/pool";
import type { Ucred } from "./cred.ts";
import { initFacility, type Module } from "./facility.ts";
import type { IpcNamespace } from "./ipcns.ts";
import type { IpcTable } from "./ipctable.ts";
import { LATE_LOADS, type LateLoad } from "./lateload.ts";
import { MODELS, type Model, type ModelName } from "./model.ts";
import { modelNamed, policyProblem } from "./models.ts";
import type { MsgState } from "./msgq.ts";
import { newPrison, type Prison, prisonFree, prisonHold } from "./prison.ts";
import { exit1 } from "./proc.ts";
import { Racct } from "./rctl.ts";
import type { SemPage } from "./sempage.ts";
import { SemUndoPool } from "./semundo.ts";
import type { ShmState } from "./shmseg.ts";
import { type SleepQueue, sleepQueue, unsleep } from "./sleepq.ts";
import { RUNNING, type Thread } from "./thread.ts";
import { type LimitScope, noUsage, type Usage } from "./usage.ts";

export interface KernelConfig {
  readonly model?: ModelName;
  readonly limits?: LimitSettings;
  /** kern.maxproc: processes, zombies included. */
  readonly maxproc?: number;
  /** Modules present at boot; all three if absent. */
  readonly modules?: readonly Facility[];
  /** kern.racct.enable: a boot tunable, off by default. [COM-33] */
  readonly racct?: boolean;
  /** security.jail.sysvipc_allowed at boot. */
  readonly sysvipc_allowed?: boolean;
  /** What jails get that were there before a module; freebsd if absent. */
  readonly lateLoad?: LateLoad;
  /** Whose use counts against a limit; host if absent. */
  readonly limitScope?: LimitScope;
}

/** What the kernel tells whoever drives it. Called in the middle of a call: note it, no more. */
export interface KernelHooks {
  /** A call that slept is over, with this errno; results are in the thread. */
  complete(td: Thread, error: Errno): void;
  /** A process has ended, by whatever way; its thread may not call again. */
  ended(td: Thread): void;
  /** A signal that the process catches is pending. */
  signalled(td: Thread): void;
  /**
   * What this prison and those below it may call, see and do may have changed; null: everybody's.
   * Whoever holds the outcome of Model.root, Model.visible or privilege for them asks again.
   */
  revoke(prison: Prison | null): void;
}

export interface Kernel {
  readonly model: Model;
  readonly limits: LimitSettings;
  readonly maxproc: number;
  hooks: KernelHooks;
  /** Milliseconds of the yard's wall clock, and the same in whole seconds. [COM-27] */
  nowMs: number;
  now: number;
  /** Owner word of locks that this kernel takes. */
  readonly self: number;

  seminfo: SemInfo;
  shminfo: ShmInfo;
  msginfo: MsgInfo;
  readonly modules: Record<Facility, Module>;
  /** Id of the last file that was loaded; 1 is the kernel itself. */
  lastKld: number;
  sysvipc_allowed: boolean;
  readonly racct: Racct | null;
  readonly lateLoad: LateLoad;
  /** Use by key space; null: limits are those of the host. */
  readonly usage: Usage | null;

  readonly prison0: Prison;
  readonly prisons: Set<Prison>;
  prisonSerial: number;
  lastJid: number;
  /** Name spaces of models where they are things of their own, by id, oldest first. */
  readonly ipcns: Map<number, IpcNamespace>;
  ipcnsSerial: number;

  /** By tid and by pid. */
  readonly threads: (Thread | null)[];
  readonly freeTids: number[];
  readonly procs: Map<Pid, Thread>;
  lastPid: number;
  readonly sleepq: SleepQueue;
  /** Woken and not yet resumed, first woken first. */
  readonly runq: Thread[];
  /** Sleepers with a timeout; all timeouts are equal, so the order is that of the deadlines. */
  readonly timeouts: Set<Thread>;
  /** In kldunload, until nobody is inside a call of the module: woken when a sleep is over. */
  readonly drainers: Set<Thread>;

  readonly pages: PagePool;
  sem: IpcTable<SemPage>;
  /** Semaphores in use in all sets. [SEM-4] */
  semtot: number;
  readonly semundo: SemUndoPool;
  shm: ShmState;
  msg: MsgState;

  /** A credential came to be kept, or was let go. */
  hold(cred: Ucred): void;
  release(cred: Ucred): void;
  /** The memory of an object that is gone. */
  retire(buffer: SharedArrayBuffer): void;
}

const MAXPROC = 20_000;
const FIRST_PID = 100;
const JAIL_MAX = 999_999;

/** @throws RangeError if `config` cannot be satisfied; the message names the setting */
export function makeKernel(config: KernelConfig = {}): Kernel {
  const limits = config.limits ?? {};
  const problem = limitsProblem(limits) ?? policyProblem(config);
  if (problem !== null) throw new RangeError(problem);
  const maxproc = config.maxproc ?? MAXPROC;
  const k = blankKernel(config, limits, maxproc);
  for (const f of FACILITIES) {
    if (config.modules !== undefined && !config.modules.includes(f)) continue;
    loadFacility(k, f);
  }
  return k;
}

/** Tables, name spaces, calls: what kldload does once it may. [JAIL-64] */
export function loadFacility(k: Kernel, f: Facility): void {
  k.modules[f] = { loaded: true, calls: true, id: ++k.lastKld };
  initFacility(k, f);
  k.model.loaded(k, f);
  k.hooks.revoke(null);
}

function hostPrison(): Prison {
  const host = newPrison(0, 0 as Jid, "0", null);
  host.pr_allow_sysvipc = true;
  host.pr_childmax = JAIL_MAX;
  host.pr_persist = true;
  host.pr_uref = 1;
  host.pr_ref = 1;
  return host;
}

function sleepTable(maxproc: number): SleepQueue {
  const bytes = (maxproc + 64) * 8;
  return sleepQueue(new Carver(new SharedArrayBuffer(bytes)), maxproc);
}

function blankKernel(config: KernelConfig, limits: LimitSettings, maxproc: number): Kernel {
  const seminfo = semInfo(limits);
  const prison0 = hostPrison();
  const pages = new PagePool();
  const absent = (): Module => ({ loaded: false, calls: false, id: 0 });
  const k: Kernel = {
    model: modelNamed(config.model ?? MODELS[0]),
    limits,
    maxproc,
    hooks: { complete() {}, ended() {}, signalled() {}, revoke() {} },
    nowMs: 0,
    now: 0,
    self: 1,
    seminfo,
    shminfo: shmInfo(limits),
    msginfo: msgInfo(limits),
    modules: { msg: absent(), sem: absent(), shm: absent() },
    lastKld: 1,
    sysvipc_allowed: config.sysvipc_allowed ?? false,
    racct: config.racct === true ? new Racct() : null,
    lateLoad: config.lateLoad ?? LATE_LOADS[0],
    usage: config.limitScope === "namespace" ? noUsage() : null,
    prison0,
    prisons: new Set([prison0]),
    prisonSerial: 0,
    lastJid: 0,
    ipcns: new Map(),
    ipcnsSerial: 0,
    threads: new Array(maxproc + 1).fill(null),
    freeTids: Array.from({ length: maxproc }, (_, i) => maxproc - i),
    procs: new Map(),
    lastPid: FIRST_PID,
    sleepq: sleepTable(maxproc),
    runq: [],
    timeouts: new Set(),
    drainers: new Set(),
    pages,
    sem: undefined as never, // set by semInit, shmInit, msgInit
    shm: undefined as never,
    msg: undefined as never,
    semtot: 0,
    semundo: new SemUndoPool(seminfo.semmnu, seminfo.semume),
    hold: (cred) => prisonHold(cred.cr_prison),
    release: (cred) => prisonFree(k, cred.cr_prison),
    retire: (buffer) => pages.give(buffer),
  };
  return k;
}

/** Set the clock, whole milliseconds, and make runnable those whose timeout has run out. */
export function tick(k: Kernel, nowMs: number): void {
  k.nowMs = nowMs;
  k.now = Math.floor(nowMs / 1000);
  for (const td of k.timeouts) {
    if (td.td_deadline > nowMs) break;
    td.td_timedout = true;
    unsleep(k, td);
  }
}

/** When the next timeout runs out, in the kernel's milliseconds; Infinity if none is pending. */
export function nextDeadline(k: Kernel): number {
  for (const td of k.timeouts) return td.td_deadline;
  return Number.POSITIVE_INFINITY;
}

/** Resume all that were woken, and those whom they wake, until nobody can go on. */
export function run(k: Kernel): void {
  const { runq } = k;
  for (let i = 0; i < runq.length; i++) resumeOne(k, runq[i]);
  runq.length = 0;
}

function resumeOne(k: Kernel, td: Thread): void {
  td.p_state = RUNNING;
  const error = td.td_resume!(k, td);
  td.td_timedout = false;
  if (error !== ESLEEP) {
    td.td_resume = null;
    td.td_sleep = null;
    for (const drainer of k.drainers) unsleep(k, drainer);
    if (td.p_killed === 0) k.hooks.complete(td, error);
    else exit1(k, td, td.p_killed);
  } else if (td.p_killed !== 0 || (td.p_siglist & td.p_sigcatch) !== 0) {
    td.td_interrupted = true; // the signal came between wakeup and resume
    unsleep(k, td);
  }
}
