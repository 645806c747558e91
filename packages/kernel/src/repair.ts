/**
 * What a thread leaves that dies in the middle of a call on a page, and how the page is made whole.
 *
 * A semop that was not complete never happened: the journal has the old values and how far the
 * adjustments were noted. A message is in a queue once its link is stored, and out of it once the
 * link over it is. Queues of sleepers are built anew from the rows, in the order of their tickets;
 * all sleepers of the page look again, since the dead one may have had to wake them.
 *
 * The caller holds the lock of the page, which it has taken over from the dead owner.
 */
import { MSG_LOCKED } from "@jailyard/abi/msg";
import { mtxOwner } from "@jailyard/memory/mutex";
import { AWAKE, GRANTED, KILLED } from "@jailyard/memory/sleepers";
import {
  type IpcPage,
  P_IX,
  P_MODE,
  P_SLEEP_HEAD,
  P_SLEEP_TAIL,
  P_SLEEPERS,
  T_STAMP,
} from "./ipcpage.ts";
import type { Kernel } from "./kernel.ts";
import { KERNEL_OWNER } from "./lockwait.ts";
import { contentsOf, type MsgPage, rebuild } from "./msgpage.ts";
import { isDead } from "./msgpass.ts";
import { poolInit } from "./msgpool.ts";
import { P_APPLIED, P_FOR, P_UNDONE, type SemPage } from "./sempage.ts";
import { semundoRestore } from "./semundo.ts";
import { NOT_COUNTED, SERVED, semAdd, semundoBack } from "./semvec.ts";
import { lockPage, type Site, unlockPage } from "./site.ts";
import { awake, SLEEPS_MSG, SLEEPS_SEM, wakeup } from "./sleepq.ts";
import type { Thread } from "./thread.ts";

/** A set whose lock `dead` held. */
export function semRepair(k: Kernel, page: SemPage, dead: Thread): void {
  const { hdr } = page;
  if (hdr[P_APPLIED] > 0 && hdr[P_FOR] === SERVED) finishServed(k, page, dead);
  else if (hdr[P_APPLIED] > 0 && !wasServed(k, hdr[P_FOR])) takeBack(k, page, dead);
  hdr[P_APPLIED] = 0;
  hdr[P_FOR] = 0;
  requeue(k, page, SLEEPS_SEM, dead.tid);
  recount(k, page);
  wakeup(k, page);
}

/** A waker had done all for this sleeper but say so in the journal. */
const wasServed = (k: Kernel, tid: number): boolean =>
  tid > 0 && k.commons.sleepers.state[tid] === GRANTED;

/** Old values, in the opposite order, and the adjustments that were noted. */
function takeBack(k: Kernel, page: SemPage, dead: Thread): void {
  const { hdr, journal, sem } = page;
  if (hdr[P_FOR] === 0) undoNotes(k, page, dead);
  for (let i = hdr[P_APPLIED] - 1; i >= 0; i--) sem.semval[journal.num[i]] = journal.old[i];
}

function undoNotes(k: Kernel, page: SemPage, dead: Thread): void {
  const un = dead.td_undo;
  if (un === null) return;
  semundoBack(k, dead, page, un, notedBy(k, page, dead));
}

/** Operations of the journal whose adjustments are noted, once one that was cut off is undone. */
function notedBy(k: Kernel, page: SemPage, dead: Thread): number {
  const { hdr, journal } = page;
  const un = dead.td_undo;
  if (un === null) return 0;
  if (!un.isChanging) {
    un.settle(k.commons, dead.tid);
    return hdr[P_UNDONE];
  }
  const i = un.changingFor;
  semundoRestore(k.commons, un, dead.tid, hdr[P_IX], journal.num[i]);
  return i;
}

/** A sleeper that had been served died as it noted its adjustments: exit owes those it had not. */
function finishServed(k: Kernel, page: SemPage, dead: Thread): void {
  const { hdr, journal } = page;
  for (let i = notedBy(k, page, dead); i < hdr[P_APPLIED]; i++) {
    semAdd(page, journal.num[i], -journal.op[i]);
  }
  awake(k, dead.tid);
}

