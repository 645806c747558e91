/**
 * The frame around each child of a postmaster: slot, signals, and the ways in which it ends.
 * [PG-27] [PG-30] [PG-38]
 */
import type { SignalName } from "@jailyard/abi/signal";
import type { Process } from "@jailyard/trap/process";
import { untilTick } from "./clock.ts";
import { type Cluster, memoryOf } from "./cluster.ts";
import { lockErrorCleanup } from "./heavy.ts";
import { exitIfOrphaned } from "./latch.ts";
import { lwAcquire, lwRelease, lwReleaseAll } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import { Pgproc } from "./pgproc.ts";
import type { Counters } from "./records.ts";
import { PgError } from "./report.ts";
import { abort } from "./xact.ts";

/** Flags of children in shared memory: pmsignal.c. */
export const CHILD_UNUSED = 0;
export const CHILD_ASSIGNED = 1;
export const CHILD_ACTIVE = 2;

/**
 * A child inherits the postmaster's handlers, and has its own only a few calls later. The real one
 * is forked with signals blocked; here the postmaster keeps back what it would send meanwhile.
 */
export class SignalMask {
  #blocked: SignalName[] | null = [];

  /** @returns false if the signal is kept back */
  passes(signal: SignalName): boolean {
    if (this.#blocked === null || signal === "SIGKILL") return true;
    this.#blocked.push(signal);
    return false;
  }

  /** The process has its handlers: now it gets what was kept back. */
  async open(p: Process): Promise<void> {
    const blocked = this.#blocked ?? [];
    this.#blocked = null;
    for (const signal of blocked) await p.kill(p.pid, signal);
  }
}

export interface ChildSpec {
  readonly mask: SignalMask;
  readonly cluster: Cluster;
  readonly counters: Counters;
  /** How many children the server had before it: with the seed, what it draws. */
  readonly ordinal: number;
  /** What statistics call its semaphore, as `pg1 backend 3`. */
  readonly title: string;
  /** Free list of its slot. */
  readonly list: number;
  /** SIGTERM ends it. */
  readonly terminates: boolean;
  /** Word of its flag in shared memory; -1 for an auxiliary process, which has none. */
  readonly flag: number;
  /** What it does; the result is its exit status. */
  readonly body: (me: Pgproc) => Promise<number>;
}

/** Run a child to its end. */
export async function runChild(p: Process, spec: ChildSpec): Promise<never> {
  const me = new Pgproc(p, spec.cluster, spec.counters, spec.ordinal);
  await me.catchSignals(spec.terminates);
  await spec.mask.open(p);
  try {
    await me.running.begin();
    const status = await work(me, spec);
    await leave(me);
    setFlag(me, spec.flag, CHILD_ASSIGNED);
    return p.exit(status);
  } finally {
    me.running.end(); // also of one that was killed
  }
}

async function work(me: Pgproc, spec: ChildSpec): Promise<number> {
  try {
    setFlag(me, spec.flag, CHILD_ACTIVE);
    await me.takeSlot(spec.list, spec.title);
    return await spec.body(me);
  } catch (error) {
    await complain(me, error);
    return 1;
  }
}

function setFlag(me: Pgproc, flag: number, value: number): void {
  if (flag >= 0) Atomics.store(me.words, flag, value);
}

/** Report an error of the server; a PANIC ends the process as abort(3) does. */
async function complain(me: Pgproc, error: unknown): Promise<void> {
  if (!(error instanceof PgError)) throw error;
  const { p } = me;
  me.cluster.log.error(p, error);
  if (error.level !== "PANIC") return;
  await p.kill(p.pid, "SIGABRT");
  p.exit(134); // only if SIGABRT is not deadly
}

/**
 * proc_exit. An error on the way is reported, and the rest goes on. A process that died in the wait
 * for one lock may need another: that is the PANIC of PG-27.
 */
async function leave(me: Pgproc): Promise<void> {
  if (me.slot < 0) return;
  while (me.held.length > 0) await step(me, lwReleaseAll);
  await step(me, lockErrorCleanup);
  await step(me, abort);
  await step(me, removeFromProcArray);
  while (me.held.length > 0) await step(me, lwReleaseAll);
  me.giveSlot();
}

async function step(me: Pgproc, action: (me: Pgproc) => Promise<void>): Promise<void> {
  try {
    await action(me);
  } catch (error) {
    await complain(me, error);
  }
}

async function removeFromProcArray(me: Pgproc): Promise<void> {
  const lock = me.layout.single("ProcArray");
  await lwAcquire(me, lock, EXCLUSIVE);
  await lwRelease(me, lock);
}

/** A process without a slot: the statistics collector. It detaches. [PG-32] */
export async function runDetached(p: Process, cluster: Cluster, mask: SignalMask): Promise<never> {
  memoryOf(p, cluster); // it has inherited the memory
  let over = false;
  await p.signal("SIGQUIT", () => {
    over = true;
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"] as const) {
    await p.signal(signal, () => {});
  }
  await mask.open(p);
  await p.shmdt(cluster.segment.memory.addr);
  for (let look = LOOK_MILLIS; !over; look = Math.min(2 * look, LOOK_MAX_MILLIS)) {
    const unslept = await p.sleep(look < LOOK_MAX_MILLIS ? look : untilTick(look));
    if (unslept <= 0) await exitIfOrphaned(p, cluster);
  }
  return p.exit(0);
}

const LOOK_MILLIS = 100;
const LOOK_MAX_MILLIS = 1000;
