/** The collision of the mail of 2006: what a PostgreSQL on port 5432 makes when it starts. */
import type { Errno } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_STAT } from "@jailyard/abi/ipc";
import { shmidDs } from "@jailyard/abi/shm";
import type { Key, Semid } from "@jailyard/abi/types";
import type { Kernel } from "@jailyard/kernel/kernel";
import { semget } from "@jailyard/kernel/semctl";
import { shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { ok } from "./kernel.ts";

/** Port, then a counter. */
export const PG_KEY = 5432001 as Key;

export interface Server {
  readonly shmid: number;
  readonly semid: Semid;
}

/** Segment and semaphore set, which must not be there before; the errno if they are. */
export function startPostgres(k: Kernel, td: Thread): Server | Errno {
  const flags = IPC_CREAT | IPC_EXCL | 0o600;
  const error = shmget(k, td, PG_KEY, 4096, flags);
  if (error !== 0) return error;
  const shmid = td.td_retval;
  return { shmid, semid: ok(td, semget(k, td, PG_KEY, 17, flags)) as Semid };
}

/** IPC_STAT of a segment, and the key that it shows if it is OK. */
export function statShm(k: Kernel, td: Thread, shmid: number): { error: Errno; key: number } {
  const ds = shmidDs();
  const error = shmctl(k, td, shmid, IPC_STAT, ds);
  return { error, key: ds.shm_perm.key };
}

export const removeShm = (k: Kernel, td: Thread, shmid: number): Errno =>
  shmctl(k, td, shmid, 0, null);
