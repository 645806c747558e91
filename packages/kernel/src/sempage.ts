/**
 * The page of a semaphore set: header, struct sem for each semaphore [SEM-1] [SEM-2], and a journal
 * of the vector that is being applied, from which a call that died in the middle is taken back.
 */
import { bytesOf, Carver, type Columns } from "@jailyard/memory/page";
import { carveHeader, IPC_HEADER_BYTES, type IpcPage, P_OWN, T_OWN } from "./ipcpage.ts";

/** struct sem. */
const SEM = {
  semval: "u16", // value, in [0, seminfo.semvmx]; an undo at exit may pass it [SEM-73]
  sempid: "i32", // pid of the last operation
  semncnt: "u16", // # awaiting a greater semval
  semzcnt: "u16", // # awaiting semval = 0
  // Statistics, modulo 2^32; see lockwait.ts.
  taken: "i32", // decrements
  changes: "i32", // of them those by another process than the last to change it
  matched: "i32", // increments, of those that lockwait sees, by the last process to change it
  crossed: "i32", // and by another
  since: "f64", // mode full: when it was last decremented
} as const;

/** One operation that was applied, or is about to be. */
const JOURNAL = {
  num: "u16",
  old: "u16", // semval before it
  op: "i16", // sem_op if it is to be undone at exit, else 0
} as const;

export const P_NSEMS = P_OWN;
export const P_APPLIED = P_OWN + 1; // operations in the journal; 0: no vector is being applied
export const P_UNDONE = P_OWN + 2; // operations among them whose adjustment is noted
export const P_FOR = P_OWN + 3; // the sleeper for whom a waker applies the vector; 0: the lock's owner
export const P_SEMLPID = P_OWN + 4; // pid of the last semop; 0 before the first one
export const T_OTIME = T_OWN;
export const T_CTIME = T_OWN + 1;

export interface SemPage extends IpcPage {
  readonly sem: Columns<typeof SEM>;
  readonly journal: Columns<typeof JOURNAL>;
  readonly nsems: number;
}

/** Vectors of up to eight operations are tested against no limit. [SEM-42] */
export const SMALL_SOPS = 8;
/** Operations that a call can have. */
export const mostSops = (semopm: number): number => Math.max(SMALL_SOPS, semopm);

export const semPageBytes = (nsems: number, semopm: number): number =>
  IPC_HEADER_BYTES + bytesOf(SEM, nsems) + bytesOf(JOURNAL, mostSops(semopm));

/** The view of a set on its buffer; both sides give the same `nsems` and `semopm`. */
export function semPage(buffer: SharedArrayBuffer, nsems: number, semopm: number): SemPage {
  const carver = new Carver(buffer);
  const header = carveHeader(carver);
  const sem = carver.columns(SEM, nsems);
  const journal = carver.columns(JOURNAL, mostSops(semopm));
  return { buffer, ...header, sem, journal, nsems };
}