/** The queue of sleepers from their rows; one that died as it fell asleep is not in it. */
function requeue(k: Kernel, page: IpcPage, facility: number, dead: number): void {
  const { rows, sleepers } = k.commons;
  const queued: number[] = [];
  for (let tid = 1; tid < rows.ix.length; tid++) {
    if (rowIsOn(k, tid, page, facility) && tid !== dead && sleepers.isAsleep(tid)) queued.push(tid);
  }
  queued.sort((a, b) => (rows.ticket[a] - rows.ticket[b]) | 0);
  const { hdr } = page;
  hdr[P_SLEEP_HEAD] = queued[0] ?? 0;
  hdr[P_SLEEP_TAIL] = queued.at(-1) ?? 0;
  hdr[P_SLEEPERS] = queued.length;
  for (const [i, tid] of queued.entries()) {
    rows.prev[tid] = queued[i - 1] ?? 0;
    rows.next[tid] = queued[i + 1] ?? 0;
  }
  if (rowIsOn(k, dead, page, facility) && sleepers.isAsleep(dead)) awake(k, dead);
}

function rowIsOn(k: Site, tid: number, page: IpcPage, facility: number): boolean {
  const { rows } = k.commons;
  return (
    rows.facility[tid] === facility &&
    rows.ix[tid] === page.hdr[P_IX] &&
    rows.stamp[tid] === page.times[T_STAMP]
  );
}

/** semncnt and semzcnt from the rows of those who sleep, or were woken and have not run. */
function recount(k: Kernel, page: SemPage): void {
  const { rows, sleepers } = k.commons;
  const { semncnt, semzcnt } = page.sem;
  semncnt.fill(0);
  semzcnt.fill(0);
  for (let tid = 1; tid < rows.ix.length; tid++) {
    const counted = rows.zero[tid] !== NOT_COUNTED && sleepers.state[tid] !== AWAKE;
    if (!counted || !rowIsOn(k, tid, page, SLEEPS_SEM)) continue;
    (rows.zero[tid] === 1 ? semzcnt : semncnt)[rows.num[tid]]++;
  }
}

/** A queue whose lock `dead` held. The pool is counted again while no queue can change. */
export function msgRepair(k: Kernel, page: MsgPage, dead: Thread): void {
  rebuild(page, k.msginfo.msgssz);
  requeue(k, page, SLEEPS_MSG, dead.tid);
  rehold(k, page);
  recountPool(k, page);
  wakeup(k, page);
}

/** The lock bit is set while a sender sleeps that set it. */
function rehold(k: Kernel, page: MsgPage): void {
  const { rows, sleepers } = k.commons;
  let held = false;
  for (let tid = 1; tid < rows.ix.length && !held; tid++) {
    const holds = rows.holder[tid] === 1 && sleepers.state[tid] !== AWAKE;
    held = holds && sleepers.state[tid] !== KILLED && rowIsOn(k, tid, page, SLEEPS_MSG);
  }
  page.hdr[P_MODE] = held ? page.hdr[P_MODE] | MSG_LOCKED : page.hdr[P_MODE] & ~MSG_LOCKED;
}

function recountPool(k: Kernel, held: MsgPage): void {
  const others = k.msg.table.slots.flatMap((queue) =>
    queue === null || queue.page === held ? [] : [queue.page],
  );
  const locked = others.filter((page) => mtxOwner(page.mtx, 0) !== KERNEL_OWNER);
  for (const page of locked) lockPage(k, page);
  let segs = 0;
  let hdrs = 0;
  for (const page of [held, ...others]) {
    if (isDead(page)) continue;
    const { segments, count } = contentsOf(page, k.msginfo.msgssz);
    segs += segments;
    hdrs += count;
  }
  poolInit(k.commons.words, k.msginfo.msgseg - segs, k.msginfo.msgtql - hdrs);
  for (const page of locked) unlockPage(page);
}
