/**
 * The page of a shared memory segment: the header, and nothing after it. The bytes of the segment
 * are a buffer of their own beside it: programs hold that one, and must not reach the header.
 * [SHM-1]
 */
import { Carver } from "@jailyard/memory/page";
import { carveHeader, IPC_HEADER_BYTES, type IpcPage, P_OWN, T_OWN } from "./ipcpage.ts";

export const P_LPID = P_OWN; // pid of the last shmat, 0 before the first one [SHM-31]
export const P_CPID = P_OWN + 1;
export const P_NATTCH = P_OWN + 2;
export const T_ATIME = T_OWN;
export const T_DTIME = T_OWN + 1;
export const T_CTIME = T_OWN + 2;
export const T_SEGSZ = T_OWN + 3; // bytes, a multiple of PAGE_SIZE [SHM-15]

export interface ShmPage extends IpcPage {
  /** The segment itself: T_SEGSZ bytes, no more. */
  readonly data: SharedArrayBuffer;
}

export const SHM_PAGE_BYTES = IPC_HEADER_BYTES;

export function shmPage(buffer: SharedArrayBuffer, data: SharedArrayBuffer): ShmPage {
  return { buffer, ...carveHeader(new Carver(buffer)), data };
}
