/** sys/sem.h: flags, commands, structures. [COM-24] [SEM-1] to [SEM-3] */
import { type IpcPerm, ipcPerm } from "./ipc.ts";

export const GETNCNT = 3;
export const GETPID = 4;
export const GETVAL = 5;
export const GETALL = 6;
export const GETZCNT = 7;
export const SETVAL = 8;
export const SETALL = 9;
export const SEM_STAT = 10;
export const SEM_INFO = 11;

export const SEM_UNDO = 0o10000;
/** Mode bit of a set in use; IPC_STAT shows it. [COM-25] */
export const SEM_ALLOC = 0o1000;

/** One operation as programs write it: `[sem_num, sem_op, sem_flg]`. */
export type Sembuf = readonly [sem_num: number, sem_op: number, sem_flg?: number];

/** A vector of operations by columns, `count` of them valid. */
export interface Sembufs {
  readonly sem_num: Uint16Array;
  readonly sem_op: Int16Array;
  readonly sem_flg: Int16Array;
  count: number;
}

export function sembufs(capacity: number): Sembufs {
  return {
    sem_num: new Uint16Array(capacity),
    sem_op: new Int16Array(capacity),
    sem_flg: new Int16Array(capacity),
    count: 0,
  };
}

/** struct semid_ds; times in seconds since the epoch, 0 if never. */
export interface SemidDs {
  sem_perm: IpcPerm;
  sem_nsems: number;
  sem_otime: number;
  sem_ctime: number;
}

export function semidDs(): SemidDs {
  return { sem_perm: ipcPerm(), sem_nsems: 0, sem_otime: 0, sem_ctime: 0 };
}

/** union semun. A `buf` or `array` of null stands for memory that is not mapped: EFAULT. */
export interface Semun {
  val: number;
  buf: SemidDs | null;
  array: Uint16Array | null;
}
