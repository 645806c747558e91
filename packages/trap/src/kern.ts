/**
 * The kernel's side of the gate: find calls, answer them, sleep. What a call means is the
 * dispatcher's; how the kernel's worker reads its mail is the host's.
 */
import type { Errno } from "@jailyard/abi/errno";
import type { Reason } from "@jailyard/abi/reason";
import { Spin, spinWhile } from "@jailyard/memory/futex";
import type { Sleepers } from "@jailyard/memory/sleepers";
import {
  BELL_ASLEEP,
  BELL_BUSY,
  BELL_CROWDED,
  BELL_MAIL,
  BELL_READY,
  BELL_SUMMARY,
  CAME,
  ERRNO,
  type GatePage,
  KILLED,
  MORE,
  NUDGE,
  POSTED,
  REASON,
  RETURNED,
  SIGS,
  STATE,
  SUMMARY_WORDS,
  SYSNO,
  WAITER,
} from "./gate.ts";

/** Where the large part of an answer is posted. */
export interface Post {
  postMessage(message: unknown): void;
}

/** One thread as the kernel knows it. */
export interface KernThread {
  readonly ix: number;
  readonly page: GatePage;
  readonly port: Post;
  /** True if its processes are coroutines that await; false if it blocks in its one call. */
  readonly awaits: boolean;
  readonly sleepers: Sleepers;
  readonly home: number;
  /** Its calls are being taken up: it is rung once, when those that there were have been. */
  draining: boolean;
  /** It is to be rung then. */
  owed: boolean;
}

/** Who is told of calls. `begin`: the kernel takes one up; for `came` see CAME. */
export interface GateWatch {
  begin(thread: KernThread, slot: number, sysno: number, came: number): void;
  /** The calls that there were have been made. */
  served(): void;
  /** And there are no others. */
  idle(): void;
}

export type Dispatch = (thread: KernThread, slot: number, sysno: number) => void;

const SPIN_STEP = 20;
/** Rounds with calls after which the kernel looks how many threads made them. */
const WINDOW = 32;

export class KernelGate {
  readonly bell: Int32Array;
  readonly threads: (KernThread | undefined)[] = [];
  readonly #spin = new Spin();
  /** Calls taken since boot, and rounds that ended in sleep. */
  calls = 0;
  sleeps = 0;

  /** Threads that called in this window of rounds. */
  readonly #callers = new Set<number>();
  #round = 0;
  readonly #cores: number;

  /** Null: nobody is told of calls. */
  watch: GateWatch | null = null;

  /** Is there work that does not show at the bell? */
  more: () => boolean = () => false;

  /** `cores` that its threads and the kernel's can run on. */
  constructor(bell: SharedArrayBuffer, cores: number) {
    this.bell = new Int32Array(bell);
    this.#cores = cores;
  }

  /** Take every call that is there. @returns how many */
  drain(dispatch: Dispatch): number {
    const { bell } = this;
    let taken = 0;
    for (let s = 0; s < SUMMARY_WORDS; s++) {
      if (Atomics.load(bell, BELL_SUMMARY + s) === 0) continue;
      let summary = Atomics.exchange(bell, BELL_SUMMARY + s, 0);
      for (; summary !== 0; summary &= summary - 1) {
        taken += this.#drainWord(s * 32 + lowestBit(summary), dispatch);
      }
    }
    this.calls += taken;
    if (taken > 0) this.#served();
    return taken;
  }

