/** Looks, for a test that commands it, at the objects in whose calls victims die, and resets them. */
import {
  blocking,
  IPC_CREAT,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  type Process,
  SysError,
} from "jailyard";
import { Board, RESULTS } from "../../support/board.ts";
import {
  EMPTY,
  FULL,
  GIVEN,
  LACKING,
  type Objects,
  QUEUE_KEYS,
  RECEIVED,
  REFILLED,
  SEMS,
  TEXT,
} from "./pointcalls.ts";

type P = Process<"blocking">;
const [GETVAL, GETNCNT, GETZCNT, SETVAL] = [5, 3, 7, 8];
const MODE = IPC_CREAT | 0o666;
const KEY = 7;
const SIZE = 64;
const message = { mtype: 1, mtext: TEXT };

/** Words of the board: what it saw, values and those who wait for each, then messages. */
export const SEEN = RESULTS;

// Commands.
export const RESET = 1; // as it was
export const LOOK = 2;
export const PULSE = 3; // what each mate wants, once
export const EMPTY_LACKING = 4; // receive all that is there; SEEN: how many
export const REMOVE = 8; // all objects
/** What ends the sleep of a victim, by its call. */
export const WAKES = { sleep: 5, sleepUndo: 5, sendFull: 6, receiveNone: 7 } as const;

/** How many could be received. */
function drain(p: P, queue: number): number {
  for (let count = 0; ; count++) {
    try {
      p.msgrcv(queue, SIZE, 0, IPC_NOWAIT);
    } catch (error) {
      if (!(error instanceof SysError && error.code === "ENOMSG")) throw error;
      return count;
    }
  }
}

/** Queues that are to be full have one message, and no room for another. */
function reset(p: P, { set, queues }: Objects): void {
  for (let num = 0; num < SEMS; num++) p.semctl(set, num, SETVAL as 8, num === 0 ? 1 : 0);
  for (const ix of [FULL, LACKING]) drain(p, queues[ix]);
  p.msgsnd(queues[FULL], message);
}

/** semval, semncnt, semzcnt of each semaphore, then msg_qnum of each queue. */
function look(p: P, { set, queues }: Objects): number[] {
  const seen: number[] = [];
  for (let num = 0; num < SEMS; num++) {
    for (const cmd of [GETVAL, GETNCNT, GETZCNT]) seen.push(p.semctl(set, num, cmd as 5));
  }
  for (const queue of queues) seen.push(p.msgctl(queue, IPC_STAT).msg_qnum);
  return seen;
}

function remove(p: P, { set, queues }: Objects): void {
  p.semctl(set, 0, IPC_RMID);
  for (const queue of queues) p.msgctl(queue, IPC_RMID);
}

function pulse(p: P, { set, queues }: Objects): void {
  p.semop(set, [[GIVEN, 1]]);
  p.msgsnd(queues[RECEIVED], message);
  p.msgrcv(queues[REFILLED], SIZE);
}

export default blocking("pointlooker", (p, arg) => {
  const board = new Board(arg as SharedArrayBuffer);
  const set = p.semget(KEY, SEMS, MODE);
  const queues = QUEUE_KEYS.map((key) => p.msgget(key, MODE));
  const objects: Objects = { set, queues };
  const narrow = { msg_qbytes: TEXT.length, msg_perm: { uid: 0, gid: 0, mode: 0o666 } };
  for (const ix of [REFILLED, FULL]) p.msgctl(queues[ix], IPC_SET, narrow);
  p.emit(objects);
  for (;;) {
    const command = board.take();
    if (command === RESET) reset(p, objects);
    else if (command === LOOK) board.words.set(look(p, objects), SEEN);
    else if (command === PULSE) pulse(p, objects);
    else if (command === REMOVE) remove(p, objects);
    else if (command === EMPTY_LACKING) board.words[SEEN] = drain(p, queues[LACKING]);
    else if (command === WAKES.sleep) p.semop(set, [[EMPTY, 1]]);
    else if (command === WAKES.sendFull) p.msgrcv(queues[FULL], SIZE);
    else p.msgsnd(queues[LACKING], message);
    board.answer(1);
  }
});
