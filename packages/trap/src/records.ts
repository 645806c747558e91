/** Records that calls give back, beside the structures of abi. */
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility, Ix } from "@jailyard/abi/types";

interface DsOf {
  msg: MsqidDs;
  sem: SemidDs;
  shm: ShmidDs;
}

/** One object of a listing: table index, id, structure. */
export interface ListRow<F extends Facility = Facility> {
  readonly ix: Ix;
  readonly id: number;
  readonly ds: DsOf[F];
  /**
   * For a reader on the host only: the owner's jail and the true key, which FreeBSD's own listing
   * blanks, and the name of the name space under a model that has names. [JAIL-35] [COM-13]
   */
  readonly owner?: {
    readonly jid: number;
    readonly jail: string;
    readonly key: number;
    readonly space: string | null;
  };
}

export interface KldStat {
  readonly id: number;
  readonly refs: number;
  readonly name: string;
}

export interface SysctlAbout {
  /** boot: a tunable of the loader, read-only afterwards. */
  readonly kind: "boot" | "run" | "read";
  readonly about: string;
}

/** A process, and what it sleeps on. */
export interface KinfoProc {
  readonly pid: number;
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
  /** semwait, msgsnd, msgrcv, accept, sbwait, wait; empty if it does not sleep. */
  readonly wmesg: string;
  /** The object, and of a set the semaphore and whether it waits for 0. */
  readonly wchan: { f: Facility; id: number; num?: number; zero?: boolean } | null;
  /** What its exit adds to which semaphores. */
  readonly undo: readonly (readonly [semid: number, num: number, adjval: number])[];
}
