/**
 * The commons: memory that all threads of a yard share, beside the bell. The clock, what may be
 * written at run time, what is limited host-wide, and who sleeps. It holds no key, no id and no
 * byte of any object: those are in pages, which a thread has only if its jail may see them.
 *
 *   words    clock │ tunables │ msg pool │ drain
 *   locks    FreeBSD's global mutexes, for the lock policy `freebsd`
 *   semu     which process has each of the semmnu undo structures
 *   rows     one a process: its sleep, and what it sleeps for
 *   profile  statistics of locks
 */
import { MTX_WORDS } from "@jailyard/memory/mutex";
import { bytesOf, Carver, type Columns } from "@jailyard/memory/page";
import { Sleepers } from "@jailyard/memory/sleepers";
import { type ProfileShape, type ProfileTables, profileBytes, profileTables } from "./profile.ts";

// Words.
export const C_TIME = 0; // time_second, unsigned
export const C_SEMVMX = 1;
export const C_SEMAEM = 2;
export const C_MSGPOOL = 32; // free segments and headers, see msgpool.ts
export const C_BROKEN = 65; // 1 once an exception ended a call on a page in the middle
export const C_DRAIN = 64; // 1 while a kldunload waits for calls to be over
const WORDS = 96;

/** Rows of `locks`: mutexes of sysv_sem.c and sysv_msg.c that FreeBSD has one of. */
export const SEM_UNDO_MTX = 0;
export const MSQ_MTX = MTX_WORDS;
const GLOBAL_LOCKS = 2;

/** Operations of a sleeping semop that others can see; longer vectors are the sleeper's own. */
export const SHOWN_SOPS = 8;

/** One process's sleep. Protected by the lock of the page that it sleeps on. */
const ROWS = {
  next: "i32", // of the page's queue
  prev: "i32",
  ticket: "i32", // order in the queue, for its repair
  facility: "u8", // SLEEPS_…
  ix: "i32", // slot of the object
  stamp: "f64", // its creation counter
  num: "u16", // semaphore on which it is counted
  zero: "u8", // 1: in semzcnt, 0: in semncnt; 2: not counted any more
  holder: "u8", // 1: holds the queue's lock bit
  nsops: "u8", // operations shown below; 0: none
  since: "f64", // when a sender fell asleep, on the kernel's clock, in milliseconds
  sends: "u8", // 1: in msgsnd, 0: in msgrcv
  msgtyp: "f64", // what a receiver wants
  msgsz: "f64", // the most a receiver takes, or what a sender has
} as const;
const SHOWN = { sem_num: "u16", sem_op: "i16", sem_flg: "i16" } as const;

export const SLEEPS_SEM = 1;
export const SLEEPS_MSG = 2;

export interface CommonsShape {
  /** Rows: kern.maxproc. */
  readonly maxproc: number;
  /** Homes: threads at the gate, and the kernel's. */
  readonly homes: number;
  readonly semmnu: number;
  readonly profile: ProfileShape;
}

export interface Commons {
  readonly buffer: SharedArrayBuffer;
  readonly shape: CommonsShape;
  readonly words: Int32Array;
  /** One number: the kernel's clock in milliseconds. */
  readonly clock: Float64Array;
  readonly locks: Int32Array;
  /** tid of the process that has the structure; 0: free. */
  readonly semu: Int32Array;
  readonly sleepers: Sleepers;
  readonly rows: Columns<typeof ROWS>;
  /** SHOWN_SOPS rows for each row. */
  readonly shown: Columns<typeof SHOWN>;
  readonly profile: ProfileTables;
}

export function commonsBytes({ maxproc, homes, semmnu, profile }: CommonsShape): number {
  const words = (WORDS + GLOBAL_LOCKS * MTX_WORDS + semmnu) * 4 + 1024;
  const rows = bytesOf(ROWS, maxproc + 1) + bytesOf(SHOWN, (maxproc + 1) * SHOWN_SOPS);
  return words + Sleepers.bytes(maxproc, homes) + rows + profileBytes(profile);
}

/** Both sides give the same shape. */
export function commons(buffer: SharedArrayBuffer, shape: CommonsShape): Commons {
  const carver = new Carver(buffer);
  return {
    buffer,
    shape,
    words: carver.words(WORDS),
    clock: carver.view("f64", 1),
    locks: carver.words(GLOBAL_LOCKS * MTX_WORDS),
    semu: carver.words(shape.semmnu),
    sleepers: new Sleepers(carver, shape.maxproc, shape.homes),
    rows: carver.columns(ROWS, shape.maxproc + 1),
    shown: carver.columns(SHOWN, (shape.maxproc + 1) * SHOWN_SOPS),
    profile: profileTables(carver, shape.profile),
  };
}
