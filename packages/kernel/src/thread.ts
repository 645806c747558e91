/**
 * struct thread and struct proc in one: a process of this host has one thread.
 *
 * A thread that sleeps has a `resume`, the rest of its call; the runner calls it once the thread
 * is woken, and it may answer ESLEEP again. `tid` is a row of the sleep queue and is reused; a pid
 * is not reused before the numbers wrap.
 */
import { EINTR, type Errno } from "@jailyard/abi/errno";
import { NO_REASON, type Reason } from "@jailyard/abi/reason";
import type { Pid } from "@jailyard/abi/types";
import type { Ucred } from "./cred.ts";
import type { IpcPage } from "./ipcpage.ts";
import type { Kernel } from "./kernel.ts";
import type { UndoVector } from "./semundo.ts";
import { type Caller, deny } from "./site.ts";
import type { Socket } from "./socket.ts";
import type { Vmspace } from "./vm.ts";

export const RUNNING = 0; // in its program
export const SLEEPING = 1; // in a call, asleep
export const RUNNABLE = 2; // in a call, woken, not yet resumed
export const ZOMBIE = 3; // ended, not yet waited for
export const REAPED = 4;

export type Resume = (k: Kernel, td: Thread) => Errno;

export { deny };

export interface Thread extends Caller {
  /** Row of the sleep queue, in [1, maxproc]. */
  readonly tid: number;
  readonly p_pid: Pid;
  /** null: made from outside, nobody waits for it. */
  p_pptr: Thread | null;
  readonly p_children: Set<Thread>;
  p_ucred: Ucred;
  p_state: number;
  /** What wait4 gives: exit code << 8, or the signal. */
  p_xstat: number;
  /** For ps and messages. */
  p_comm: string;
  p_vmspace: Vmspace | null;
  /** Open descriptors, from 0; only sockets can be opened here. */
  p_fd: (Socket | null)[];
  /** The undo vector, if the process has one of the semmnu structures. [SEM-64] */
  readonly p_semundo: UndoVector | null;
  /** Masks of pending and caught signals; bit signal - 1. */
  p_siglist: number;
  p_sigcatch: number;
  /** A signal that ends the process once its call is over; 0 if none. */
  p_killed: number;

  /** Second result of a call that succeeds. */
  td_retval: number;
  /** Why the last call failed. */
  td_reason: Reason;
  /** The object slept on; null also while it sleeps in wait4. */
  td_wchan: IpcPage | null;
  td_resume: Resume | null;
  /** The sleep ended by a signal, or by its timeout. */
  td_interrupted: boolean;
  td_timedout: boolean;
  /** When a sleep with a timeout ends, in the kernel's milliseconds; 0 if it has none. */
  td_deadline: number;
  /** State of a call that sleeps, kept by the mechanism whose call it is. */
  td_sleep: unknown;
}

/** A sleep that ended by a signal: EINTR; the caller has taken its counts back. [COM-29] */
export function interrupted(td: Caller, reason: Reason = NO_REASON): Errno {
  td.td_interrupted = false;
  return deny(td, EINTR, reason);
}
