/** The calls in which victims die, the objects that they are about, and how a victim dies at a point. */
import { IPC_NOWAIT, IPC_STAT, type Process, SEM_UNDO } from "jailyard";
import { type Board, RELEASED, RESULTS } from "../../support/board.ts";
import {
  type AtPoint,
  type Locks,
  PLACES,
  type Place,
  type watch,
} from "../../support/instrument.ts";

declare global {
  /** Of points.worker.ts. */
  var watchPoints: typeof watch;
}

type P = Process<"blocking"> | Process<"awaited">;
const GETVAL = 5;
export const SEMS = 3;
export const [TAKEN, GIVEN, EMPTY] = [0, 1, 2];
/** Queues: one where somebody receives, two that are full, one that is empty. */
export const QUEUE_KEYS = [8, 9, 10, 11] as const;
export const [RECEIVED, REFILLED, FULL, LACKING] = [0, 1, 2, 3];
export const TEXT = "message";
const SIZE = 64;

export interface Objects {
  readonly set: number;
  readonly queues: readonly number[];
}

export const CALLS = {
  take: (p: P, { set }: Objects) => p.semop(set, [[TAKEN, -1, SEM_UNDO]]),
  give: (p: P, { set }: Objects) => p.semop(set, [[GIVEN, 1]]),
  vector: (p: P, { set }: Objects) =>
    p.semop(set, [
      [TAKEN, -1, SEM_UNDO],
      [GIVEN, 1, SEM_UNDO],
      [EMPTY, 0],
    ]),
  fails: (p: P, { set }: Objects) =>
    p.semop(set, [
      [TAKEN, -1, SEM_UNDO],
      [EMPTY, -1, IPC_NOWAIT],
    ]),
  sleep: (p: P, { set }: Objects) => p.semop(set, [[EMPTY, -1]]),
  sleepUndo: (p: P, { set }: Objects) =>
    p.semop(set, [
      [TAKEN, -1, SEM_UNDO],
      [EMPTY, -1, SEM_UNDO],
    ]),
  getval: (p: P, { set }: Objects) => p.semctl(set, TAKEN, GETVAL),
  semstat: (p: P, { set }: Objects) => p.semctl(set, 0, IPC_STAT),
  send: (p: P, { queues }: Objects) => p.msgsnd(queues[RECEIVED], { mtype: 1, mtext: TEXT }),
  receive: (p: P, { queues }: Objects) => p.msgrcv(queues[REFILLED], SIZE),
  sendFull: (p: P, { queues }: Objects) => p.msgsnd(queues[FULL], { mtype: 1, mtext: TEXT }),
  receiveNone: (p: P, { queues }: Objects) => p.msgrcv(queues[LACKING], SIZE),
  msgstat: (p: P, { queues }: Objects) => p.msgctl(queues[RECEIVED], IPC_STAT),
} as const;
export type CallName = keyof typeof CALLS;
/** Calls that sleep, and what ends that: see pointmates.ts. */
export const SLEEPS: readonly CallName[] = ["sleep", "sleepUndo", "sendFull", "receiveNone"];

/** What a victim does at its point. exception: throw; exit, memory: its thread dies; stay: wait. */
export const WAYS = ["exception", "exit", "memory", "stay"] as const;
export type Way = (typeof WAYS)[number];

export interface Victim {
  readonly board: SharedArrayBuffer;
  readonly objects: Objects;
  readonly call: CallName;
  readonly way: Way;
  /** The how-manieth point, from 1; 0: none, but tell of all. */
  readonly at: number;
  /** Points of this place alone are counted. */
  readonly place?: Place;
}

// What a victim answers to its test.
export const READY = 1;
export const ARRIVED = 2;
export const SURVIVED = 3;
/** Where it arrived: 1 more than the index among PLACES. */
export const PLACE = RESULTS;

/** Look at each object once, by its id: that maps it. */
export function* mapped(p: P, { set, queues }: Objects): Generator<unknown, void, never> {
  yield p.semctl(set, 0, GETVAL);
  for (const queue of queues) yield p.msgctl(queue, IPC_STAT);
}

/** Run steps of a process that blocks, or awaits. */
export function blocked<T>(steps: Generator<unknown, T, never>): T {
  let { value, done } = steps.next();
  while (done !== true) ({ value, done } = steps.next(value as never));
  return value as T;
}

export async function awaited<T>(steps: Generator<unknown, T, never>): Promise<T> {
  let { value, done } = steps.next();
  while (done !== true) ({ value, done } = steps.next((await value) as never));
  return value as T;
}

/** Come to points of the call, and die at one. Places that were come to are put into `places`. */
export function dieAt(
  board: Board,
  { way, at, place: wanted }: Omit<Victim, "board">,
  places: string[],
): void {
  let left = at;
  let goesOn = false;
  const atPoint: AtPoint = (place, locks) => {
    places.push(place);
    if (goesOn && !locks.any) stay(board, locks); // the lock is free again
    if ((wanted !== undefined && place !== wanted) || --left !== 0) return;
    board.store(PLACE, 1 + PLACES.indexOf(place));
    if (way !== "stay") globalThis.watchPoints(null);
    board.answer(ARRIVED);
    if (way === "exception") throw new RangeError("Maximum call stack size exceeded");
    if (way === "exit") process.exit(3);
    if (way === "memory") hoard();
    goesOn = locks.any;
    if (place !== "asleep") stay(board, locks);
  };
  globalThis.watchPoints(atPoint);
}

function hoard(): never {
  for (const hoarded: unknown[] = []; ; ) hoarded.push(new Array(1e5).fill(0.5));
}

/** Until it may go on, or somebody waits for a lock that it holds; or it is ended. */
function stay(board: Board, locks: Locks): void {
  while (board.load(RELEASED) === 0 && !locks.wanted) {
    Atomics.wait(board.words, RELEASED, 0, 1);
  }
}
