/**
 * Where a call on one page runs: in the kernel's thread, or in the thread of a jail that has the
 * page mapped. The functions of the page (semvec, msgpass, sleepq, semundo, ipcperm) are the same.
 */

import type { Errno } from "@jailyard/abi/errno";
import type { Reason } from "@jailyard/abi/reason";
import type { Pid } from "@jailyard/abi/types";
import { mtxTry, mtxUnlock, type Stuck } from "@jailyard/memory/mutex";
import { type Commons, MSQ_MTX, SEM_UNDO_MTX } from "./commons.ts";
import type { IpcPage } from "./ipcpage.ts";
import { heldOver, lockMutexSlow, lockPageSlow, mutexOver, pageKey } from "./lockwait.ts";
import type { Profile } from "./profile.ts";
import type { UndoVector } from "./semundo.ts";

export const WAKES = ["herd", "handoff"] as const;
/** herd: all sleepers of the object look again, as on FreeBSD. handoff: the waker serves them. */
export type Wake = (typeof WAKES)[number];

export const LOCKINGS = ["object", "freebsd"] as const;
/** object: each page has a lock. freebsd: one for all message queues, one for all undo vectors. */
export type Locking = (typeof LOCKINGS)[number];

/** What permission depends on. */
export interface Subject {
  /** Effective user and group id, supplementary groups; unsigned. */
  readonly cr_uid: number;
  readonly cr_gid: number;
  readonly cr_groups: readonly number[];
  readonly cr_prison: { readonly pr_allow_suser: boolean };
}

/** The process that calls, as far as a page is concerned. */
export interface Caller {
  readonly tid: number;
  readonly p_pid: Pid;
  readonly p_ucred: Subject;
  /** The memory of its undo vector; null until it first needs one. */
  td_undo: UndoVector | null;
  td_retval: number;
  td_reason: Reason;
  td_interrupted: boolean;
  td_timedout: boolean;
}

export interface Site {
  readonly commons: Commons;
  /** time_second. */
  readonly now: number;
  readonly msginfo: { readonly msgssz: number };
  readonly handoff: boolean;
  readonly globalLocks: boolean;
  /** Threads for whose end the kernel holds the mutex of all queues; 0 elsewhere. */
  readonly queuesFrozen: number;
  /** Owner word of the locks that are taken here now. */
  readonly self: number;
  /** Where a process that falls asleep here waits. */
  readonly home: number;
  /** What to do with an owner that does not let go. */
  readonly stuck: Stuck;
  readonly profile: Profile;
  /** Row of the process whose call runs here now, 0: nobody's; and the number of the call. */
  readonly curtid: number;
  readonly cursys: number;
  /** Memory for the undo vector of a process that has none. */
  makeUndo(td: Caller): UndoVector;
  /** End the sleep of a process that was taken out of its queue. */
  wake(tid: number, how: number): void;
  /** A message of `length` bytes left a queue. */
  taken(page: IpcPage, length: number): void;
}

/** Note why the call fails; the errno is the caller's return value. */
export function deny(td: { td_reason: Reason }, error: Errno, reason: Reason): Errno {
  td.td_reason = reason;
  return error;
}

/** Lock a page of semaphores. One that is held for a thread's end is the kernel's already. */
export function lockPage(k: Site, page: IpcPage): void {
  if (page.frozen > 0) return;
  if (!mtxTry(page.mtx, 0, k.self)) lockPageSlow(k, page);
  if (page.held !== null) page.held.at = k.profile.nanos();
}

export function unlockPage(page: IpcPage): void {
  if (page.frozen > 0) return;
  if (page.held !== null) heldOver(page.held, pageKey(page));
  mtxUnlock(page.mtx, 0);
}

function lockGlobal(k: Site, row: number): void {
  const { locks } = k.commons;
  if (!mtxTry(locks, row, k.self)) lockMutexSlow(k, row);
  if (k.profile.full) k.profile.heldSince.set(row, k.profile.nanos());
}

function unlockGlobal(k: Site, row: number): void {
  if (k.profile.full) mutexOver(k, row);
  mtxUnlock(k.commons.locks, row);
}

/** The mutex of all queues, where there is one. */
export function lockQueues(k: Site): void {
  if (k.globalLocks && k.queuesFrozen === 0) lockGlobal(k, MSQ_MTX);
}

export function unlockQueues(k: Site): void {
  if (k.globalLocks && k.queuesFrozen === 0) unlockGlobal(k, MSQ_MTX);
}

/** Lock a queue: its page, after the mutex of all queues. */
export function lockQueue(k: Site, page: IpcPage): void {
  lockQueues(k);
  lockPage(k, page);
}

export function unlockQueue(k: Site, page: IpcPage): void {
  unlockPage(page);
  unlockQueues(k);
}

/** The undo vectors' mutex, where there is one; else the page's lock is enough. */
export function lockUndo(k: Site): void {
  if (k.globalLocks) lockGlobal(k, SEM_UNDO_MTX);
}

export function unlockUndo(k: Site): void {
  if (k.globalLocks) unlockGlobal(k, SEM_UNDO_MTX);
}
