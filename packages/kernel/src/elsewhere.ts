/**
 * Processes that sleep on a page in a thread of their jail, seen from the kernel's thread: signals,
 * timeouts and the end of a process reach them there.
 */

import { SEM_UNDO, sembufs } from "@jailyard/abi/sem";
import type { Ix } from "@jailyard/abi/types";
import { AWAKE, GRANTED, INTERRUPTED, KERNEL, KILLED, TIMEDOUT } from "@jailyard/memory/sleepers";
import { SHOWN_SOPS, SLEEPS_MSG, SLEEPS_SEM } from "./commons.ts";
import { tableOf } from "./facility.ts";
import { type IpcPage, P_ALIVE, P_IX, T_STAMP } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { waitOver } from "./lockwait.ts";
import { msgLetGo } from "./msg.ts";
import { msgUnkeep, RETRY_MS } from "./msgpass.ts";
import type { MsgQueue } from "./msgq.ts";
import type { SemSet } from "./sem.ts";
import { semAdd, semUncount, semWakeup, shownSops } from "./semvec.ts";
import { lockQueue, unlockQueue } from "./site.ts";
import { unlink } from "./sleepq.ts";
import type { Thread } from "./thread.ts";
import { V_KILLED } from "./trace.ts";

/** Is the process in a call that sleeps in a thread of its jail, or has not gone on since? */
export function isElsewhere(k: Kernel, { tid }: Thread): boolean {
  const { sleepers } = k.commons;
  return sleepers.home[tid] !== KERNEL && sleepers.state[tid] !== AWAKE;
}

/** Does it sleep there now? */
export const sleepsElsewhere = (k: Kernel, td: Thread): boolean =>
  isElsewhere(k, td) && k.commons.sleepers.isAsleep(td.tid);

/** The same, on this page: whoever was woken and has not gone on is counted still. */
export function waitsElsewhere(k: Kernel, td: Thread, page: IpcPage): boolean {
  const { sleepers, rows } = k.commons;
  if (!isElsewhere(k, td) || sleepers.state[td.tid] === KILLED) return false;
  return rows.ix[td.tid] === page.hdr[P_IX] && rows.stamp[td.tid] === page.times[T_STAMP];
}

/** Kernel hook `inside`: does it sleep there in msgsnd or msgrcv? [MSG-72] */
export const msgElsewhere = (k: Kernel, td: Thread): boolean =>
  isElsewhere(k, td) && k.commons.rows.facility[td.tid] === SLEEPS_MSG;

/** What it sleeps on; null if that is gone. */
function sleptOn(k: Kernel, tid: number): IpcObject<IpcPage> | null {
  const { rows } = k.commons;
  const f = rows.facility[tid] === SLEEPS_SEM ? "sem" : "msg";
  const object = k.modules[f].loaded ? (tableOf(k, f).slots[rows.ix[tid]] ?? null) : null;
  if (object === null || object.page.times[T_STAMP] !== rows.stamp[tid]) return null;
  return object;
}

/** Slot of the queue, now gone, in which the process slept as a sender; null if it did not. */
export function msgSleptOn(k: Kernel, { tid }: Thread): Ix | null {
  const { rows, sleepers } = k.commons;
  const sent = rows.facility[tid] === SLEEPS_MSG && rows.sends[tid] === 1;
  if (!sent || sleepers.home[tid] === KERNEL || sleepers.state[tid] !== AWAKE) return null;
  const ix = rows.ix[tid];
  const queue = k.msg.table.slots[ix];
  const gone = queue === null || queue?.page.hdr[P_ALIVE] === 0;
  return gone || queue?.page.times[T_STAMP] !== rows.stamp[tid] ? (ix as Ix) : null;
}

/** A signal that is caught: the sleep is over, if there is one. */
export const interruptElsewhere = (k: Kernel, td: Thread): void => endSleep(k, td, INTERRUPTED);

