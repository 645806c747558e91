/**
 * Sleep queues: who sleeps on which page, in the order in which they went to sleep.
 *
 * The links of all queues are rows of the commons, one a process, as a process sleeps on one object
 * at a time: a page needs only the head and tail, and thousands of sleepers cost nothing until they
 * sleep. A queue is protected by the lock of its page. A wakeup takes the whole queue; each process
 * then looks again for itself [COM-28]. Who sleeps in the kernel's thread is in its `td_wchan` too.
 */
import {
  ASLEEP,
  AWAKE,
  GRANTED,
  INTERRUPTED,
  KERNEL,
  KILLED,
  WOKEN,
} from "@jailyard/memory/sleepers";
import { SLEEPS_MSG, SLEEPS_SEM } from "./commons.ts";
import {
  type IpcPage,
  P_IX,
  P_SLEEP_HEAD,
  P_SLEEP_TAIL,
  P_SLEEPERS,
  P_TICKET,
  T_STAMP,
} from "./ipcpage.ts";
import type { Kernel } from "./kernel.ts";
import { type Caller, lockPage, type Site, unlockPage } from "./site.ts";
import { type Resume, RUNNABLE, SLEEPING, type Thread } from "./thread.ts";

export { SLEEPS_MSG, SLEEPS_SEM };

/** Put `td` at the tail of the page's queue; it sleeps, wherever its home is. */
export function sleepOn(k: Site, td: Caller, page: IpcPage, facility: number): void {
  const { rows, sleepers } = k.commons;
  const { hdr } = page;
  const { tid } = td;
  const tail = hdr[P_SLEEP_TAIL];
  rows.prev[tid] = tail;
  rows.next[tid] = 0;
  rows.ticket[tid] = ++hdr[P_TICKET];
  rows.facility[tid] = facility;
  rows.ix[tid] = hdr[P_IX];
  rows.stamp[tid] = page.times[T_STAMP];
  sleepers.fallAsleep(tid, k.home);
  if (tail === 0) hdr[P_SLEEP_HEAD] = tid;
  else rows.next[tail] = tid;
  hdr[P_SLEEP_TAIL] = tid;
  hdr[P_SLEEPERS]++;
}

/** Take one row out of the queue it sleeps in. The caller holds the page lock. */
export function unlink(k: Site, tid: number, page: IpcPage): void {
  const { next, prev } = k.commons.rows;
  const { hdr } = page;
  const after = next[tid];
  const before = prev[tid];
  if (before === 0) hdr[P_SLEEP_HEAD] = after;
  else next[before] = after;
  if (after === 0) hdr[P_SLEEP_TAIL] = before;
  else prev[after] = before;
  hdr[P_SLEEPERS]--;
}

/** wakeup(9): every sleeper of the page looks again, in the order of falling asleep. */
export function wakeup(k: Site, page: IpcPage): void {
  const { hdr } = page;
  for (let tid = hdr[P_SLEEP_HEAD]; tid !== 0; tid = hdr[P_SLEEP_HEAD])
    wakeOne(k, page, tid, WOKEN);
}

/** Take one sleeper out of the page's queue and end its sleep as `how` says. */
export function wakeOne(k: Site, page: IpcPage, tid: number, how: number): void {
  unlink(k, tid, page);
  k.wake(tid, how);
}

/** What ended the sleep of a row whose process looks now; it is awake from here on. */
export function awaken(k: Site, tid: number): number {
  const { state } = k.commons.sleepers;
  const how = state[tid];
  Atomics.store(state, tid, AWAKE);
  return how;
}

/** Was the sleeper served by its waker? */
export const wasGranted = (how: number): boolean => how === GRANTED;
export const wasKilled = (how: number): boolean => how === KILLED;

// What follows runs in the kernel's thread.

/** The process sleeps on `page` in the kernel's thread, queued already; `resume` goes on. */
export function asleepOn(td: Thread, page: IpcPage, resume: Resume): void {
  td.td_wchan = page;
  asleep(td, resume);
}

/** Put `td` to sleep on nothing: wait4. */
export function asleep(td: Thread, resume: Resume): void {
  td.td_resume = resume;
  td.p_state = SLEEPING;
}

/** Kernel.wake: a process that was taken out of its queue goes on, here or in its own thread. */
export function wakeRow(k: Kernel, tid: number, how: number): void {
  const { sleepers } = k.commons;
  if (sleepers.home[tid] !== KERNEL) return sleepers.wake(tid, how);
  Atomics.store(sleepers.state, tid, how);
  makeRunnable(k, k.threads[tid]!);
}

/** Processes that sleep here and that another thread has woken. */
export function takeWoken(k: Kernel): void {
  const { sleepers } = k.commons;
  if (!sleepers.takeLook(KERNEL)) return;
  for (const td of k.queued) if (sleepers.state[td.tid] > ASLEEP) makeRunnable(k, td);
}

/** End the sleep of one process here, whatever it sleeps on: signal, timeout, a child's end. */
export function unsleep(k: Kernel, td: Thread): void {
  if (td.p_state !== SLEEPING) return;
  const page = td.td_wchan;
  if (page !== null) {
    lockPage(k, page);
    const { sleepers } = k.commons;
    if (sleepers.isAsleep(td.tid)) {
      unlink(k, td.tid, page);
      Atomics.store(sleepers.state, td.tid, INTERRUPTED);
    }
    unlockPage(page);
  }
  makeRunnable(k, td);
}

function makeRunnable(k: Kernel, td: Thread): void {
  td.td_wchan = null;
  k.queued.delete(td);
  if (td.td_deadline !== 0) k.timeouts.delete(td);
  td.td_deadline = 0;
  td.p_state = RUNNABLE;
  k.runq.push(td);
}
