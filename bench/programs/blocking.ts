/** Loops of calls by a process that owns its thread, as C would write them: nothing made inside. */
import {
  blocking,
  GETVAL,
  IPC_CREAT,
  IPC_PRIVATE,
  IPC_RMID,
  IPC_STAT,
  type Process,
  SEM_UNDO,
} from "jailyard";
import { type PlayerArg, playBlocking } from "./player.ts";
import { timed } from "./timed.ts";

export interface BlockingArg {
  readonly work: keyof typeof WORKS;
  /** Of a message. */
  readonly bytes?: number;
  /** Of a set that another process uses too. */
  readonly id?: number;
  /** How many sets to find by key. */
  readonly keys?: number;
}

type P = Process<"blocking">;
type Loop = (n: number) => void;

const MODE = IPC_CREAT | 0o600;

/** Down and up again, `n` calls in all. */
function semop(p: P, flag: number): Loop {
  const id = p.semget(IPC_PRIVATE, 1, MODE);
  const down = [[0, -1, flag]] as const;
  const up = [[0, 1, flag]] as const;
  p.semop(id, [[0, 1]]);
  return (n) => {
    for (let i = 0; i < n; i += 2) {
      p.semop(id, down);
      p.semop(id, up);
    }
  };
}

/** Hand one semaphore over and wait for another, which echo.ts hands back. */
function ping(p: P, id: number): Loop {
  const give = [[0, 1]] as const;
  const take = [[1, -1]] as const;
  return (n) => {
    for (let i = 0; i < n; i++) {
      p.semop(id, give);
      p.semop(id, take);
    }
  };
}

function msg(p: P, bytes: number): Loop {
  const id = p.msgget(IPC_PRIVATE, MODE);
  const message = { mtype: 1, mtext: new Uint8Array(bytes).fill(7) };
  return (n) => {
    for (let i = 0; i < n; i++) {
      p.msgsnd(id, message);
      p.msgrcv(id, bytes);
    }
  };
}

function shm(p: P): Loop {
  return (n) => {
    for (let i = 0; i < n; i++) {
      const id = p.shmget(IPC_PRIVATE, 4096, MODE);
      p.shmdt(p.shmat(id));
      p.shmctl(id, IPC_RMID);
    }
  };
}

function getval(p: P): Loop {
  const id = p.semget(IPC_PRIVATE, 1, MODE);
  return (n) => {
    for (let i = 0; i < n; i++) p.semctl(id, 0, GETVAL);
  };
}

function stat(p: P): Loop {
  const id = p.semget(IPC_PRIVATE, 1, MODE);
  return (n) => {
    for (let i = 0; i < n; i++) p.semctl(id, 0, IPC_STAT);
  };
}

/** Make sets and find them by key, far from the last each time; a prime meets all of them. */
function lookup(p: P, keys: number): Loop {
  const FIRST = 1;
  const STRIDE = 7919;
  for (let i = 0; i < keys; i++) p.semget(FIRST + i, 1, MODE);
  return (n) => {
    for (let i = 0, at = 0; i < n; i++) {
      p.semget(FIRST + at, 1, 0o600);
      at = (at + STRIDE) % keys;
    }
  };
}

function getpid(p: P): Loop {
  return (n) => {
    for (let i = 0; i < n; i++) p.getpid();
  };
}

const WORKS = {
  semop: (p: P) => semop(p, 0),
  undo: (p: P) => semop(p, SEM_UNDO),
  ping: (p: P, { id = -1 }: BlockingArg) => ping(p, id),
  msg: (p: P, { bytes = 64 }: BlockingArg) => msg(p, bytes),
  lookup: (p: P, { keys = 1 }: BlockingArg) => lookup(p, keys),
  shm,
  getval,
  stat,
  getpid,
} as const satisfies Record<string, (p: P, arg: BlockingArg) => Loop>;

export default blocking("bench", (p, arg) => {
  const told = arg as BlockingArg & PlayerArg;
  playBlocking(told, timed(WORKS[told.work](p, told)));
});
