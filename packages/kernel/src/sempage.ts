/** The page of a semaphore set: header, then struct sem for each semaphore. [SEM-1] [SEM-2] */
import { bytesOf, Carver, type Columns } from "@jailyard/memory/page";
import { carveHeader, IPC_HEADER_BYTES, type IpcPage, P_OWN, T_OWN } from "./ipcpage.ts";

/** struct sem. */
const SEM = {
  semval: "u16", // value, in [0, seminfo.semvmx]; an undo at exit may pass it [SEM-73]
  sempid: "i32", // pid of the last operation
  semncnt: "u16", // # awaiting a greater semval
  semzcnt: "u16", // # awaiting semval = 0
} as const;

export const P_NSEMS = P_OWN;
export const T_OTIME = T_OWN;
export const T_CTIME = T_OWN + 1;

export interface SemPage extends IpcPage {
  readonly sem: Columns<typeof SEM>;
  readonly nsems: number;
}

export const semPageBytes = (nsems: number): number => IPC_HEADER_BYTES + bytesOf(SEM, nsems);

/** The view of a set on its buffer; both sides give the same `nsems`. */
export function semPage(buffer: SharedArrayBuffer, nsems: number): SemPage {
  const carver = new Carver(buffer);
  return { buffer, ...carveHeader(carver), sem: carver.columns(SEM, nsems), nsems };
}
