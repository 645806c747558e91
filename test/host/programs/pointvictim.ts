/** The same as pointblocker.ts, of a coroutine, whose sleeps are looked after by its thread's pump. */
import { program } from "jailyard";
import { Board } from "../../support/board.ts";
import { awaited, CALLS, dieAt, mapped, READY, SURVIVED, type Victim } from "./pointcalls.ts";

export default program("pointvictim", async (p, arg) => {
  const victim = arg as Victim;
  const board = new Board(victim.board);
  const { objects } = victim;
  await awaited(mapped(p, objects));
  const places: string[] = [];
  board.answer(READY);
  board.take();
  dieAt(board, victim, places);
  try {
    await CALLS[victim.call](p, objects);
  } catch (error) {
    if ((error as { code?: string }).code !== "EAGAIN") throw error;
  } finally {
    globalThis.watchPoints(null);
  }
  p.emit(places);
  board.answer(SURVIVED);
});
