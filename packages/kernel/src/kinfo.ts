/**
 * What kern.proc gives ps(1): a record for each process that the reader may see, with what it
 * sleeps on. Ours beside struct kinfo_proc: the semaphore that a sleeper waits for, and the
 * adjustments that SEM_UNDO keeps for a process, which tell who probably holds a semaphore.
 *
 * A process may fall asleep or wake in a thread of its jail while this looks: the record is what
 * was true a moment ago, as everywhere.
 */
import type { Facility, Semid } from "@jailyard/abi/types";
import { SLEEPS_SEM } from "./commons.ts";
import type { IpcPage } from "./ipcpage.ts";
import { T_STAMP } from "./ipcpage.ts";
import type { IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { nameSeenBy, prisonIschild } from "./prison.ts";
import { cansee } from "./proc.ts";
import { socketWmesg } from "./socket.ts";
import { SLEEPING, type Thread, ZOMBIE } from "./thread.ts";

/** What a sleeper sleeps on. */
export interface Wchan {
  readonly f: Facility;
  readonly id: number;
  /** Of a set: the semaphore, and whether it waits for 0. */
  readonly num?: number;
  readonly zero?: boolean;
}

/** One entry of a SEM_UNDO vector: what the exit of the process adds to a semaphore. */
export type UndoEntry = readonly [semid: Semid, num: number, adjval: number];

export interface KinfoProc {
  readonly pid: number;
  /** 1 if it was started from outside, or its parent has ended. */
  readonly ppid: number;
  readonly uid: number;
  readonly ruid: number;
  readonly gid: number;
  readonly jid: number;
  /** The jail's name as the reader says it; empty for the reader's own. */
  readonly jail: string;
  readonly comm: string;
  /** R in its program or in a call, S asleep, Z ended and not waited for. */
  readonly state: "R" | "S" | "Z";
  /** Why it sleeps: semwait, msgsnd, msgrcv, accept, sbwait, wait; empty if it does not. */
  readonly wmesg: string;
  readonly wchan: Wchan | null;
  readonly undo: readonly UndoEntry[];
}

/** Every process that `td` may see, by pid. */
export function kinfoProcs(k: Kernel, td: Thread): KinfoProc[] {
  const seen = [...k.procs.values()].filter((one) => cansee(td.p_ucred, one));
  return seen.sort((a, b) => a.p_pid - b.p_pid).map((one) => kinfoProc(k, td, one));
}

function kinfoProc(k: Kernel, viewer: Thread, td: Thread): KinfoProc {
  const { cr_uid, cr_ruid, cr_gid, cr_prison } = td.p_ucred;
  const me = viewer.p_ucred.cr_prison;
  return {
    pid: td.p_pid,
    ppid: td.p_pptr?.p_pid ?? 1,
    uid: cr_uid,
    ruid: cr_ruid,
    gid: cr_gid,
    jid: cr_prison.pr_id,
    jail: prisonIschild(me, cr_prison) ? nameSeenBy(me, cr_prison) : "",
    comm: td.p_comm,
    ...sleepOf(k, td),
    undo: undoOf(k, td),
  };
}

function sleepOf(k: Kernel, td: Thread): Pick<KinfoProc, "state" | "wmesg" | "wchan"> {
  if (td.p_state === ZOMBIE) return { state: "Z", wmesg: "", wchan: null };
  const { sleepers, rows } = k.commons;
  if (!sleepers.isAsleep(td.tid)) {
    const asleep = td.p_state === SLEEPING;
    return {
      state: asleep ? "S" : "R",
      wmesg: asleep ? (socketWmesg(td) ?? "wait") : "",
      wchan: null,
    };
  }
  const f = rows.facility[td.tid] === SLEEPS_SEM ? "sem" : "msg";
  const wmesg = f === "sem" ? "semwait" : rows.sends[td.tid] === 1 ? "msgsnd" : "msgrcv";
  return { state: "S", wmesg, wchan: wchanOf(k, td.tid, f) };
}

/** Null if the object is gone and the sleeper has not looked yet. */
function wchanOf(k: Kernel, tid: number, f: "sem" | "msg"): Wchan | null {
  const { rows } = k.commons;
  const table: IpcTable<IpcPage> | undefined = f === "sem" ? k.sem : k.msg?.table;
  const ix = rows.ix[tid];
  const object = table?.slots[ix] ?? null;
  if (table === undefined || object?.page.times[T_STAMP] !== rows.stamp[tid]) return null;
  const id = table.idOf(object);
  return f === "msg" ? { f, id } : { f, id, num: rows.num[tid], zero: rows.zero[tid] === 1 };
}

function undoOf(k: Kernel, { td_undo: un }: Thread): UndoEntry[] {
  if (un === null || !un.inUse) return [];
  const entries: UndoEntry[] = [];
  for (let i = 0; i < un.un_cnt; i++) {
    const object = k.sem?.slots[un.un_ix[i]] ?? null;
    if (object === null || object.page.times[T_STAMP] !== un.un_stamp[i]) continue;
    entries.push([k.sem.idOf(object) as Semid, un.un_num[i], un.un_adjval[i]]);
  }
  return entries;
}
