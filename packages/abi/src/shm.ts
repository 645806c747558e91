/** sys/shm.h: flags, commands, structures. [COM-24] [COM-25] [SHM-1] */
import { type IpcPerm, ipcPerm } from "./ipc.ts";

export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;

export const SHM_LOCK = 11;
export const SHM_UNLOCK = 12;
export const SHM_STAT = 13;
export const SHM_INFO = 14;

/** Mode bits of a slot: free, marked removed, in use. [SHM-2] */
export const SHMSEG_FREE = 0x200;
export const SHMSEG_REMOVED = 0x400;
export const SHMSEG_ALLOCATED = 0x800;

export const PAGE_SIZE = 4096;
export const SHMLBA = PAGE_SIZE;

/** round_page: up to a multiple of PAGE_SIZE. Not for sizes above 2^52. */
export const roundPage = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/** struct shmid_ds; times in seconds since the epoch, 0 if never; shm_segsz in bytes, rounded. */
export interface ShmidDs {
  shm_perm: IpcPerm;
  shm_segsz: number;
  shm_lpid: number;
  shm_cpid: number;
  shm_nattch: number;
  shm_atime: number;
  shm_dtime: number;
  shm_ctime: number;
}

export function shmidDs(): ShmidDs {
  return {
    shm_perm: ipcPerm(),
    shm_segsz: 0,
    shm_lpid: 0,
    shm_cpid: 0,
    shm_nattch: 0,
    shm_atime: 0,
    shm_dtime: 0,
    shm_ctime: 0,
  };
}
