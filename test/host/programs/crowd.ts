/** Thousands of coroutines of one thread, asleep on semaphores; and who wakes them. */
import { IPC_CREAT, IPC_NOWAIT, type Process, program, SysError } from "jailyard";
import { Board, RESULTS } from "../../support/board.ts";

// Words of the board: how many are about to sleep, and how many came back.
export const BEGUN = RESULTS;
export const BACK = RESULTS + 1;

export interface Crowd {
  readonly entry: "crowd" | "sleeper" | "wakes" | "asks" | "make";
  readonly board: SharedArrayBuffer;
  readonly set: number;
  readonly count: number;
  /** Semaphores on which the crowd sleeps, one after the other. */
  readonly sems: number;
}

const back = (board: Board): void => {
  board.add(BACK);
  Atomics.notify(board.words, BACK);
};

/** Children, each of which sleeps on its semaphore, then for ever on the last. */
async function crowd(p: Process, { set, count, sems }: Crowd, board: Board): Promise<void> {
  for (let i = 0; i < count; i++) {
    await p.fork(async (child) => {
      board.add(BEGUN);
      await child.semop(set, [[i % sems, -1]]);
      back(board);
      await child.semop(set, [[sems, -1]]);
    });
  }
  await p.sleep(Number.POSITIVE_INFINITY);
}

/** One operation that is asked for, and nobody's turn. @returns its errno's name */
async function asks(p: Process, set: number): Promise<string> {
  try {
    await p.semop(set, [[0, -1, IPC_NOWAIT]]);
    return "OK";
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}

export default program("crowd", async (p, arg) => {
  const command = arg as Crowd;
  const { entry, set, count, sems } = command;
  const board = new Board(command.board);
  if (entry === "make") {
    p.emit(await p.semget(0 as never, sems + 1, IPC_CREAT | 0o666));
    await p.sleep(Number.POSITIVE_INFINITY);
  }
  if (entry === "crowd") await crowd(p, command, board);
  if (entry === "sleeper") {
    await p.semop(set, [[0, -count]]);
    back(board);
    p.emit("back");
  }
  if (entry === "wakes") for (let i = 0; i < count; i++) await p.semop(set, [[i % sems, 1]]);
  if (entry === "asks") p.emit(await asks(p, set));
});
