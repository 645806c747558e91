/**
 * The gate: shared memory through which threads call the kernel.
 *
 * One bell for all, one page of slots for each thread. Nobody but its thread and the kernel holds a
 * page; the bell holds only who has work.
 *
 *   bell   asleep │ crowded │ mail │ summary (4 words) │ ready (128 words: a bit for each thread)
 *   page   head │ calls (ring) │ answers (ring) │ slots │ data areas │ undo vectors
 *
 *  1. A thread puts its slot's number into `calls`, then sets its ready bit, then the summary bit
 *     over it. The kernel clears in the opposite order, so a bit set late is seen in the next round.
 *  2. The kernel stores `asleep` before its last look at the summary; a thread looks at `asleep`
 *     after it has set its bits. One of them sees the other.
 *  3. A slot holds one call at a time: IDLE, CALLED, RETURNED. Its words are published by the entry
 *     in a ring that follows, and for who blocks by storing STATE. Both rings have room for every
 *     entry that can be in flight, so they never fill.
 */
import { FRAME_WORDS, type Frame } from "@jailyard/abi/wire";
import { Carver } from "@jailyard/memory/page";
import { Ring } from "@jailyard/memory/ring";

export const MAX_THREADS = 4096;
const SUMMARY_WORDS = MAX_THREADS / 32 / 32;
export const BELL_ASLEEP = 0;
export const BELL_CROWDED = 1; // 1 while more threads call than there are cores for
/** 1 while the kernel works for some call. In a cache line that is not the above's: it changes often. */
export const BELL_BUSY = 16;
export const BELL_MAIL = 32;
export const BELL_SUMMARY = 64;
export const BELL_READY = 96;
export const BELL_BYTES = (BELL_READY + MAX_THREADS / 32) * 4;
export { SUMMARY_WORDS };

// Words of a slot; what each call touches is in one cache line.
export const STATE = 0;
export const SYSNO = 1;
export const MORE = 1; // of an answer: 1 if part of it was posted
export const ERRNO = 2;
export const REASON = 3;
export const SIGS = 4; // caught signals that wait to be handled
export const KILLED = 5; // not 0: the process has ended
export const WAITER = 6; // 1 while the caller sleeps on STATE
/** When the call came, low bits of the nanoseconds, if the kernel was at work for another; else 0. */
export const CAME = 7;
const SLOT_FRAME_BYTE = 32; // arguments and results, 8 floats
// What a process needs to know of itself to make calls on pages; written by the kernel.
export const GRANT = 24; // changes with what follows; 0: it may make no such call
export const DYING = -1; // nor go on with one that sleeps
export const TID = 25;
export const UID = 26;
export const GID = 27;
export const SUSER = 28; // 1: uid 0 has privilege in its jail
export const NGROUPS = 29;
export const PID = 30;
export const GROUPS = 32;
export const GROUPS_MAX = 32;
const SLOT_BYTES = 256; // no two slots share a cache line
const SLOT_WORDS = SLOT_BYTES / 4;

export const IDLE = 0;
export const CALLED = 1;
export const RETURNED = 2;

// Words of the page's head.
export const POSTED = 0; // messages that the kernel has posted to the thread
export const DROPS = 1; // how often pages that the thread maps were taken from it
export const DROPPED = 2; // as far as it has followed; written by the thread
export const MAPS = 3; // changes when all that it maps is taken from it
export const DIRECT_CALLS = 4; // counted by the thread
export const DIRECT_SLEEPS = 5;
export const BROKEN = 7; // 1: an exception ended a call in the middle; it makes none until mended
export const CALLER = 6; // tid of the process whose call on a page was the last to begin
const HEAD_WORDS = 32;

/** Entries of the answer ring that are not a call's end: the process has something to look at. */
export const NUDGE = 1 << 20;

export interface GateShape {
  /** Processes that the thread can have at a time; a power of two. */
  readonly slots: number;
  /** Data area of a slot, in bytes, a multiple of 4096. */
  readonly dataBytes: number;
  /** Undo vector of a slot, in bytes, a multiple of 128; 0: the gate carries no calls on pages. */
  readonly undoBytes: number;
}

const calls = (shape: GateShape): number => Ring.words(shape.slots);
const answers = (shape: GateShape): number => Ring.words(4 * shape.slots);

export function gateBytes(shape: GateShape): number {
  const rings = (HEAD_WORDS + calls(shape) + answers(shape)) * 4 + 4096;
  return rings + 128 + shape.slots * (SLOT_BYTES + shape.dataBytes + shape.undoBytes);
}

/** One thread's page, as both sides carve it. */
export class GatePage {
  readonly shape: GateShape;
  readonly head: Int32Array;
  readonly calls: Ring;
  readonly answers: Ring;
  /** Words of all slots; a slot's begin at `row(slot)`. */
  readonly words: Int32Array;
  readonly buffer: SharedArrayBuffer;
  readonly #dataAt: number;

  constructor(buffer: SharedArrayBuffer, shape: GateShape) {
    const carver = new Carver(buffer);
    this.shape = shape;
    this.buffer = buffer;
    this.head = carver.words(HEAD_WORDS);
    this.calls = new Ring(carver.words(calls(shape)), shape.slots);
    this.answers = new Ring(carver.words(answers(shape)), 4 * shape.slots);
    this.words = carver.words(shape.slots * SLOT_WORDS);
    this.#dataAt = this.words.byteOffset + this.words.byteLength;
  }

  row(slot: number): number {
    return slot * SLOT_WORDS;
  }

  /** Where the undo vector of the slot begins. */
  undoAt(slot: number): number {
    const { slots, dataBytes, undoBytes } = this.shape;
    const at = this.#dataAt + slots * dataBytes;
    return Math.ceil(at / 128) * 128 + slot * undoBytes;
  }

  frame(slot: number): Frame {
    const at = this.words.byteOffset + slot * SLOT_BYTES + SLOT_FRAME_BYTE;
    const bytes = this.shape.dataBytes;
    const data = this.#dataAt + slot * bytes;
    const { buffer } = this;
    return {
      a: new Float64Array(buffer, at, FRAME_WORDS),
      u8: new Uint8Array(buffer, data, bytes),
      i16: new Int16Array(buffer, data, bytes / 2),
      u16: new Uint16Array(buffer, data, bytes / 2),
      f64: new Float64Array(buffer, data, bytes / 8),
    };
  }
}

/** Ring the kernel for mail or to stop: it looks at BELL_MAIL. */
export function ringKernel(bell: Int32Array): void {
  Atomics.store(bell, BELL_MAIL, 1);
  wakeKernel(bell);
}

export function wakeKernel(bell: Int32Array): void {
  if (Atomics.load(bell, BELL_ASLEEP) === 0) return;
  Atomics.store(bell, BELL_ASLEEP, 0);
  Atomics.notify(bell, BELL_ASLEEP, 1);
}