  #served(): void {
    this.bell[BELL_BUSY] = 0;
    this.watch?.served();
  }

  #drainWord(word: number, dispatch: Dispatch): number {
    let taken = 0;
    let ready = Atomics.exchange(this.bell, BELL_READY + word, 0);
    for (; ready !== 0; ready &= ready - 1) {
      const thread = this.threads[word * 32 + lowestBit(ready)];
      if (thread === undefined) continue;
      taken += this.#drainThread(thread, dispatch);
      this.#callers.add(thread.ix);
    }
    if (++this.#round === WINDOW) this.#count();
    return taken;
  }

  /** The calls that are there now: one that comes sets the bit again, and others have their turn. */
  #drainThread(thread: KernThread, dispatch: Dispatch): number {
    const { calls, words, shape } = thread.page;
    let taken = 0;
    thread.draining = true;
    for (let left = Math.min(calls.held, shape.slots); left > 0; left--) {
      const slot = calls.take();
      if (slot < 0 || slot >= shape.slots) continue; // a thread that scribbles hurts only itself
      const row = thread.page.row(slot);
      if (this.bell[BELL_BUSY] === 0) this.bell[BELL_BUSY] = 1;
      const sysno = words[row + SYSNO];
      this.watch?.begin(thread, slot, sysno, words[row + CAME]);
      dispatch(thread, slot, sysno);
      taken++;
    }
    thread.draining = false;
    if (thread.owed) ringFor(thread);
    return taken;
  }

  /** Are there cores for all who call, and the kernel? Who waits spins accordingly. */
  #count(): void {
    const crowded = this.#callers.size >= this.#cores;
    this.#spin.crowded = crowded;
    if (this.bell[BELL_CROWDED] !== Number(crowded)) this.bell[BELL_CROWDED] = Number(crowded);
    this.#callers.clear();
    this.#round = 0;
  }

  /** True once for each ring of ringKernel. */
  takeMail(): boolean {
    return (
      Atomics.load(this.bell, BELL_MAIL) === 1 && Atomics.exchange(this.bell, BELL_MAIL, 0) === 1
    );
  }

  /** Wait until there is a call or mail, or for `ms`. Spins first, as long as that pays. */
  sleep(ms: number): void {
    const { bell } = this;
    this.watch?.idle();
    for (let i = 0; i < this.#spin.spins; i += SPIN_STEP) {
      if (this.#hasWork()) return this.#spin.paid();
      spinWhile(bell, BELL_SUMMARY, 0, SPIN_STEP);
    }
    this.sleeps++;
    Atomics.store(bell, BELL_ASLEEP, 1);
    if (!this.#hasWork()) Atomics.wait(bell, BELL_ASLEEP, 1, ms);
    Atomics.store(bell, BELL_ASLEEP, 0);
    this.#spin.slept();
  }

  #hasWork(): boolean {
    if (Atomics.load(this.bell, BELL_MAIL) !== 0) return true;
    for (let s = 0; s < SUMMARY_WORDS; s++) {
      if (Atomics.load(this.bell, BELL_SUMMARY + s) !== 0) return true;
    }
    return this.more();
  }
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);

/** Answer the call of a slot. `bulk` is posted first, so that it is there when the answer is. */
export function answer(
  thread: KernThread,
  slot: number,
  error: Errno,
  reason: Reason,
  bulk: unknown,
): void {
  const { page } = thread;
  const { words } = page;
  const row = page.row(slot);
  words[row + ERRNO] = error;
  words[row + REASON] = reason;
  words[row + MORE] = bulk === undefined ? 0 : 1;
  if (bulk !== undefined) post(thread, { slot, bulk });
  if (!thread.awaits) {
    Atomics.store(words, row + STATE, RETURNED);
    if (Atomics.load(words, row + WAITER) === 1) Atomics.notify(words, row + STATE, 1);
    return;
  }
  words[row + STATE] = RETURNED; // the ring publishes it
  page.answers.put(slot);
  if (thread.draining) thread.owed = true;
  else ringFor(thread);
}

function ringFor(thread: KernThread): void {
  thread.owed = false;
  thread.sleepers.ring(thread.home);
}

/** Post to the thread what it will find before the next answer. */
export function post({ page, port }: KernThread, message: unknown): void {
  port.postMessage(message);
  page.head[POSTED]++;
}

/** A caught signal, or the end of the process, while it makes no call. */
export function nudge(
  thread: KernThread,
  slot: number,
  what: { sigs?: number; killed?: number },
): void {
  const { page } = thread;
  const row = page.row(slot);
  const before = Atomics.or(page.words, row + SIGS, what.sigs ?? 0);
  if (what.killed !== undefined) Atomics.store(page.words, row + KILLED, what.killed);
  else if (before !== 0) return; // it has not looked yet
  if (thread.awaits) page.answers.put(slot | NUDGE);
  thread.sleepers.ring(thread.home);
}

/** Caught signals that the process has not seen yet, as a mask. */
export const unseenSignals = ({ page }: KernThread, slot: number): number =>
  Atomics.load(page.words, page.row(slot) + SIGS);
