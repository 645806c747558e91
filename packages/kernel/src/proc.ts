/**
 * Processes: making, fork, exec, exit, wait, credentials, signals.
 *
 * A process whose parent is gone, or that was made from outside, is reaped when it ends; pid 1
 * stands for init, which does that. There are no process groups, sessions or stops.
 */
import { EAGAIN, ECHILD, EINVAL, EPERM, type Errno, ESLEEP, ESRCH, OK } from "@jailyard/abi/errno";
import { COM, PROC } from "@jailyard/abi/reason";
import { ignoredByDefault, NSIG, SIGCHLD, SIGKILL, sigmask } from "@jailyard/abi/signal";
import type { Pid } from "@jailyard/abi/types";
import { KILLED } from "@jailyard/memory/sleepers";
import { privileged, type Ucred, unjailed } from "./cred.ts";
import { eventOver } from "./eventwait.ts";
import { fdcopy, fdescfree } from "./filedesc.ts";
import { credDrop, credHold, OWN_IPCNS } from "./ipcns.ts";
import type { Kernel } from "./kernel.ts";
import { waitOver } from "./lockwait.ts";
import {
  isAncestor,
  PRISON_ALIVE,
  type Prison,
  prisonFree,
  prisonHold,
  prisonUnuse,
  prisonUse,
} from "./prison.ts";
import { asleep, unsleep } from "./runq.ts";
import { semexit } from "./semctl.ts";
import { deny, interrupted, REAPED, RUNNING, SLEEPING, type Thread, ZOMBIE } from "./thread.ts";
import { T_EXIT, T_PROC, V_KILLED } from "./trace.ts";
import { vmspaceExit, vmspaceFork } from "./vm.ts";

const PID_MAX = 99_999;
/** Rows in limbo that are looked at when one is needed. */
const LIMBO_LOOK = 8;
export const PID_INIT = 1 as Pid;
/** wait4: do not sleep. */
export const WNOHANG = 1;

const PROC_FORK = PROC(2, "kern.maxproc");
const PROC_WAIT = PROC(7);
const PROC_KILL = PROC(37);
const COM_29 = COM(29);

export interface ProcSpec {
  readonly uid: number;
  readonly gid: number;
  readonly groups?: readonly number[];
  readonly prison: Prison;
  readonly comm: string;
}

/** A process from outside: no parent. null if kern.maxproc are there, or the prison is dying. */
export function newproc(k: Kernel, spec: ProcSpec): Thread | null {
  if (spec.prison.pr_state !== PRISON_ALIVE) return null;
  const { uid, gid, groups = [], prison, comm } = spec;
  return allocProc(k, credOf(uid >>> 0, gid >>> 0, groups, prison, OWN_IPCNS), null, comm);
}

/** uid_t and gid_t are unsigned, and so they are compared. [COM-22] */
const credOf = (
  uid: number,
  gid: number,
  groups: readonly number[],
  cr_prison: Prison,
  cr_ipcns: Ucred["cr_ipcns"],
): Ucred => ({
  cr_uid: uid,
  cr_ruid: uid,
  cr_gid: gid,
  cr_groups: groups.map((group) => group >>> 0),
  cr_prison,
  cr_ipcns,
});

function allocProc(k: Kernel, cred: Ucred, parent: Thread | null, comm: string): Thread | null {
  const tid = takeTid(k);
  if (tid === undefined) return null;
  const td = blankThread(tid, nextPid(k), cred, parent, comm);
  k.threads[tid] = td;
  k.procs.set(td.p_pid, td);
  k.profile.setJid(td.p_pid, cred.cr_prison.pr_id);
  tell(k, T_PROC, td);
  k.book.jails.set(cred.cr_prison.pr_id, cred.cr_prison.pr_name);
  waitOver(k, tid, V_KILLED); // of a process that had the row before and could not say so
  k.profile.setRow(tid, td.p_pid);
  parent?.p_children.add(td);
  prisonHold(cred.cr_prison);
  prisonUse(cred.cr_prison);
  credHold(cred);
  return td;
}

/** A row that was killed in its sleep elsewhere is not another's before its thread has seen it. */
function takeTid(k: Kernel): number | undefined {
  const { state } = k.commons.sleepers;
  for (let i = 0; i < k.limbo.length && i < LIMBO_LOOK; i++) {
    const tid = k.limbo.shift()!;
    (state[tid] === KILLED ? k.limbo : k.freeTids).push(tid);
  }
  return k.freeTids.pop();
}

