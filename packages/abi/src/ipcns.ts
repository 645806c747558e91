/** Name spaces as a process that may see them sees them: ipcns_create, ipcns_enter, ipcns_list. */
import type { Facility } from "./types.ts";

/** Longest name, below that of the jail. */
export const IPCNS_NAME_MAX = 255;

/** One row of ipcns_list. */
export interface IpcnsRow {
  readonly facility: Facility;
  /** Never reused. */
  readonly id: number;
  /** As ipcns_enter takes it from this caller. `0` is the caller's jail's own, as jid 0 is. */
  readonly name: string;
  readonly objects: number;
  /** Processes that look there. */
  readonly processes: number;
  /** Does the caller? */
  readonly mine: boolean;
}
