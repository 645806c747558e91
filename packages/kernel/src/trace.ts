/**
 * A trace: what each wait was, one record as it is over, and which processes there are. A thread that
 * has waits to tell has a ring of its own; whoever asked for the trace takes from all of them. Without
 * a ring nothing is written, and nothing looked at but that there is none.
 */
import { RecordRing } from "@jailyard/memory/records";

// Kinds of records.
export const T_WAIT = 1;
export const T_PROC = 2; // a process came to be, or has another program or jail
export const T_EXIT = 3;

// How a wait ended, beside errnos.
export const V_OK = 0;
export const V_NEXT = -1; // what it waited for came; another lock is in the way
export const V_KILLED = -2;

// Numbers of 64 bits: nanoseconds since the yard began.
export const R_BEGAN = 0;
export const R_OVER = 1;
export const R_WOKEN = 2; // 0: nobody woke it
// Words. Of a process the name is in the last ones.
export const R_TYPE = 6;
export const R_PID = 7; // who waited; 0: the kernel's thread, or one that is no process yet
export const R_JID = 8;
export const R_KIND = 9; // of the lock, as points have it
export const R_ID = 10;
export const R_NUM = 11; // of the semaphore, or which mutex
export const R_HOLDER = 12; // pid; 0: not known
export const R_BLAMED = 13; // jid that held it last; NOBODY
export const R_WAKER = 14; // pid; 0: not known
export const R_MORE = 15; // call and verdict, see packed
const NAME_WORDS = 6;
const NAME_BYTES = NAME_WORDS * 4;

export const packed = (sysno: number, verdict: number): number =>
  (sysno << 16) | (verdict & 0xffff);
export const sysnoOf = (more: number): number => more >>> 16;
export const verdictOf = (more: number): number => (more << 16) >> 16;

/** What a wait was, as whoever ends it tells it. */
export interface Waited {
  readonly began: number;
  readonly over: number;
  readonly woken: number;
  readonly pid: number;
  readonly jid: number;
  readonly kind: number;
  readonly id: number;
  readonly num: number;
  readonly holder: number;
  readonly blamed: number;
  readonly waker: number;
  readonly sysno: number;
  readonly verdict: number;
}

/** A thread's hand on its ring. */
export class Trace {
  readonly #ring: RecordRing;

  constructor(buffer: SharedArrayBuffer) {
    this.#ring = new RecordRing(buffer);
  }

  waited(wait: Waited): void {
    const { words, numbers } = this.#ring;
    const at = this.#ring.claim();
    if (at === -1) return;
    numbers[(at >> 1) + R_BEGAN] = wait.began;
    numbers[(at >> 1) + R_OVER] = wait.over;
    numbers[(at >> 1) + R_WOKEN] = wait.woken;
    words[at + R_TYPE] = T_WAIT;
    words[at + R_PID] = wait.pid;
    words[at + R_JID] = wait.jid;
    words[at + R_KIND] = wait.kind;
    words[at + R_ID] = wait.id;
    words[at + R_NUM] = wait.num;
    words[at + R_HOLDER] = wait.holder;
    words[at + R_BLAMED] = wait.blamed;
    words[at + R_WAKER] = wait.waker;
    words[at + R_MORE] = packed(wait.sysno, wait.verdict);
    this.#ring.commit();
  }

  /** T_PROC or T_EXIT, at `nanos`. */
  process(type: number, nanos: number, pid: number, jid: number, comm: string): void {
    const { words, numbers } = this.#ring;
    const at = this.#ring.claim();
    if (at === -1) return;
    numbers[(at >> 1) + R_BEGAN] = nanos;
    words[at + R_TYPE] = type;
    words[at + R_PID] = pid;
    words[at + R_JID] = jid;
    words.fill(0, at + R_JID + 1, at + R_JID + 1 + NAME_WORDS);
    const bytes = new TextEncoder().encode(comm).subarray(0, NAME_BYTES);
    new Uint8Array(words.buffer, (at + R_JID + 1) * 4, NAME_BYTES).set(bytes);
    this.#ring.commit();
  }
}

export const traceOf = ({ trace }: { readonly trace?: SharedArrayBuffer }): Trace | null =>
  trace === undefined ? null : new Trace(trace);

/** The name in a record of a process. */
export function nameIn(record: Int32Array): string {
  const words = record.slice(R_JID + 1, R_JID + 1 + NAME_WORDS);
  const text = new TextDecoder().decode(new Uint8Array(words.buffer));
  return text.replace(/\0.*$/s, "");
}
