/**
 * Calls on pages that the thread has mapped, without the kernel's thread: what the host gives the
 * processes of a thread in placement `direct`, and how a process sleeps in such a call.
 */
import { type Errno, ESLEEP } from "@jailyard/abi/errno";
import type { MsqidDs } from "@jailyard/abi/msg";
import type { Reason } from "@jailyard/abi/reason";
import type { Sembuf, SemidDs } from "@jailyard/abi/sem";
import type { Frame } from "@jailyard/abi/wire";
import type { Message } from "./process.ts";
import type { UserProcess } from "./userprocess.ts";

/**
 * One process's calls. Each returns OK or what the system call fails with; EGATE: the page cannot
 * decide it, or is not mapped; ESLEEP: wait for row `tid`, then `resume`; EDEAD.
 */
export interface Direct {
  readonly tid: number;
  /** Of the last call: its result, and why it failed. */
  readonly retval: number;
  readonly reason: Reason;
  readonly semds: SemidDs;
  readonly msgds: MsqidDs;
  /** What msgrcv got, copied. */
  readonly message: Message;

  /** One operation, both numbers 16 bits; false: nothing was done, it is a call for `semop`. */
  semopOne(semid: unknown, num: number, op: number, undo: boolean): boolean;
  semop(semid: number, sops: readonly Sembuf[]): Errno;
  /** GETVAL, GETPID, GETNCNT, GETZCNT. */
  semget(semid: number, semnum: number, cmd: number): Errno;
  semstat(semid: number): Errno;
  msgsnd(msqid: number, mtype: number, mtext: Uint8Array, msgsz: number, msgflg: number): Errno;
  msgrcv(msqid: number, msgsz: number, msgtyp: number, msgflg: number): Errno;
  msgstat(msqid: number): Errno;

  /** Go on after a sleep. EGATE: the kernel goes on, with what `enterResume` puts in the frame. */
  resume(): Errno;
  /** @returns the system call that goes on */
  enterResume(frame: Frame): number;
  /** A signal came: the sleep is over if nobody has ended it yet. */
  interrupt(): void;
  /** How long the sleep may last by itself, in milliseconds; then `expire`. */
  patience(): number;
  expire(): void;
}

/** What a thread offers its processes. */
export interface DirectThread {
  bind(slot: number): Direct;
}

/** Wait until a call on a page is over: a process that owns its thread. */
export function blockDirect(u: UserProcess, d: Direct, begun: Errno): Errno {
  let error = begun;
  while (error === ESLEEP) {
    if (u.gate.interrupted(u.slot)) d.interrupt();
    if (!u.gate.blockOn(d.tid, d.patience())) d.expire();
    error = d.resume();
  }
  return error;
}

/** The same for a coroutine; `over` is called once, from the thread's pump. */
export function awaitDirect(u: UserProcess, d: Direct, over: (error: Errno) => void): void {
  const arm = (): void => {
    const ms = d.patience();
    const expire = (): void => d.expire();
    if (u.gate.interrupted(u.slot)) d.interrupt();
    u.gate.sleepOn(d.tid, () => {
      u.gate.cancelTimer(expire);
      const error = d.resume();
      if (error === ESLEEP) arm();
      else over(error);
    });
    if (ms < Number.POSITIVE_INFINITY) u.gate.startTimer(ms, expire);
  };
  arm();
}
