/**
 * The kernel as a value: tables, limits, clock, run queue. No clock of its own, no thread, no
 * randomness, no global state; who drives it sets `nowMs`, calls and resumes.
 *
 * A call returns an errno or ESLEEP. After each call or clock tick the driver calls `run`, which
 * resumes what was woken, first woken first, until nothing can go on.
 */
import { STATS, type Stats } from "@jailyard/abi/contention";
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
import type { Stuck } from "@jailyard/memory/mutex";
import { Carver } from "@jailyard/memory/page";
import { PagePool } from "@jailyard/memory/pool";
import { KERNEL } from "@jailyard/memory/sleepers";
import { C_SEMAEM, C_SEMVMX, C_TIME, type Commons, commons, commonsBytes } from "./commons.ts";
import type { Ucred } from "./cred.ts";
import { initFacility, type Module } from "./facility.ts";
import { IpcHistory } from "./ipchistory.ts";
import type { IpcNamespace } from "./ipcns.ts";
import type { IpcPage } from "./ipcpage.ts";
import type { IpcTable } from "./ipctable.ts";
import { LATE_LOADS, type LateLoad } from "./lateload.ts";
import { LockBook } from "./lockbook.ts";
import { KERNEL_OWNER, waitOver } from "./lockwait.ts";
import { MODELS, type Model, type ModelName } from "./model.ts";
import { modelNamed, policyProblem } from "./models.ts";
import { type MsgState, msgRefunded } from "./msgq.ts";
import { type Files, makeFiles } from "./namei.ts";
import { newPrison, type Prison, prisonFree, prisonHold } from "./prison.ts";
import { exit1 } from "./proc.ts";
import { Profile, profileShape } from "./profile.ts";
import { Racct } from "./rctl.ts";
import { unsleep, wakeRow } from "./runq.ts";
import type { SemPage } from "./sempage.ts";
import { UndoVector } from "./semundo.ts";
import type { ShmState } from "./shmseg.ts";
import type { Locking, Site, Wake } from "./site.ts";
import { RUNNING, type Thread } from "./thread.ts";
import { traceOf, V_KILLED } from "./trace.ts";
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
  /** Who goes on when an object changes; herd if absent. */
  readonly wake?: Wake;
  /** What a lock covers; object if absent. */
  readonly locks?: Locking;
  /** Statistics of locks; off if absent. */
  readonly stats?: Stats;
  /** Monotonic nanoseconds since the yard began; stands still if absent. */
  readonly nanos?: () => number;
  /** Memory that threads at the gate share; the kernel's own if absent. */
  readonly commons?: Commons;
  /** Where to tell of each wait; nobody is told if absent. */
  readonly trace?: SharedArrayBuffer;
}

/** What the kernel tells whoever drives it. Called in the middle of a call: note it, no more. */
export interface KernelHooks {
  /** A call that slept is over, with this errno; results are in the thread. */
  complete(td: Thread, error: Errno): void;
  /** A process is about to end: no call of it may be on its way any more. */
  dying(td: Thread): void;
  /** A process has ended, by whatever way; its thread may not call again. */
  ended(td: Thread): void;
  /** A signal that the process catches is pending. */
  signalled(td: Thread): void;
  /**
   * What this prison and those below it may call, see and do may have changed; null: everybody's.
   * Whoever holds the outcome of Model.root, Model.visible or privilege for them asks again.
   */
  revoke(prison: Prison | null): void;
  /** See that a process makes no call of its own on any page, until the result is called. */
  still(td: Thread): () => void;
  /** Does the process sleep in msgsnd or msgrcv in a thread of its own? [MSG-72] */
  inside(td: Thread): boolean;
  /** The page of an object that is gone, once its lock is free. True: it is taken care of. */
  retired(page: IpcPage): boolean;
  /** A line for the console, as dmesg(8) shows them. */
  message(line: string): void;
}

export interface Kernel extends Site {
  /** Whoever drives threads sets it. */
  stuck: Stuck;
  curtid: number;
  cursys: number;
  readonly model: Model;
  readonly limits: LimitSettings;
  readonly maxproc: number;
  hooks: KernelHooks;
  /** Milliseconds of the yard's wall clock, and the same in whole seconds. [COM-27] */
  nowMs: number;
  now: number;

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
  /** The tree of files, which holds names of sockets, and the sockets. */
  readonly files: Files;

  /** By tid and by pid. */
  readonly threads: (Thread | null)[];
  readonly freeTids: number[];
  /** Rows whose process is gone, but whose thread has not seen that yet. */
  readonly limbo: number[];
  readonly procs: Map<Pid, Thread>;
  lastPid: number;
  /** Processes that sleep on a page in this thread. */
  readonly queued: Set<Thread>;
  /** Woken and not yet resumed, first woken first. */
  readonly runq: Thread[];
  /** Sleepers with a timeout; all timeouts are equal, so the order is that of the deadlines. */
  readonly timeouts: Set<Thread>;
  /** Threads that are being ended: while there are, the kernel holds the mutex of all queues. */
  queuesFrozen: number;
  /** In kldunload, until nobody is inside a call of the module: woken when a sleep is over. */
  readonly drainers: Set<Thread>;

