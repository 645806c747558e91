/**
 * A thread's side of the gate: make calls, blocking or awaited, for the processes of the thread.
 *
 * A blocking call spins, then sleeps on its slot's STATE. Awaited calls of all coroutines share one
 * pump, which takes answers from the ring and looks after processes that sleep on pages: it spins
 * while there is something, then sleeps on the doorbell. If the event loop has nothing else to do
 * the thread sleeps in Atomics.wait, which wakes in microseconds; else in Atomics.waitAsync, which
 * lets timers and I/O run.
 */

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { EDEAD, type Errno } from "@jailyard/abi/errno";
import type { Frame } from "@jailyard/abi/wire";
import { Spin, spinWhile } from "@jailyard/memory/futex";
import { pause } from "@jailyard/memory/mutex";
import { ASLEEP, DEEP, homeOf, type Sleepers } from "@jailyard/memory/sleepers";
import type { DirectThread } from "./direct.ts";
import {
  BELL_BUSY,
  BELL_CROWDED,
  BELL_READY,
  BELL_SUMMARY,
  CALLED,
  CAME,
  ERRNO,
  GatePage,
  type GateShape,
  GRANT,
  IDLE,
  KILLED,
  MORE,
  NUDGE,
  POSTED,
  RETURNED,
  SIGS,
  STATE,
  SYSNO,
  WAITER,
  wakeKernel,
} from "./gate.ts";

/** What a thread needs to reach the kernel. */
export interface GateBoot {
  readonly bell: SharedArrayBuffer;
  readonly page: SharedArrayBuffer;
  readonly shape: GateShape;
  /** Index of the thread at the gate. */
  readonly thread: number;
  /** Where the large parts of answers come. */
  readonly port: MessagePort;
}

/** Takes what processes of the thread say that they wait for, and for whom: a pid, or 0. */
export interface EventSink {
  begin(pid: number, event: string, owner: number): void;
  end(pid: number): void;
}

export class UserGate {
  readonly page: GatePage;
  /** Calls without the kernel's thread; null in placement `central`. */
  direct: DirectThread | null = null;
  /** Where processes say what they wait for; null: there are no statistics. */
  events: EventSink | null = null;
  readonly #bell: Int32Array;
  readonly #nanos: (() => number) | null;
  readonly #port: MessagePort;
  readonly #word: number;
  readonly #bit: number;
  readonly #bulk = new Map<number, unknown>();
  readonly #freeSlots: number[];
  readonly #resolvers: (((error: Errno) => void) | undefined)[] = [];
  /** Called for a slot that was nudged while it made no call. */
  readonly #nudged: (((what: number) => void) | undefined)[] = [];
  #waiting = 0;
  #pumping = false;
  #listens = false;
  readonly #spin = new Spin();
  readonly #sleepers: Sleepers;
  readonly #home: number;
  #received = 0;
  /** Processes of this thread that sleep on pages, by tid, in the order of falling asleep. */
  #calls = TURN_CALLS;
  readonly #asleep = new Map<number, () => void>();
  /** Called for what the kernel posts beside answers. */
  onPost: (message: unknown) => void = () => {};
  /** Local timers: deadline in performance.now() milliseconds. */
  readonly #timers = new Map<() => void, number>();

  /** `nanos` is the clock of the statistics; null if there are none. */
  constructor(boot: GateBoot, sleepers: Sleepers, nanos: (() => number) | null = null) {
    this.#nanos = nanos;
    this.#sleepers = sleepers;
    this.#home = homeOf(boot.thread);
    this.page = new GatePage(boot.page, boot.shape);
    this.#bell = new Int32Array(boot.bell);
    this.#port = boot.port;
    this.#word = boot.thread >> 5;
    this.#bit = 1 << (boot.thread & 31);
    this.#freeSlots = Array.from({ length: boot.shape.slots }, (_, i) => boot.shape.slots - 1 - i);
  }

  /** A slot for a new process; -1 if the thread has as many as it can. */
  takeSlot(): number {
    const slot = this.#freeSlots.pop() ?? -1;
    if (slot === -1) return -1;
    const row = this.page.row(slot);
    this.page.words.fill(0, row, row + CAME + 1);
    this.page.words[row + GRANT] = 0;
    return slot;
  }

  giveSlot(slot: number): void {
    this.#nudged[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  get slotsInUse(): number {
    return this.page.shape.slots - this.#freeSlots.length;
  }

  frame(slot: number): Frame {
    return this.page.frame(slot);
  }

  onNudge(slot: number, handler: (what: number) => void): void {
    this.#nudged[slot] = handler;
  }

  /** Caught signals that have not been handled, as a mask; they are taken. */
  takeSignals(slot: number): number {
    const at = this.page.row(slot) + SIGS;
    return this.page.words[at] === 0 ? 0 : Atomics.exchange(this.page.words, at, 0);
  }

  /** Is there a reason to leave a sleep: a caught signal, or the end of the process? */
  interrupted(slot: number): boolean {
    const row = this.page.row(slot);
    return this.page.words[row + SIGS] !== 0 || this.page.words[row + KILLED] !== 0;
  }