function nextPid(k: Kernel): Pid {
  do k.lastPid = k.lastPid >= PID_MAX ? 2 : k.lastPid + 1;
  while (k.procs.has(k.lastPid as Pid));
  return k.lastPid as Pid;
}

function blankThread(
  tid: number,
  pid: Pid,
  cred: Ucred,
  parent: Thread | null,
  comm: string,
): Thread {
  return {
    tid,
    p_pid: pid,
    p_pptr: parent,
    p_children: new Set(),
    p_ucred: cred,
    p_state: RUNNING,
    p_xstat: 0,
    p_comm: comm,
    p_vmspace: null,
    p_fd: [],
    td_undo: null,
    get p_semundo() {
      return this.td_undo?.inUse === true ? this.td_undo : null;
    },
    p_siglist: 0,
    p_sigcatch: 0,
    p_killed: 0,
    td_retval: 0,
    td_reason: 0 as Thread["td_reason"],
    td_wchan: null,
    td_resume: null,
    td_interrupted: false,
    td_timedout: false,
    td_deadline: 0,
    td_sleep: null,
  };
}

/** fork(2): the child's pid is td_retval. The child shares attaches, not undo. [SEM-64] [SHM-33] */
export function fork(k: Kernel, td: Thread): Errno {
  const child = allocProc(k, td.p_ucred, td, td.p_comm);
  if (child === null) return deny(td, EAGAIN, PROC_FORK);
  child.p_sigcatch = td.p_sigcatch;
  vmspaceFork(k, td, child);
  fdcopy(td, child);
  td.td_retval = child.p_pid;
  return OK;
}

/** execve(2) as far as IPC goes: attaches go, undo and pid stay. [SEM-64] [SHM-35] */
export function exec(k: Kernel, td: Thread, comm: string): Errno {
  vmspaceExit(k, td);
  td.p_sigcatch = 0;
  td.p_comm = comm;
  tell(k, T_PROC, td);
  td.td_retval = 0;
  return OK;
}

/** Whoever has asked for a trace is told of a process. */
export function tell({ profile }: Kernel, type: number, { p_pid, p_ucred, p_comm }: Thread): void {
  profile.trace?.process(type, profile.nanos(), p_pid, p_ucred.cr_prison.pr_id, p_comm);
}

/**
 * The end of a process, from whatever cause: undo first, then shared memory, then the parent is
 * told, by SIGCHLD and wakeup. The process does not sleep. `xstat` as wait4 gives it. [SEM-73]
 * [SHM-36]
 */
export function exit1(k: Kernel, td: Thread, xstat: number): void {
  if (td.p_state === ZOMBIE || td.p_state === REAPED) return;
  const { curtid } = k;
  k.curtid = td.tid; // whom its SEM_UNDO wakes it has woken
  k.hooks.dying(td);
  semexit(k, td);
  vmspaceExit(k, td);
  fdescfree(k, td);
  eventOver(k.profile, td.p_pid);
  k.curtid = curtid;
  tell(k, T_EXIT, td);
  td.p_state = ZOMBIE;
  td.p_xstat = xstat;
  for (const child of td.p_children) abandon(k, child);
  td.p_children.clear();
  k.hooks.ended(td);
  credDrop(k, td.p_ucred);
  prisonUnuse(k, td.p_ucred.cr_prison); // its credential stays until it is reaped [JAIL-51]
  if (td.p_pptr === null) reap(k, td);
  else tellParent(k, td.p_pptr);
}

/** The signal comes before the wakeup: a wait4 whose SIGCHLD is caught ends with EINTR. */
function tellParent(k: Kernel, parent: Thread): void {
  psignal(k, parent, SIGCHLD);
  if (parent.p_state === SLEEPING && parent.td_resume === waitResume) unsleep(k, parent);
}

function abandon(k: Kernel, child: Thread): void {
  child.p_pptr = null;
  if (child.p_state === ZOMBIE) reap(k, child);
}

function reap(k: Kernel, td: Thread): void {
  k.racct?.reaped(td);
  prisonFree(k, td.p_ucred.cr_prison);
  td.p_state = REAPED;
  td.p_pptr?.p_children.delete(td);
  k.procs.delete(td.p_pid);
  k.threads[td.tid] = null;
  (k.commons.sleepers.state[td.tid] === KILLED ? k.limbo : k.freeTids).push(td.tid);
}

