/**
 * Sleep queues: who sleeps on which page, in the order in which they went to sleep.
 *
 * The links of all queues are one table with a row for each thread, as a thread sleeps on one
 * object at a time: a page needs only the head and tail, and thousands of sleepers cost nothing
 * until they sleep. A queue is protected by the lock of its page. A wakeup always takes the whole
 * queue; each thread then looks again for itself. [COM-28]
 */
import type { Carver } from "@jailyard/memory/page";
import { type IpcPage, P_SLEEP_HEAD, P_SLEEP_TAIL, P_SLEEPERS } from "./ipcpage.ts";
import type { Kernel } from "./kernel.ts";
import { type Resume, RUNNABLE, SLEEPING, type Thread } from "./thread.ts";

const LINKS = { next: "i32", prev: "i32" } as const;
export interface SleepQueue {
  readonly next: Int32Array;
  readonly prev: Int32Array;
}

/** Rows 1 to `maxproc`; row 0 stands for none. */
export function sleepQueue(carver: Carver, maxproc: number): SleepQueue {
  return carver.columns(LINKS, maxproc + 1);
}

/** Put `td` to sleep at the tail of the page's queue; `resume` goes on once it is woken. */
export function sleepOn(k: Kernel, td: Thread, page: IpcPage, resume: Resume): void {
  const { next, prev } = k.sleepq;
  const { hdr } = page;
  const tail = hdr[P_SLEEP_TAIL];
  prev[td.tid] = tail;
  next[td.tid] = 0;
  if (tail === 0) hdr[P_SLEEP_HEAD] = td.tid;
  else next[tail] = td.tid;
  hdr[P_SLEEP_TAIL] = td.tid;
  hdr[P_SLEEPERS]++;
  td.td_wchan = page;
  asleep(td, resume);
}

/** Put `td` to sleep on nothing: wait4. */
export function asleep(td: Thread, resume: Resume): void {
  td.td_resume = resume;
  td.p_state = SLEEPING;
}

/** Take one thread out of the queue it sleeps in. The caller holds the page lock. */
function unlink(k: Kernel, td: Thread, page: IpcPage): void {
  const { next, prev } = k.sleepq;
  const { hdr } = page;
  const after = next[td.tid];
  const before = prev[td.tid];
  if (before === 0) hdr[P_SLEEP_HEAD] = after;
  else next[before] = after;
  if (after === 0) hdr[P_SLEEP_TAIL] = before;
  else prev[after] = before;
  hdr[P_SLEEPERS]--;
}

/** wakeup(9): every sleeper of the page becomes runnable, in the order of falling asleep. */
export function wakeup(k: Kernel, page: IpcPage): void {
  const { hdr } = page;
  for (let tid = hdr[P_SLEEP_HEAD]; tid !== 0; tid = hdr[P_SLEEP_HEAD]) {
    const td = k.threads[tid]!;
    unlink(k, td, page);
    makeRunnable(k, td);
  }
}

/** End the sleep of one thread, whatever it sleeps on: signal, timeout, a child that ended. */
export function unsleep(k: Kernel, td: Thread): void {
  if (td.p_state !== SLEEPING) return;
  if (td.td_wchan !== null) unlink(k, td, td.td_wchan);
  makeRunnable(k, td);
}

function makeRunnable(k: Kernel, td: Thread): void {
  td.td_wchan = null;
  if (td.td_deadline !== 0) k.timeouts.delete(td);
  td.td_deadline = 0;
  td.p_state = RUNNABLE;
  k.runq.push(td);
}
