/**
 * Objects that nobody seems to use any more: ours, for ipcrm --unused.
 *
 * A segment is unused while nobody attaches it: that the kernel counts. Of a queue or a set there is
 * no such count: one is unused if nobody sleeps in it, nobody has SEM_UNDO adjustments for it, and
 * whoever last worked on it has ended, or cannot be seen from here.
 */
import { IPC_STAT } from "@jailyard/abi/ipc";
import type { MsqidDs } from "@jailyard/abi/msg";
import { GETPID, type SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { KinfoProc, ListRow } from "@jailyard/trap/records";
import { ORDER, rowsOf } from "./facility.ts";
import type { JailFilter } from "./jails.ts";
import { attempt, failed } from "./tool.ts";

export interface Unused {
  readonly f: Facility;
  readonly row: ListRow;
  /** Since its last use, or change, in seconds. */
  readonly idle: number;
  /** Why it counts as unused. */
  readonly why: string;
}

/** Those of `facilities` that are unused for `older` seconds at least, in the order of ipcs. */
export async function unusedObjects(
  p: Process,
  facilities: readonly Facility[],
  jail: JailFilter | null,
  older: number,
): Promise<Unused[]> {
  const procs = await p.kinfo_procs();
  const now = Date.now() / 1000;
  const found: Unused[] = [];
  for (const f of ORDER) {
    if (!facilities.includes(f)) continue;
    for (const row of await rowsOf(p, f, jail)) {
      const idle = Math.max(0, now - lastUse(f, row.ds));
      const why = idle < older ? null : await whyUnused(p, f, row, procs);
      if (why !== null) found.push({ f, row, idle, why });
    }
  }
  return found;
}

/** Seconds since the epoch. */
function lastUse(f: Facility, ds: ListRow["ds"]): number {
  if (f === "msg") {
    const { msg_stime, msg_rtime, msg_ctime } = ds as MsqidDs;
    return Math.max(msg_stime, msg_rtime, msg_ctime);
  }
  if (f === "shm") {
    const { shm_atime, shm_dtime, shm_ctime } = ds as ShmidDs;
    return Math.max(shm_atime, shm_dtime, shm_ctime);
  }
  const { sem_otime, sem_ctime } = ds as SemidDs;
  return Math.max(sem_otime, sem_ctime);
}

/** Null: it is in use, or this caller cannot know. */
async function whyUnused(
  p: Process,
  f: Facility,
  row: ListRow,
  procs: readonly KinfoProc[],
): Promise<string | null> {
  if (f === "shm") return (row.ds as ShmidDs).shm_nattch === 0 ? "nobody attaches it" : null;
  const sleeps = ({ wchan }: KinfoProc): boolean => wchan?.f === f && wchan.id === row.id;
  const undoes = ({ undo }: KinfoProc): boolean =>
    f === "sem" && undo.some(([id]) => id === row.id);
  if (procs.some((proc) => sleeps(proc) || undoes(proc))) return null;
  const users = f === "msg" ? queueUsers(row.ds as MsqidDs) : await setUsers(p, row);
  if (users === null) return null;
  const alive = new Set(procs.map(({ pid }) => pid));
  if (users.some((pid) => alive.has(pid))) return null;
  return users.length === 0 ? "nobody has used it" : `last used by ${pids(users)}, gone`;
}

const queueUsers = ({ msg_lspid, msg_lrpid }: MsqidDs): number[] =>
  distinct([msg_lspid, msg_lrpid]);

/** Who last worked on each semaphore; null if the caller may not read the set. */
async function setUsers(p: Process, { id }: ListRow): Promise<number[] | null> {
  const ds = await attempt(p.semctl(id, 0, IPC_STAT));
  if (failed(ds)) return null;
  const users: number[] = [];
  for (let num = 0; num < ds.sem_nsems; num++) {
    const pid = await attempt(p.semctl(id, num, GETPID));
    if (failed(pid)) return null;
    users.push(pid);
  }
  return distinct(users);
}

const distinct = (pids: readonly number[]): number[] => [...new Set(pids)].filter((pid) => pid > 0);

const PIDS_MAX = 3;

function pids(users: readonly number[]): string {
  const shown = users.slice(0, PIDS_MAX).join(", ");
  const more = users.length - PIDS_MAX;
  return `pid ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}
