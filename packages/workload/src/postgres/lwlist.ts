/** Wait lists of lightweight locks: slots linked through shared memory; 0 is none. */
import { L_HEAD, L_TAIL, S_LW_MODE, S_LW_NEXT, S_LW_PREV } from "./layout.ts";
import type { Pgproc } from "./pgproc.ts";

const link = (me: Pgproc, entry: number, word: number): number => me.layout.slot(entry - 1) + word;

/** First slot of the list of the lock at word `lw`; -1 if it is empty. */
export const listHead = (me: Pgproc, lw: number): number => me.words[lw + L_HEAD] - 1;
/** The slot behind `slot`; -1 at the end. */
export const listNext = (me: Pgproc, slot: number): number =>
  me.words[me.layout.slot(slot) + S_LW_NEXT] - 1;
export const modeOf = (me: Pgproc, slot: number): number =>
  me.words[me.layout.slot(slot) + S_LW_MODE];

/** Put this process at the tail, or at the head. */
export function listPush(me: Pgproc, lw: number, atHead: boolean): void {
  const { words, row } = me;
  const entry = me.slot + 1;
  const neighbour = words[lw + (atHead ? L_HEAD : L_TAIL)];
  words[row + S_LW_NEXT] = atHead ? neighbour : 0;
  words[row + S_LW_PREV] = atHead ? 0 : neighbour;
  if (neighbour === 0) words[lw + L_HEAD] = words[lw + L_TAIL] = entry;
  else {
    words[link(me, neighbour, atHead ? S_LW_PREV : S_LW_NEXT)] = entry;
    words[lw + (atHead ? L_HEAD : L_TAIL)] = entry;
  }
}

/** Take a slot out. */
export function listRemove(me: Pgproc, lw: number, slot: number): void {
  const { words } = me;
  const row = me.layout.slot(slot);
  const next = words[row + S_LW_NEXT];
  const prev = words[row + S_LW_PREV];
  if (prev === 0) words[lw + L_HEAD] = next;
  else words[link(me, prev, S_LW_NEXT)] = next;
  if (next === 0) words[lw + L_TAIL] = prev;
  else words[link(me, next, S_LW_PREV)] = prev;
  words[row + S_LW_NEXT] = words[row + S_LW_PREV] = 0;
}