  /** The signal or reason that ended the process; 0 while it lives. */
  killed(slot: number): number {
    return this.page.words[this.page.row(slot) + KILLED];
  }

  #post(slot: number, sysno: number): boolean {
    const { words } = this.page;
    const row = this.page.row(slot);
    if (words[row + KILLED] !== 0) return false;
    this.#spin.crowded = this.#bell[BELL_CROWDED] === 1;
    words[row + SYSNO] = sysno;
    words[row + CAME] = this.#nanos !== null && this.#bell[BELL_BUSY] !== 0 ? this.#nanos() | 1 : 0;
    words[row + STATE] = CALLED; // the ring publishes it
    this.page.calls.put(slot);
    Atomics.or(this.#bell, BELL_READY + this.#word, this.#bit);
    Atomics.or(this.#bell, BELL_SUMMARY + (this.#word >> 5), 1 << (this.#word & 31));
    wakeKernel(this.#bell);
    return true;
  }

  /** Make the call that the slot's frame holds, and block until it is over. */
  call(slot: number, sysno: number): Errno {
    if (!this.#post(slot, sysno)) return EDEAD;
    const { words } = this.page;
    const at = this.page.row(slot) + STATE;
    if (spinWhile(words, at, CALLED, this.#spin.spins)) this.#spin.paid();
    else this.#block(slot, at);
    words[at] = IDLE;
    return words[this.page.row(slot) + ERRNO] as Errno;
  }

  #block(slot: number, at: number): void {
    const { words } = this.page;
    const waiter = this.page.row(slot) + WAITER;
    Atomics.store(words, waiter, 1);
    while (Atomics.load(words, at) !== RETURNED) Atomics.wait(words, at, CALLED);
    Atomics.store(words, waiter, 0);
    this.#spin.slept();
  }

  /** The same for a coroutine; `over` is called once, from the thread's pump. */
  callThen(slot: number, sysno: number, over: (error: Errno) => void): void {
    if (!this.#post(slot, sysno)) return over(EDEAD);
    this.#waiting++;
    this.#resolvers[slot] = over;
    this.#startPump();
  }

  /** A promise of it, which is never rejected. */
  callAsync(slot: number, sysno: number): Promise<Errno> {
    return new Promise((resolve) => this.callThen(slot, sysno, resolve));
  }

  /** Take what the kernel posted before its last answer. */
  receive(): void {
    const posted = this.page.head[POSTED];
    for (; this.#received !== posted; this.#received = (this.#received + 1) | 0) {
      const received = receiveMessageOnPort(this.#port) as { message: BulkMessage } | undefined;
      if (received === undefined) throw new Error("a posted message is missing");
      const { message } = received;
      if (message.slot === undefined) this.onPost(message);
      else this.#bulk.set(message.slot, message.bulk);
    }
  }

  /** The posted part of the answer to the slot's last call; undefined if there is none. */
  bulk(slot: number): unknown {
    if (this.page.words[this.page.row(slot) + MORE] === 0) return undefined;
    this.receive();
    const bulk = this.#bulk.get(slot);
    this.#bulk.delete(slot);
    return bulk;
  }

  /**
   * Sleep for `ms` in a coroutine. @returns what ends the sleep early
   */
  startTimer(ms: number, done: () => void): () => void {
    this.#timers.set(done, ms === Number.POSITIVE_INFINITY ? ms : performance.now() + ms);
    this.#waiting++;
    if (this.#pumping)
      this.#sleepers.ring(this.#home); // it may sleep until a later timer
    else this.#startPump();
    return () => this.#fire(done);
  }

  /** Forget a timer that has not run out. */
  cancelTimer(done: () => void): void {
    if (this.#timers.delete(done)) this.#waiting--;
  }

  #fire(done: () => void): void {
    if (!this.#timers.delete(done)) return;
    this.#waiting--;
    done();
  }

  /** Block the thread for `ms`, or until it is rung. For a process that owns its thread. */
  block(ms: number, stop: () => boolean): void {
    const until = performance.now() + ms;
    for (;;) {
      const seen = this.#sleepers.listen(this.#home);
      const left = until - performance.now();
      if (stop() || left <= 0) break;
      this.#sleepers.wait(this.#home, seen, left);
    }
    this.#sleepers.unlisten(this.#home);
  }

  /** The home of a coroutine that sleeps on a page. */
  get home(): number {
    return this.#home;
  }

  /** A coroutine sleeps on a page in row `tid`; `look` is called once it was woken, once. */
  sleepOn(tid: number, look: () => void): void {
    this.#asleep.set(tid, look);
    this.#waiting++;
    if (this.#sleepers.state[tid] !== ASLEEP) this.#sleepers.lookAgain(this.#home);
    this.#startPump();
  }

  /**
   * Block until row `tid` is woken: a process that owns its thread sleeps on a page.
   * @returns false if `ms` have run out first
   */
  blockOn(tid: number, ms: number): boolean {
    const { state } = this.#sleepers;
    if (spinWhile(state, tid, ASLEEP, this.#spin.spins)) {
      this.#spin.paid();
      return true;
    }
    const before = Atomics.compareExchange(state, tid, ASLEEP, DEEP);
    if (before !== ASLEEP && before !== DEEP) return true;
    const woken = Atomics.wait(state, tid, DEEP, ms);
    this.#spin.slept();
    return woken !== "timed-out";
  }

  /**
   * For a coroutine that has made a call without a sleep: null, or what to wait for, so that the
   * thread reads its mail and its other coroutines run. One call in TURN_CALLS waits; this one is as
   * good as `calls` of them.
   */
  turn(calls = 1): Promise<void> | null {
    this.#calls -= calls;
    if (this.#calls > 0) return null;
    this.#calls = TURN_CALLS;
    return new Promise((resolve) => setImmediate(resolve));
  }

  #startPump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(this.#pump);
  }

  readonly #pump = (): void => {
    let busy = this.#takeAnswers();
    if (!busy && this.#waiting > 0) busy = this.#spinForAnswers();
    if (this.#waiting === 0) this.#pumping = false;
    else if (busy) setImmediate(this.#pump);
    else this.#idle();
  };

  #takeAnswers(): boolean {
    const { answers } = this.page;
    let any = this.#runTimers();
    if (this.#asleep.size > 0 && this.#lookAfterSleepers()) any = true;
    for (let entry = answers.take(); entry !== -1; entry = answers.take()) {
      any = true;
      if ((entry & NUDGE) === 0) this.#resolve(entry);
      else this.#nudged[entry & ~NUDGE]?.(entry);
    }
    return any;
  }

  #lookAfterSleepers(): boolean {
    if (!this.#sleepers.takeLook(this.#home)) return false;
    const { state } = this.#sleepers;
    let left = this.#asleep.size; // who falls asleep again stands behind these
    for (const [tid, look] of this.#asleep) {
      if (left-- === 0) break;
      if (state[tid] === ASLEEP) continue;
      this.#asleep.delete(tid);
      this.#waiting--;
      look();
    }
    return true;
  }

  #resolve(slot: number): void {
    const { words } = this.page;
    const row = this.page.row(slot);
    const resolve = this.#resolvers[slot];
    if (resolve === undefined) return; // the stack overflowed in the middle of that call
    words[row + STATE] = IDLE;
    this.#waiting--;
    this.#resolvers[slot] = undefined;
    resolve(words[row + ERRNO] as Errno);
  }

  #runTimers(): boolean {
    if (this.#timers.size === 0) return false;
    const now = performance.now();
    let any = false;
    for (const [done, deadline] of this.#timers) {
      if (deadline > now) continue;
      this.#fire(done);
      any = true;
    }
    return any;
  }

  #spinForAnswers(): boolean {
    const { answers } = this.page;
    for (let i = 0; i < this.#spin.spins; i++) {
      if (!answers.empty || this.#sleepers.hasLook(this.#home)) {
        this.#spin.paid();
        return this.#takeAnswers();
      }
      pause();
    }
    return false;
  }

  /**
   * Nothing to do: sleep until rung, or until the next timer. Deaf at first, for that wakes fastest,
   * but not for long: mail and some pending work of the program show nowhere.
   */
  #idle(): void {
    const { answers } = this.page;
    const sleepers = this.#sleepers;
    const home = this.#home;
    const seen = sleepers.listen(home);
    const pending = loopWork();
    if (!answers.empty || sleepers.hasLook(home) || pending === "turn") return this.#rung();
    const ms = this.#untilTimer();
    const deaf = this.#listens || pending === "events" ? 0 : Math.min(ms, DEAF_MS);
    if (deaf > 0 && sleepers.wait(home, seen, deaf)) return this.#awake();
    const rung = sleepers.waitAsync(home, seen, ms - deaf);
    if (rung === null) this.#awake();
    else void rung.then(() => this.#awake());
  }

  /** A ring that brings no answer is for mail, which takes turns of the event loop to come. */
  #awake(): void {
    this.#listens = this.page.answers.empty && !this.#sleepers.hasLook(this.#home);
    this.#spin.slept();
    this.#rung();
  }

  /** Answers are taken at once: a turn of the event loop is long. */
  #rung(): void {
    this.#sleepers.unlisten(this.#home);
    this.#takeAnswers();
    setImmediate(this.#pump);
  }

  #untilTimer(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const deadline of this.#timers.values()) first = Math.min(first, deadline);
    return Math.max(0, first - performance.now());
  }
}

interface BulkMessage {
  readonly slot: number | undefined;
  readonly bulk: unknown;
}

/** Calls on pages after which a thread of coroutines takes a turn of its event loop: 0.1 ms. */
const TURN_CALLS = 1000;

/** How long a thread may sleep without a turn of its event loop, in milliseconds. */
const DEAF_MS = 2;

/** What the event loop has to do: callbacks in its next turn, events that may come, or nothing. */
function loopWork(): "turn" | "events" | "none" {
  let work: "events" | "none" = "none";
  for (const resource of process.getActiveResourcesInfo()) {
    if (resource === "Immediate") return "turn"; // not the pump's own, which runs now
    if (resource !== "MessagePort") work = "events"; // ports are always there: who posts also rings
  }
  return work;
}
