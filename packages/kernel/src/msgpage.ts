/**
 * The page of a message queue: header, then a row for each message, then the bytes of their bodies.
 *
 * The segments and headers of FreeBSD's pool are only counted, system-wide; which ones a message
 * gets is not observable [MSG-5]. Here each queue has rows and bytes of its own, so that one page is
 * all that a sender or a receiver touches:
 *
 *   rows    a list from P_FIRST to P_LAST by `next`, 0 for none; a row that was given back is on
 *           the list from P_FREE, a row above P_ROWS was never used
 *   arena   2 × msgmnb bytes. A body is put at P_BRK. Bodies lie in the order of the queue, as new
 *           ones are put at the end of both; when the end is reached all are moved down. Before
 *           that happens again at least msgmnb bytes have been sent.
 */
import { bytesOf, Carver, type Columns } from "@jailyard/memory/page";
import { carveHeader, IPC_HEADER_BYTES, type IpcPage, P_OWN, T_OWN } from "./ipcpage.ts";

/** struct msg. */
const MSG = {
  next: "i32", // the message after it, or the next free row
  type: "f64", // at least 1
  length: "u16", // bytes of the body [MSG-3]
  spot: "i32", // where in the arena the body begins
  kept: "i32", // tid of the receiver that it is kept for; 0: anybody's
} as const;
const ARENA = { byte: "u8" } as const;

export const P_QBYTES = P_OWN; // most bytes in the queue; 0 once it is removed [MSG-2]
export const P_CBYTES = P_OWN + 1;
export const P_QNUM = P_OWN + 2;
export const P_LSPID = P_OWN + 3;
export const P_LRPID = P_OWN + 4;
const P_FIRST = P_OWN + 5;
const P_LAST = P_OWN + 6;
const P_FREE = P_OWN + 7;
const P_ROWS = P_OWN + 8;
const P_BRK = P_OWN + 9;
export const P_SENT = P_OWN + 10; // messages ever, modulo 2^32
export const P_RECEIVED = P_OWN + 11;
export const P_MSGLPID = P_OWN + 12; // pid of the last msgsnd or msgrcv; 0 before the first one

export const T_STIME = T_OWN;
export const T_RTIME = T_OWN + 1;
export const T_CTIME = T_OWN + 2;

export interface MsgPage extends IpcPage {
  readonly msg: Columns<typeof MSG>;
  readonly arena: Uint8Array;
}

export const msgPageBytes = (msgtql: number, msgmnb: number): number =>
  IPC_HEADER_BYTES + bytesOf(MSG, msgtql + 1) + bytesOf(ARENA, 2 * msgmnb) + 128;

/** The view of a queue on its buffer; both sides give the same limits. Row 0 stands for none. */
export function msgPage(buffer: SharedArrayBuffer, msgtql: number, msgmnb: number): MsgPage {
  const carver = new Carver(buffer);
  const header = carveHeader(carver);
  const msg = carver.columns(MSG, msgtql + 1);
  const { byteOffset } = carver.words(0); // from a cache line on: whole words are copied
  return { buffer, ...header, msg, arena: new Uint8Array(buffer, byteOffset, 2 * msgmnb) };
}

/** Append a message of the first `length` bytes of `body`, zeros where it is shorter. [MSG-49] */
export function append(page: MsgPage, type: number, body: Uint8Array, length: number): void {
  const { hdr, msg } = page;
  const row = takeRow(page);
  const spot = room(page, length);
  copyBytes(body, 0, page.arena, spot, Math.min(length, body.length));
  if (body.length < length) page.arena.fill(0, spot + body.length, spot + length);
  msg.type[row] = type;
  msg.length[row] = length;
  msg.spot[row] = spot;
  msg.next[row] = 0;
  msg.kept[row] = 0;
  if (hdr[P_LAST] === 0) hdr[P_FIRST] = row;
  else msg.next[hdr[P_LAST]] = row;
  hdr[P_LAST] = row;
  hdr[P_QNUM]++;
  hdr[P_CBYTES] += length;
}

function takeRow({ hdr, msg }: MsgPage): number {
  const row = hdr[P_FREE];
  if (row === 0) return ++hdr[P_ROWS];
  hdr[P_FREE] = msg.next[row];
  return row;
}

/** Where in the arena `length` bytes can go, which the queue has room for. */
function room(page: MsgPage, length: number): number {
  const { hdr, arena } = page;
  if (hdr[P_BRK] + length > arena.length) compact(page);
  const spot = hdr[P_BRK];
  hdr[P_BRK] = spot + length;
  return spot;
}

/**
 * Move all bodies down. A thread dies before or after a body is moved, and then finds it where its row
 * says, but not between the two statements that do it: neither makes a call of JavaScript, allocates or
 * is the turn of a loop, so V8 looks neither for an interrupt nor for the end of stack or heap.
 */
