/**
 * Sleep queues: who sleeps on which page, in the order in which they went to sleep.
 *
 * The links of all queues are rows of the commons, one a process, as a process sleeps on one object
 * at a time: a page needs only the head and tail, and thousands of sleepers cost nothing until they
 * sleep. A queue is protected by the lock of its page. A wakeup takes the whole queue; each process
 * then looks again for itself [COM-28].
 */
import { AWAKE, GRANTED, WOKEN } from "@jailyard/memory/sleepers";
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
import { waitWoken } from "./lockwait.ts";
import type { Caller, Site } from "./site.ts";

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
  waitWoken(k, tid);
  k.wake(tid, how);
}

/** What ended the sleep of a row whose process looks now; it is awake from here on. */
export function awaken(k: Site, tid: number): number {
  const how = k.commons.sleepers.state[tid];
  awake(k, tid);
  return how;
}

/** The process has seen what ended its sleep, and nothing is owed to it. */
export const awake = ({ commons }: Site, tid: number): void =>
  void Atomics.store(commons.sleepers.state, tid, AWAKE);

/** Was the sleeper served by its waker? */
export const wasGranted = (how: number): boolean => how === GRANTED;
