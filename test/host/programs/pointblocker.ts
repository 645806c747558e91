/** A process that owns its thread, makes one call, and dies at some point of it. */
import { blocking } from "jailyard";
import { Board } from "../../support/board.ts";
import { blocked, CALLS, dieAt, mapped, READY, SURVIVED, type Victim } from "./pointcalls.ts";

export default blocking("pointblocker", (p, arg) => {
  const victim = arg as Victim;
  const board = new Board(victim.board);
  blocked(mapped(p, victim.objects));
  const places: string[] = [];
  board.answer(READY);
  board.take();
  dieAt(board, victim, places);
  try {
    CALLS[victim.call](p, victim.objects);
  } catch (error) {
    if ((error as { code?: string }).code !== "EAGAIN") throw error;
  } finally {
    globalThis.watchPoints(null);
  }
  p.emit(places);
  board.answer(SURVIVED);
});
