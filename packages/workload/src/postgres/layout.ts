/**
 * Where things lie in the main shared memory of a server, in words of 32 bits.
 *
 *   globals (GLOBALS) │ slots (SLOT_WORDS each) │ lightweight locks (LW_WORDS each) │ child flags
 *
 * In a System V segment this begins behind the header; anonymous memory has no header. Words that
 * several processes change are accessed through Atomics.
 */

import { type Settings, type SlotCounts, slotCounts } from "./settings.ts";
import { HEADER_BYTES } from "./shmem.ts";

/** Global words. WAL positions count units of 8 bytes. */
export const G_INSERTED = 0; // end of what is reserved in the WAL
export const G_FLUSHED = 1; // end of what is on disk
export const G_NEXT_XID = 2;
export const G_CLEAR_FIRST = 3; // heads of the group lists: slot + 1, 0 for none [PG-49]
export const G_STATUS_FIRST = 4;
export const G_INSERT_SPIN = 5; // insertpos_lck
export const G_PROC_SPIN = 6; // ProcStructLock: free lists
export const G_WAL_CLOSED = 7; // the checkpointer has written the shutdown checkpoint
export const G_WORKER_WANTED = 18; // the launcher wants an autovacuum worker
/** Head and tail of the free list of each kind of slot: slot + 1, 0 for none. */
export const G_FREE = 8;
const GLOBALS = 32;

/** Words of a slot: struct PGPROC. */
export const S_PID = 0; // 0: nobody has the slot
export const S_LW_WAITING = 1; // NOT_WAITING, WAITING, PENDING_WAKEUP
export const S_LW_MODE = 2;
export const S_LW_NEXT = 3; // neighbours in a wait list: slot + 1
export const S_LW_PREV = 4;
export const S_LATCH = 5;
export const S_ASLEEP = 6; // maybe_sleeping of the latch
export const S_XID = 7; // running transaction, 0 if none
export const S_CLEAR_NEXT = 8; // group lists
export const S_CLEAR_MEMBER = 9;
export const S_STATUS_NEXT = 10;
export const S_STATUS_MEMBER = 11;
export const S_HEAVY = 12; // waits for a heavyweight lock: NONE, WAITING, GRANTED, DEADLOCK
export const S_FREE_NEXT = 13;
export const S_ALARM = 14; // when deadlock_timeout runs out, in ms since the start; 0 if unset
export const S_FREE_LIST = 15;
const SLOT_WORDS = 16;

/** Words of a lightweight lock: 32 bytes as in the real thing, and one that it has not. */
export const L_STATE = 0; // 9.5 and later [PG-41]
export const L_HEAD = 1; // wait list: slot + 1
export const L_TAIL = 2;
export const L_VAR = 3; // published WAL position, 0 while none is [PG-48]
export const L_MUTEX = 4; // up to 9.4: spinlock over the fields behind it
export const L_RELEASE_OK = 5;
export const L_EXCLUSIVE = 6;
export const L_SHARED = 7;
/** Ours: pid of whoever had it last, for statistics; a lock of PostgreSQL has that if it is debugged. */
export const L_OWNER = 8;
const LW_WORDS = 9;

/** Single locks, in their order. [PG-52] */
const SINGLES = [
  "ProcArray",
  "XidGen",
  "WALWrite",
  "WALBufMapping",
  "XactSLRU",
  "ControlFile",
  "SInvalRead",
  "SInvalWrite",
  "CheckpointerComm",
] as const;
type Single = (typeof SINGLES)[number];
type Group = "WALInsert" | "BufferMapping" | "LockManager" | "LockFastPath" | "BufferContent";

/** Buffers that have a content lock of their own; more would never be met. */
const BUFFERS_MAX = 4096;

/** Free lists, by the kind of slot they hold. */
export const FREE_CLIENT = 0;
export const FREE_AUTOVACUUM = 1;
export const FREE_WORKER = 2;
export const FREE_WALSENDER = 3;
export const FREE_AUXILIARY = 4;

export class Layout {
  readonly slots: SlotCounts;
  readonly buffers: number;
  /** Words from the beginning of the memory. */
  readonly base: number;
  readonly words: number;
  readonly children: number;
  readonly childFlags: number;
  readonly #lwlocks: number;
  readonly #first = new Map<Group, number>();
  /** Wait event of each lock, by its number. [PG-58] */
  readonly #names: string[] = [...SINGLES];

  constructor(settings: Settings) {
    const { profile } = settings;
    this.slots = slotCounts(settings);
    this.buffers = Math.min(settings.sharedBuffers, BUFFERS_MAX);
    this.children = 2 * this.slots.total;
    this.base = settings.sharedMemoryType === "sysv" ? align(HEADER_BYTES) : 0;
    this.#lwlocks = this.base + GLOBALS + this.slots.total * SLOT_WORDS;
    this.#group("WALInsert", profile.walInsertLocks);
    this.#group("BufferMapping", profile.bufferPartitions);
    this.#group("LockManager", profile.lockPartitions);
    this.#group("LockFastPath", this.slots.total);
    this.#group("BufferContent", this.buffers);
    this.childFlags = this.#lwlocks + this.#names.length * LW_WORDS;
    this.words = this.childFlags + this.children;
  }

  #group(name: Group, count: number): void {
    this.#first.set(name, this.#names.length);
    for (let i = 0; i < count; i++) this.#names.push(name);
  }

  /** Bytes of the memory, its header included. */
  get bytes(): number {
    return this.words * 4;
  }
  get lwlocks(): number {
    return this.#names.length;
  }
  global(word: number): number {
    return this.base + word;
  }
  /** First word of a slot. */
  slot(slot: number): number {
    return this.base + GLOBALS + slot * SLOT_WORDS;
  }
  /** First word of a lightweight lock. */
  lwlock(lock: number): number {
    return this.#lwlocks + lock * LW_WORDS;
  }
  single(name: Single): number {
    return SINGLES.indexOf(name);
  }
  one(group: Group, ix: number): number {
    return this.#first.get(group)! + ix;
  }
  nameOf(lock: number): string {
    return this.#names[lock];
  }
  /** The wait event of a lock. [PG-58] */
  eventOf(lock: number): string {
    return `LWLock:${this.#names[lock]}`;
  }
  /** First slot of a kind, and how many there are. */
  range(list: number): readonly [first: number, count: number] {
    const { clients, autovacuum, workers, walSenders, auxiliary } = this.slots;
    const counts = [clients, autovacuum, workers, walSenders, auxiliary];
    const first = counts.slice(0, list).reduce((sum, n) => sum + n, 0);
    return [first, counts[list]];
  }
}

/** Words to the next multiple of 64 bytes. */
const align = (bytes: number): number => Math.ceil(bytes / 64) * 16;
