/** Processes that sleep in the kernel's thread, on a page or on nothing, and how they go on. */
import { ASLEEP, INTERRUPTED, KERNEL } from "@jailyard/memory/sleepers";
import type { IpcPage } from "./ipcpage.ts";
import type { Kernel } from "./kernel.ts";
import { lockPage, unlockPage } from "./site.ts";
import { unlink } from "./sleepq.ts";
import { type Resume, RUNNABLE, SLEEPING, type Thread } from "./thread.ts";

/** The process sleeps on `page`, queued there already; `resume` goes on. */
export function asleepOn(k: Kernel, td: Thread, page: IpcPage, resume: Resume): void {
  td.td_wchan = page;
  k.queued.add(td);
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
