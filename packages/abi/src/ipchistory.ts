/** What is remembered of an object that was removed: `ipcs --history`. Ours. */
import type { Facility } from "./types.ts";

export interface RemovedRow {
  readonly facility: Facility;
  readonly id: number;
  /** As the reader's jail is shown keys; 0 if it is not. */
  readonly key: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Who made it. */
  readonly cpid: number;
  /** Last semop, shmat, msgsnd or msgrcv; 0 if there was none. */
  readonly lpid: number;
  /** Seconds: made, last changed by IPC_SET or the like, removed. */
  readonly made: number;
  readonly changed: number;
  readonly removed: number;
  /** Who removed it: a process, as it was then; null: the kernel. */
  readonly by: Remover | null;
  /** Why the kernel did; empty if somebody did. */
  readonly why: string;
  /** For a reader on the host only. */
  readonly owner?: { readonly jid: number; readonly jail: string; readonly key: number };
}

export interface Remover {
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
  readonly jid: number;
  /** As the reader says it; empty for the reader's own. */
  readonly jail: string;
}

/** Rows that are kept unless kern.ipc.history says otherwise. */
export const HISTORY_ROWS = 512;
export const HISTORY_MAX = 65536;