function endSleep(k: Kernel, td: Thread, how: number): void {
  const object = sleepsElsewhere(k, td) ? sleptOn(k, td.tid) : null;
  if (object === null) return;
  lockQueue(k, object.page);
  // It may have gone on meanwhile, and sleep on something else, whose lock is another.
  if (sleepsElsewhere(k, td) && sleptOn(k, td.tid) === object) {
    unlink(k, td.tid, object.page);
    k.wake(td.tid, how);
  }
  unlockQueue(k, object.page);
}

/** The process ends: whatever its sleep left anywhere is taken back. */
export function killElsewhere(k: Kernel, td: Thread): void {
  if (isElsewhere(k, td)) takeBackSleep(k, td, KILLED);
  else letGoOfDead(k, td);
}

/** An exception ended its call, and nobody comes back to the sleep that it had begun. */
export function breakElsewhere(k: Kernel, td: Thread): void {
  if (isElsewhere(k, td)) takeBackSleep(k, td, AWAKE);
}

function takeBackSleep(k: Kernel, td: Thread, state: number): void {
  const { sleepers, rows } = k.commons;
  const object = sleptOn(k, td.tid);
  if (object === null) {
    sleepers.wake(td.tid, state);
    return;
  }
  lockQueue(k, object.page);
  if (sleepers.isAsleep(td.tid)) unlink(k, td.tid, object.page);
  const granted = sleepers.state[td.tid] === GRANTED;
  waitOver(k, td.tid, V_KILLED);
  sleepers.wake(td.tid, state);
  if (object.page.hdr[P_ALIVE] === 1) {
    if (rows.facility[td.tid] === SLEEPS_SEM) forgetSem(k, td.tid, object as SemSet, granted);
    else msgUnkeep(k, td.tid, (object as MsgQueue).page);
  }
  unlockQueue(k, object.page);
  if (rows.facility[td.tid] === SLEEPS_MSG) msgLetGo(k, td.tid, object as MsgQueue);
}

/** It was to go on here with a msgsnd whose queue is gone, and holds that still. */
function letGoOfDead(k: Kernel, { tid }: Thread): void {
  const { sleepers, rows } = k.commons;
  if (sleepers.home[tid] === KERNEL || rows.facility[tid] !== SLEEPS_MSG) return;
  const object = rows.holder[tid] === 1 ? sleptOn(k, tid) : null;
  if (object !== null && object.page.hdr[P_ALIVE] === 0) msgLetGo(k, tid, object as MsgQueue);
}

/** Its count; and what it was served and would have undone at its exit. */
function forgetSem(k: Kernel, tid: number, { page }: SemSet, granted: boolean): void {
  semUncount(k, tid, page);
  if (!granted) return;
  const sops = shownSops(k, tid, sembufs(SHOWN_SOPS));
  for (let i = 0; i < sops.count; i++) {
    if ((sops.sem_flg[i] & SEM_UNDO) !== 0) semAdd(page, sops.sem_num[i], -sops.sem_op[i]);
  }
  semWakeup(k, page);
}

/** Where the clock stands still: when the first sender looks again that sleeps elsewhere. */
export function deadlineElsewhere(k: Kernel): number {
  let first = Number.POSITIVE_INFINITY;
  for (const td of k.procs.values()) {
    if (sleepsElsewhere(k, td)) first = Math.min(first, deadlineOf(k, td));
  }
  return first;
}

function deadlineOf(k: Kernel, td: Thread): number {
  const { rows } = k.commons;
  const sends = rows.facility[td.tid] === SLEEPS_MSG && rows.sends[td.tid] === 1;
  if (!sends) return Number.POSITIVE_INFINITY;
  return rows.since[td.tid] + RETRY_MS;
}

/** End the sleeps elsewhere whose time has run out at `nowMs`. */
export function expireElsewhere(k: Kernel, nowMs: number): void {
  for (const td of k.procs.values()) {
    if (!sleepsElsewhere(k, td) || deadlineOf(k, td) > nowMs) continue;
    endSleep(k, td, TIMEDOUT);
  }
}