  readonly pages: PagePool;
  readonly book: LockBook;
  /** Objects that were removed. */
  readonly history: IpcHistory;
  sem: IpcTable<SemPage>;
  /** Semaphores in use in all sets. [SEM-4] */
  semtot: number;
  shm: ShmState;
  msg: MsgState;

  /** A credential came to be kept, or was let go. */
  hold(cred: Ucred): void;
  release(cred: Ucred): void;
  /** The page of an object that is gone. */
  retire(page: IpcPage): void;
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
  if (k.racct !== null) k.racct.tell = (line) => k.hooks.message(line);
  for (const f of FACILITIES) {
    if (config.modules !== undefined && !config.modules.includes(f)) continue;
    loadFacility(k, f);
  }
  publish(k);
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

export const modeOf = ({ stats = "off" }: Pick<KernelConfig, "stats">): number =>
  STATS.indexOf(stats);

/** Commons for `config`; `homes` is how many threads can be at the gate, and one for the kernel. */
export function makeCommons(config: KernelConfig, homes = 1): Commons {
  const { semmnu } = semInfo(config.limits ?? {});
  const maxproc = config.maxproc ?? MAXPROC;
  const profile = profileShape(modeOf(config), maxproc, homes);
  const shape = { maxproc, homes, semmnu, profile };
  return commons(new SharedArrayBuffer(commonsBytes(shape)), shape);
}

/** Write what threads at the gate read: the clock, and what sysctl can change. */
export function publish(k: Kernel): void {
  const { words } = k.commons;
  words[C_TIME] = k.now;
  words[C_SEMVMX] = k.seminfo.semvmx;
  words[C_SEMAEM] = k.seminfo.semaem;
}

/** A kernel that nothing drives but its caller. */
export const NO_HOOKS: KernelHooks = {
  complete() {},
  dying() {},
  ended() {},
  signalled() {},
  still: () => () => {},
  inside: () => false,
  retired: () => false,
  revoke() {},
  message() {},
};

/** An undo vector for a process without a thread at the gate. */
const ownUndo = (semume: number): UndoVector =>
  new UndoVector(new Carver(new SharedArrayBuffer(UndoVector.bytes(semume))), semume);

const profileOf = (config: KernelConfig, { profile }: Commons): Profile =>
  new Profile(profile, modeOf(config), config.nanos ?? (() => 0), traceOf(config));

const absent = (): Module => ({ loaded: false, calls: false, id: 0 });

function blankKernel(config: KernelConfig, limits: LimitSettings, maxproc: number): Kernel {
  const seminfo = semInfo(limits);
  const prison0 = hostPrison();
  const pages = new PagePool();
  const shared = config.commons ?? makeCommons(config);
  const k: Kernel = {
    model: modelNamed(config.model ?? MODELS[0]),
    limits,
    maxproc,
    hooks: NO_HOOKS,
    commons: shared,
    profile: profileOf(config, shared),
    curtid: 0,
    cursys: 0,
    nowMs: 0,
    now: 0,
    self: KERNEL_OWNER,
    home: KERNEL,
    handoff: config.wake === "handoff",
    globalLocks: config.locks === "freebsd",
    stuck() {},
    makeUndo: () => ownUndo(seminfo.semume),
    wake: (tid, how) => wakeRow(k, tid, how),
    taken: (page, length) => msgRefunded(k, page, length),
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
    files: makeFiles(),
    threads: new Array(maxproc + 1).fill(null),
    freeTids: Array.from({ length: maxproc }, (_, i) => maxproc - i),
    limbo: [],
    procs: new Map(),
    lastPid: FIRST_PID,
    queued: new Set(),
    runq: [],
    timeouts: new Set(),
    queuesFrozen: 0,
    drainers: new Set(),
    pages,
    book: new LockBook(),
    history: new IpcHistory(),
    sem: undefined as never, // set by semInit, shmInit, msgInit
    shm: undefined as never,
    msg: undefined as never,
    semtot: 0,
    hold: (cred) => prisonHold(cred.cr_prison),
    release: (cred) => prisonFree(k, cred.cr_prison),
    retire: (page) => void (k.hooks.retired(page) || pages.give(page.buffer)),
  };
  return k;
}

/** Set the clock, whole milliseconds, and make runnable those whose timeout has run out. */
export function tick(k: Kernel, nowMs: number): void {
  k.nowMs = nowMs;
  k.commons.clock[0] = nowMs;
  const now = Math.floor(nowMs / 1000);
  if (now !== k.now) {
    k.now = now;
    k.commons.words[C_TIME] = now;
  }
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
  k.curtid = td.tid;
  const error = td.td_resume!(k, td);
  td.td_timedout = false;
  if (error !== ESLEEP) {
    waitOver(k, td.tid, td.p_killed === 0 ? error : V_KILLED);
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
