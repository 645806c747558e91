/**
 * The header that a page of each facility begins with.
 *
 *   lock (MTX_WORDS) │ header words │ times and sizes (f64) │ body of the facility
 *
 * Header words are plain and protected by the page lock; who has a mapped copy looks at P_ALIVE once
 * it holds the lock. The names are those of struct ipc_perm and the ds structures; modes carry
 * FreeBSD's extra bits. [COM-25]
 */
import type { IpcPerm } from "@jailyard/abi/ipc";
import type { Key } from "@jailyard/abi/types";
import { MTX_WORDS } from "@jailyard/memory/mutex";
import type { Carver } from "@jailyard/memory/page";
import type { Held } from "./lockwait.ts";

export const P_ALIVE = 0; // 1 while the object exists
export const P_IX = 1;
export const P_CUID = 2;
export const P_CGID = 3;
export const P_UID = 4;
export const P_GID = 5;
export const P_MODE = 6;
export const P_SEQ = 7;
export const P_KEY = 8;
export const P_SLEEP_HEAD = 9; // first and last sleeper: rows of the sleep queue, 0 for none
export const P_SLEEP_TAIL = 10;
export const P_SLEEPERS = 11;
export const P_TICKET = 12; // sleeps so far, modulo 2^32
/** First word that belongs to the facility. */
export const P_OWN = 13;
const HEADER_WORDS = 32;

export const T_STAMP = 0; // creation counter of the slot
/** First f64 that belongs to the facility. */
export const T_OWN = 1;
const TIMES = 8;

export interface IpcPage {
  readonly buffer: SharedArrayBuffer;
  readonly mtx: Int32Array;
  readonly hdr: Int32Array;
  readonly times: Float64Array;
  /** Threads that have the page mapped and are being ended: above 0 the kernel holds the lock. */
  frozen: number;
  /** Since when this thread holds the lock; null unless the statistics are in mode full. */
  held: Held | null;
}

/** Bytes of the header, before the body. */
export const IPC_HEADER_BYTES = 1024;

export function carveHeader(carver: Carver): Omit<IpcPage, "buffer"> {
  return {
    mtx: carver.words(MTX_WORDS),
    hdr: carver.words(HEADER_WORDS),
    times: carver.view("f64", TIMES),
    frozen: 0,
    held: null,
  };
}

/** Copy out struct ipc_perm; `key` is what this viewer is shown [COM-13]; uid_t is unsigned. */
export function copyPerm(page: IpcPage, key: number, out: IpcPerm): void {
  const { hdr } = page;
  out.cuid = hdr[P_CUID] >>> 0;
  out.cgid = hdr[P_CGID] >>> 0;
  out.uid = hdr[P_UID] >>> 0;
  out.gid = hdr[P_GID] >>> 0;
  out.mode = hdr[P_MODE];
  out.seq = hdr[P_SEQ];
  out.key = key as Key;
}

/** What IPC_SET changes in every facility: owner, group, the nine mode bits. [COM-31] */
export function setPerm(page: IpcPage, from: Pick<IpcPerm, "uid" | "gid" | "mode">): void {
  const { hdr } = page;
  hdr[P_UID] = from.uid;
  hdr[P_GID] = from.gid;
  hdr[P_MODE] = (hdr[P_MODE] & ~0o777) | (from.mode & 0o777);
}
