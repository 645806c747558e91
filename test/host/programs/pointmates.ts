/**
 * Processes of another jail on the same objects as a victim, who take, receive and send all the time:
 * a sleeper on each that is woken by what victims do.
 */
import { type Process, program } from "jailyard";
import { Board, RESULTS } from "../../support/board.ts";
import { awaited, GIVEN, mapped, type Objects, RECEIVED, REFILLED, TEXT } from "./pointcalls.ts";

/** Words of the board: how often each mate got what it wants. */
export const GOT = RESULTS;
const SIZE = 64;

type Mate = (p: Process, objects: Objects) => Promise<unknown>;
export const MATES: readonly Mate[] = [
  (p, { set }) => p.semop(set, [[GIVEN, -1]]),
  (p, { queues }) => p.msgrcv(queues[RECEIVED], SIZE),
  (p, { queues }) => p.msgsnd(queues[REFILLED], { mtype: 1, mtext: TEXT }),
];

export default program("pointmates", async (p, arg) => {
  const { buffer, objects } = arg as { buffer: SharedArrayBuffer; objects: Objects };
  const board = new Board(buffer);
  for (const [i, mate] of MATES.entries()) {
    await p.fork(async (child) => {
      await awaited(mapped(child, objects));
      for (;;) {
        await mate(child, objects);
        board.add(GOT + i);
      }
    });
  }
  for (;;) await p.wait();
});
