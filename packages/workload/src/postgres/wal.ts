/** The write-ahead log: insertion, and flush with group commit. [PG-47] [PG-48] [PG-53] */
import { writeAndSync } from "./disk.ts";
import { G_FLUSHED, G_INSERT_SPIN, G_INSERTED } from "./layout.ts";
import * as atomic from "./lwatomic.ts";
import { lwAcquire, lwAcquireOrWait, lwConditional, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { spinAcquire, spinRelease } from "./spinlock.ts";

/** Positions count units of 8 bytes; a page of the WAL is 8 kB. */
const PAGE = 1024;
const COPY_MICROS = 0.8;
const NEW_PAGE_MICROS = 1.5;

export const inserted = (me: Pgproc): number =>
  Atomics.load(me.words, me.layout.global(G_INSERTED));
export const flushed = (me: Pgproc): number => Atomics.load(me.words, me.layout.global(G_FLUSHED));

/** XLogInsert of a record of `bytes`. @returns its end */
export async function walInsert(me: Pgproc, bytes: number): Promise<number> {
  me.critical++;
  const lock = insertLock(me);
  const free = await lwAcquire(me, lock, EXCLUSIVE);
  if (!free) me.walInsertLock = (me.walInsertLock + 1) % me.profile.walInsertLocks;
  const end = await reserve(me, bytes);
  if (crossesPage(end, bytes)) await newPage(me, lock, end);
  await me.cpu(COPY_MICROS);
  await releaseInsert(me, lock);
  me.critical--;
  return end;
}

/** slot % 8 at first; the next one after each wait. [PG-52] */
function insertLock(me: Pgproc): number {
  if (me.walInsertLock < 0) me.walInsertLock = me.slot % me.profile.walInsertLocks;
  return me.layout.one("WALInsert", me.walInsertLock);
}

async function reserve(me: Pgproc, bytes: number): Promise<number> {
  const units = Math.ceil(bytes / 8);
  const spin = me.layout.global(G_INSERT_SPIN);
  await spinAcquire(me, spin);
  const end = Atomics.add(me.words, me.layout.global(G_INSERTED), units) + units;
  spinRelease(me, spin);
  return end;
}

const crossesPage = (end: number, bytes: number): boolean =>
  Math.floor(end / PAGE) !== Math.floor((end - Math.ceil(bytes / 8)) / PAGE);

/** AdvanceXLInsertBuffer; before it may wait, this inserter says how far it has come. */
async function newPage(me: Pgproc, lock: number, end: number): Promise<void> {
  if (me.profile.walInsertLocks > 1) await atomic.updateVar(me, lock, end);
  const mapping = me.layout.single("WALBufMapping");
  await lwAcquire(me, mapping, EXCLUSIVE);
  await me.cpu(NEW_PAGE_MICROS);
  await lwRelease(me, mapping);
}

async function releaseInsert(me: Pgproc, lock: number): Promise<void> {
  if (me.profile.walInsertLocks > 1) atomic.clearVar(me, lock);
  await lwRelease(me, lock);
}

/** WaitXLogInsertionsToFinish: nobody still copies a record that begins before `upto`. */
async function waitForInserters(me: Pgproc, upto: number): Promise<void> {
  const { walInsertLocks } = me.profile;
  for (let i = 0; walInsertLocks > 1 && i < walInsertLocks; i++) {
    const lock = me.layout.one("WALInsert", i);
    for (let at = 0; ; ) {
      at = await atomic.waitForVar(me, lock, at);
      if (at === 0 || at >= upto) break;
    }
  }
}

/** XLogFlush: everything before `upto` is on disk; the holder of WALWrite writes for others too. */
export async function walFlush(me: Pgproc, upto: number): Promise<void> {
  const lock = me.layout.single("WALWrite");
  me.critical++;
  while (flushed(me) < upto) {
    await waitForInserters(me, upto);
    if (!me.profile.acquireOrWait) await lwAcquire(me, lock, EXCLUSIVE);
    else if (!(await lwAcquireOrWait(me, lock))) continue;
    if (flushed(me) < upto) await writeOut(me, upto);
    await lwRelease(me, lock);
  }
  me.critical--;
}

/** The caller holds WALWrite. All that is inserted by now goes along. */
async function writeOut(me: Pgproc, upto: number): Promise<void> {
  const end = await endOfInserted(me, upto);
  await waitForInserters(me, end);
  await writeAndSync(me, "IO:WALSync");
  Atomics.store(me.words, me.layout.global(G_FLUSHED), end);
}

/** With one insertion lock the end is known only to who gets that lock. */
async function endOfInserted(me: Pgproc, upto: number): Promise<number> {
  if (me.profile.walInsertLocks > 1) return inserted(me);
  const lock = me.layout.one("WALInsert", 0);
  if (!(await lwConditional(me, lock, EXCLUSIVE))) return upto;
  const end = inserted(me);
  await lwRelease(me, lock);
  return end;
}

/** XLogBackgroundFlush of the WAL writer. */
export const walBackgroundFlush = (me: Pgproc): Promise<void> => walFlush(me, inserted(me));