/** What wait4 found, beside td_retval, the pid. */
export interface WaitStatus {
  status: number;
}

/**
 * wait4(2) for child `pid`, or any if it is -1. td_retval is the pid, 0 if WNOHANG found none.
 * @returns OK, ECHILD, EINTR or ESLEEP
 */
export function wait4(k: Kernel, td: Thread, pid: number, options: number, out: WaitStatus): Errno {
  td.td_sleep = { pid, options, out };
  return waitResume(k, td);
}

function waitResume(k: Kernel, td: Thread): Errno {
  const { pid, options, out } = td.td_sleep as { pid: number; options: number; out: WaitStatus };
  if (td.td_interrupted) return interrupted(td, COM_29);
  let mine = false;
  for (const child of td.p_children) {
    if (pid !== -1 && child.p_pid !== pid) continue;
    mine = true;
    if (child.p_state !== ZOMBIE) continue;
    td.td_retval = child.p_pid;
    out.status = child.p_xstat;
    reap(k, child);
    return OK;
  }
  if (!mine) return deny(td, ECHILD, PROC_WAIT);
  td.td_retval = 0;
  if ((options & WNOHANG) !== 0) return OK;
  asleep(td, waitResume);
  return ESLEEP;
}

const idsOf = ({ cr_ruid, cr_gid, cr_groups }: Ucred): number[] => [cr_ruid, cr_gid, ...cr_groups];

/** The process changes its credentials for good. EPERM unless root or nothing changes. */
export function setcred(
  k: Kernel,
  td: Thread,
  uid: number,
  gid: number,
  groups: readonly number[],
  force = false,
): Errno {
  const old = td.p_ucred;
  const cred = credOf(uid >>> 0, gid >>> 0, groups, old.cr_prison, old.cr_ipcns);
  if (!force && !privileged(old) && String(idsOf(cred)) !== String(idsOf(old))) return EPERM;
  td.p_ucred = cred;
  k.racct?.credChanged(td, old);
  k.hooks.revoke(old.cr_prison);
  td.td_retval = 0;
  return OK;
}

/** Can the caller see the target at all: same prison, or one below. [p_cansee(9)] */
export function cansee(viewer: Ucred, target: Thread): boolean {
  const prison = target.p_ucred.cr_prison;
  return prison === viewer.cr_prison || isAncestor(viewer.cr_prison, prison);
}

/** kill(2) of one process. A process of another jail does not exist for the caller: ESRCH. */
export function kill(k: Kernel, td: Thread, pid: number, sig: number): Errno {
  td.td_retval = 0;
  if (sig < 0 || sig >= NSIG) return deny(td, EINVAL, PROC_KILL);
  const cred = td.p_ucred;
  if (pid === PID_INIT && unjailed(cred)) {
    return privileged(cred) && sig === 0 ? OK : deny(td, EPERM, PROC_KILL);
  }
  const target = k.procs.get(pid as Pid);
  if (target === undefined || !cansee(cred, target)) return deny(td, ESRCH, PROC_KILL);
  if (!cansignal(cred, target.p_ucred)) return deny(td, EPERM, PROC_KILL);
  if (sig !== 0) psignal(k, target, sig);
  return OK;
}

const cansignal = (cred: Ucred, target: Ucred): boolean =>
  privileged(cred) || cred.cr_uid === target.cr_ruid || cred.cr_ruid === target.cr_ruid;

/**
 * Deliver a signal: caught, it interrupts a sleep; else its default action. A killed process that
 * sleeps first goes through the interrupted path of its call. [COM-29] [COM-36]
 */
export function psignal(k: Kernel, td: Thread, sig: number): void {
  if (td.p_state === ZOMBIE || td.p_state === REAPED) return;
  const bit = sigmask(sig);
  if (sig !== SIGKILL && (td.p_sigcatch & bit) !== 0) {
    td.p_siglist |= bit;
    k.hooks.signalled(td);
    interruptSleep(k, td);
  } else if (!ignoredByDefault(sig)) {
    td.p_killed ||= sig;
    if (td.td_resume === null) exit1(k, td, sig);
    else interruptSleep(k, td);
  }
}

/** A signal that is caught ends the sleep, if there is one: EINTR. */
export function interruptSleep(k: Kernel, td: Thread): void {
  if (td.p_state !== SLEEPING) return;
  td.td_interrupted = true;
  unsleep(k, td);
}
