/**
 * Tables of the TPC-B-like workload as far as locking meets them: which page a row is on, and which
 * transaction last changed it. A row's record changes only under its page's content lock.
 */
import { lockAcquire, lockRelease } from "./heavy.ts";
import { EXCLUSIVE_LOCK } from "./locktable.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE, type LwMode, SHARED } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { walInsert } from "./wal.ts";
import { inProgress, waitForXact } from "./xact.ts";

export type Table = "accounts" | "tellers" | "branches" | "history";
/** Rows on a heap page, and entries on a leaf of the index. */
const ROWS: Readonly<Record<Table, number>> = {
  accounts: 61,
  tellers: 185,
  branches: 226,
  history: 157,
};
const LEAF = 367;
/** Relations lie one behind the other in the buffers; heaps first, then indexes. */
const NUMBERS: Readonly<Record<Table, number>> = {
  branches: 0,
  tellers: 1,
  history: 2,
  accounts: 3,
};
const RELATION_STRIDE = 1009;

const MAPPING_MICROS = 0.2;
const PAGE_MICROS = 0.8;
const UPDATE_MICROS = 2.5;
const UPDATE_RECORD_BYTES = 120;

interface Row {
  /** Last transaction that changed it; 0 once that is known to have ended. */
  xmax: number;
  /** Which version of the row is the latest. */
  version: number;
}

/** Rows that were ever changed. */
export class Heap {
  readonly #rows = new Map<string, Row>();
  /** Buffers that were changed and not written since. */
  readonly dirty = new Set<number>();

  row(table: Table, ix: number): Row {
    const name = `${table} ${ix}`;
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { xmax: 0, version: 0 };
      this.#rows.set(name, row);
    }
    return row;
  }
}

/** The buffer of a page, in [0, layout.buffers). */
function bufferOf(me: Pgproc, table: Table, index: boolean, page: number): number {
  const relation = NUMBERS[table] + (index ? 4 : 0);
  return (relation * RELATION_STRIDE + page) % me.layout.buffers;
}

const heapBuffer = (me: Pgproc, table: Table, ix: number): number =>
  bufferOf(me, table, false, Math.floor(ix / ROWS[table]));

/** ReadBuffer, then the content lock. @returns that lock, held */
export async function lockPage(me: Pgproc, buffer: number, mode: LwMode): Promise<number> {
  const { layout, profile } = me;
  const mapping = layout.one("BufferMapping", buffer % profile.bufferPartitions);
  await lwAcquire(me, mapping, SHARED);
  await me.cpu(MAPPING_MICROS);
  await lwRelease(me, mapping);
  const content = layout.one("BufferContent", buffer);
  await lwAcquire(me, content, mode);
  return content;
}

async function readPage(me: Pgproc, buffer: number): Promise<void> {
  const content = await lockPage(me, buffer, SHARED);
  await me.cpu(PAGE_MICROS);
  await lwRelease(me, content);
}

/** Index root, leaf, heap page. [PG-53] */
export async function fetchRow(me: Pgproc, table: Table, ix: number): Promise<void> {
  await readPage(me, bufferOf(me, table, true, 0));
  await readPage(me, bufferOf(me, table, true, 1 + Math.floor(ix / LEAF)));
  await readPage(me, heapBuffer(me, table, ix));
}

/**
 * heap_update. The first wait for a row takes its place by a tuple lock; whoever finds after it
 * that the row has a newer version follows the chain, and waits for transactions only. So at a
 * commit all who follow are woken together. [PG-54]
 */
export async function updateRow(me: Pgproc, xid: number, table: Table, ix: number): Promise<void> {
  const row = me.cluster.heap.row(table, ix);
  const buffer = heapBuffer(me, table, ix);
  for (let follows = false; ; follows = true) {
    const content = await lockPage(me, buffer, EXCLUSIVE);
    const holder = await holderOf(me, row, xid);
    if (holder === 0) {
      await changeRow(me, row, xid);
      me.cluster.heap.dirty.add(buffer);
      await lwRelease(me, content);
      return;
    }
    await lwRelease(me, content);
    if (follows) await waitForXact(me, holder);
    else await waitInLine(me, `tuple ${table} ${ix} ${row.version}`, holder);
  }
}

/** The running transaction that has changed the row, 0 if there is none other than this one. */
async function holderOf(me: Pgproc, row: Row, xid: number): Promise<number> {
  if (row.xmax === 0 || row.xmax === xid) return 0;
  const holder = row.xmax;
  if (await inProgress(me, holder)) return holder;
  if (row.xmax === holder) row.xmax = 0;
  return 0;
}

async function waitInLine(me: Pgproc, tuple: string, holder: number): Promise<void> {
  await lockAcquire(me, tuple, EXCLUSIVE_LOCK);
  await waitForXact(me, holder);
  await lockRelease(me, tuple);
}

/** The caller holds the content lock. */
async function changeRow(me: Pgproc, row: Row, xid: number): Promise<void> {
  me.critical++;
  await me.cpu(UPDATE_MICROS);
  row.xmax = xid;
  row.version++;
  await walInsert(me, UPDATE_RECORD_BYTES);
  me.critical--;
}

/** INSERT: each client has a page of its own to fill. */
export async function insertRow(me: Pgproc, table: Table, ix: number): Promise<void> {
  const page = me.slot + Math.floor(ix / ROWS[table]) * me.layout.slots.clients;
  const buffer = bufferOf(me, table, false, page);
  const content = await lockPage(me, buffer, EXCLUSIVE);
  me.cluster.heap.dirty.add(buffer);
  me.critical++;
  await me.cpu(UPDATE_MICROS);
  await walInsert(me, UPDATE_RECORD_BYTES);
  me.critical--;
  await lwRelease(me, content);
}
