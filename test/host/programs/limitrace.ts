/** Races of processes for what the host has few of: each takes until it is refused, and gives back. */
import { blocking, IPC_NOWAIT, IPC_RMID, type Process, SEM_UNDO, SysError } from "jailyard";
import { Board, COMMAND, RESULTS } from "../../support/board.ts";
import { Dice } from "../../support/dice.ts";

type P = Process<"blocking">;
// Words of the board.
export const HELD = RESULTS; // no more than there are, and at times fewer
export const MOST = RESULTS + 1; // the most that was seen
export const REFUSED = RESULTS + 2;
const PRIVATE = 0 as never;

export interface Race {
  readonly board: SharedArrayBuffer;
  readonly what: keyof typeof RACES;
  readonly seed: number;
  readonly rounds: number;
}

/** @returns whether the limit let it through; `code` is what it fails with otherwise */
function through(board: Board, code: string, call: () => unknown): boolean {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SysError && error.code === code)) throw error;
    board.add(REFUSED);
    return false;
  }
  const held = Atomics.add(board.words, HELD, 1) + 1;
  for (let most = board.load(MOST); held > most; most = board.load(MOST)) {
    Atomics.compareExchange(board.words, MOST, most, held);
  }
  return true;
}

/** Before it is given back: so the count is never above what is taken. */
const giveBack = (board: Board): void => void Atomics.sub(board.words, HELD, 1);

/** kern.ipc.semmnu: a process has one while it has an adjustment. */
function undo(p: P, board: Board): () => void {
  const set = p.semget(PRIVATE, 1, 0o600);
  let has = false;
  return () => {
    if (has) {
      giveBack(board);
      p.semop(set, [[0, -1, SEM_UNDO]]);
      has = false;
    } else has = through(board, "ENOSPC", () => p.semop(set, [[0, 1, SEM_UNDO]]));
  };
}

/** kern.ipc.msgtql, or msgseg: headers and segments of all queues together. */
const messages =
  (bytes: number) =>
  (p: P, board: Board, dice: Dice): (() => void) => {
    const queue = p.msgget(PRIVATE, 0o600);
    const mtext = "x".repeat(bytes);
    let sent = 0;
    const send = (): void => p.msgsnd(queue, { mtype: 1, mtext }, IPC_NOWAIT);
    return () => {
      if (dice.once(2) && through(board, "EAGAIN", send)) sent++;
      else if (sent > 0) {
        giveBack(board);
        p.msgrcv(queue, bytes, 0, IPC_NOWAIT);
        sent--;
      }
    };
  };

/** kern.ipc.semmns: semaphores in all sets together. */
function sets(p: P, board: Board): () => void {
  let set = -1;
  return () => {
    if (set === -1) {
      through(board, "ENOSPC", () => {
        set = p.semget(PRIVATE, 1, 0o600);
      });
      return;
    }
    giveBack(board);
    p.semctl(set, 0, IPC_RMID);
    set = -1;
  };
}

const RACES = { undo, headers: messages(1), segments: messages(16), sets };

export default blocking("limitrace", (p, arg) => {
  const { what, seed, rounds, ...race } = arg as Race;
  const board = new Board(race.board);
  const step = RACES[what](p, board, new Dice(seed));
  p.emit("ready");
  while (board.load(COMMAND) === 0) Atomics.wait(board.words, COMMAND, 0);
  for (let i = 0; i < rounds; i++) step();
});