function compact({ hdr, msg, arena }: MsgPage): void {
  let spot = 0;
  for (let row = hdr[P_FIRST]; row !== 0; row = msg.next[row]) {
    const length = msg.length[row];
    arena.copyWithin(spot, msg.spot[row], msg.spot[row] + length);
    msg.spot[row] = spot;
    spot += length;
  }
  hdr[P_BRK] = spot;
}

/**
 * The row before the one that `msgtyp` selects for process `tid`, 0 if that is the first; -1: none.
 * What is kept for another is passed over. [MSG-54]
 */
export function selectBefore({ hdr, msg }: MsgPage, msgtyp: number, tid: number): number {
  let before = 0;
  for (let row = hdr[P_FIRST]; row !== 0; row = msg.next[row]) {
    const free = msg.kept[row] === 0 || msg.kept[row] === tid;
    if (free && selects(msgtyp, msg.type[row])) return before;
    before = row;
  }
  return -1;
}

/** The last message of the queue; 0 if it is empty. */
export const lastRow = ({ hdr }: MsgPage): number => hdr[P_LAST];

/** The row before the message that is kept for `tid`; -1: none is. */
export function keptBefore({ hdr, msg }: MsgPage, tid: number): number {
  let before = 0;
  for (let row = hdr[P_FIRST]; row !== 0; row = msg.next[row]) {
    if (msg.kept[row] === tid) return before;
    before = row;
  }
  return -1;
}

const LONG_MIN = -(2 ** 63);

/** The first type up to -msgtyp in queue order, not the lowest. LONG_MIN matches nothing. */
export function selects(msgtyp: number, type: number): boolean {
  if (msgtyp < 0) return msgtyp > LONG_MIN && type <= -msgtyp;
  return msgtyp === 0 || type === msgtyp;
}

/** The row after `before`, where 0 stands for the head of the queue. */
export const rowAfter = ({ hdr, msg }: MsgPage, before: number): number =>
  before === 0 ? hdr[P_FIRST] : msg.next[before];

/** Unlink the message after `before`. Its row and body stay as they are until the next append. */
export function unlinkAfter(page: MsgPage, before: number): void {
  const { hdr, msg } = page;
  const row = rowAfter(page, before);
  const after = msg.next[row];
  if (before === 0) hdr[P_FIRST] = after;
  else msg.next[before] = after;
  if (after === 0) hdr[P_LAST] = before;
  hdr[P_QNUM]--;
  hdr[P_CBYTES] -= msg.length[row];
  msg.next[row] = hdr[P_FREE];
  hdr[P_FREE] = row;
  if (hdr[P_QNUM] === 0) hdr[P_BRK] = 0;
}

const SHORT = 16; // up to here a loop beats set(): 12 against 16 ns
const MIDDLE = 64; // up to here the view that set() needs for a part

/** Copy `bytes` bytes of `from` at `at` to `to` at `toAt`. */
export function copyBytes(
  from: Uint8Array,
  at: number,
  to: Uint8Array,
  toAt: number,
  bytes: number,
): void {
  if (bytes > SHORT && bytes === from.length) to.set(from, toAt);
  else if (bytes > MIDDLE) to.set(from.subarray(at, at + bytes), toAt);
  else for (let i = 0; i < bytes; i++) to[toAt + i] = from[at + i];
}

/** The first `bytes` bytes of a message's text, in memory of their own: 48 ns for 64, copyBytes 76. */
export function textOf({ arena, msg }: MsgPage, row: number, bytes: number): Uint8Array {
  const spot = msg.spot[row];
  return arena.slice(spot, spot + bytes);
}

/** Messages of the queue, and the segments of `msgssz` bytes that they take, by the links. */
export function contentsOf(
  { hdr, msg }: MsgPage,
  msgssz: number,
): { count: number; bytes: number; segments: number } {
  const total = { count: 0, bytes: 0, segments: 0 };
  for (let row = hdr[P_FIRST]; row !== 0; row = msg.next[row]) {
    total.count++;
    total.bytes += msg.length[row];
    total.segments += Math.ceil(msg.length[row] / msgssz);
  }
  return total;
}

/**
 * Make the list whole again after a thread died while it changed it: what the links from the head
 * show is what is there.
 */
export function rebuild(page: MsgPage, msgssz: number): void {
  const { hdr, msg } = page;
  const used = new Uint8Array(msg.next.length);
  hdr[P_LAST] = 0;
  hdr[P_BRK] = 0;
  for (let row = hdr[P_FIRST]; row !== 0; row = msg.next[row]) {
    used[row] = 1;
    hdr[P_LAST] = row;
    hdr[P_BRK] = Math.max(hdr[P_BRK], msg.spot[row] + msg.length[row]);
  }
  const { count, bytes } = contentsOf(page, msgssz);
  hdr[P_QNUM] = count;
  hdr[P_CBYTES] = bytes;
  hdr[P_ROWS] = used.length - 1;
  hdr[P_FREE] = 0;
  for (let row = used.length - 1; row > 0; row--) {
    if (used[row] === 1) continue;
    msg.next[row] = hdr[P_FREE];
    hdr[P_FREE] = row;
  }
}
