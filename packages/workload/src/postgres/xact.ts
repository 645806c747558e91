/** Transactions: snapshot, transaction id, commit, abort. [PG-53] */

import { fastPathRelease } from "./fastpath.ts";
import { type Group, groupWork } from "./group.ts";
import { lockAcquire, lockRelease, lockReleaseAll } from "./heavy.ts";
import {
  G_CLEAR_FIRST,
  G_NEXT_XID,
  G_STATUS_FIRST,
  S_CLEAR_MEMBER,
  S_CLEAR_NEXT,
  S_STATUS_MEMBER,
  S_STATUS_NEXT,
  S_XID,
} from "./layout.ts";
import { EXCLUSIVE_LOCK, SHARE } from "./locktable.ts";
import { lwAcquire, lwRelease } from "./lwlock.ts";
import { EXCLUSIVE, SHARED } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { walFlush, walInsert } from "./wal.ts";

const COMMIT_RECORD_BYTES = 48;
const SNAPSHOT_MICROS = 0.4;
const XID_MICROS = 0.3;
const STATUS_MICROS = 0.5;
const CLEAR_MICROS = 0.3;

const xidTag = (xid: number): string => `transactionid ${xid}`;
const ownXid = (me: Pgproc): number => Atomics.load(me.words, me.row + S_XID);

/** GetSnapshotData. */
export async function takeSnapshot(me: Pgproc): Promise<void> {
  const lock = me.layout.single("ProcArray");
  await lwAcquire(me, lock, SHARED);
  await me.cpu(SNAPSHOT_MICROS);
  await lwRelease(me, lock);
}

/** This transaction's id, assigned at its first write, with the lock that others wait for. */
export async function assignXid(me: Pgproc): Promise<number> {
  const old = ownXid(me);
  if (old !== 0) return old;
  const lock = me.layout.single("XidGen");
  await lwAcquire(me, lock, EXCLUSIVE);
  const xid = Atomics.add(me.words, me.layout.global(G_NEXT_XID), 1);
  await me.cpu(XID_MICROS);
  Atomics.store(me.words, me.row + S_XID, xid);
  await lwRelease(me, lock);
  await lockAcquire(me, xidTag(xid), EXCLUSIVE_LOCK);
  return xid;
}

/** TransactionIdIsInProgress. */
export async function inProgress(me: Pgproc, xid: number): Promise<boolean> {
  const { layout, words } = me;
  const lock = layout.single("ProcArray");
  await lwAcquire(me, lock, SHARED);
  await me.cpu(SNAPSHOT_MICROS);
  let found = false;
  for (let slot = 0; slot < layout.slots.clients && !found; slot++) {
    found = words[layout.slot(slot) + S_XID] === xid;
  }
  await lwRelease(me, lock);
  return found;
}

/** XactLockTableWait: until that transaction has ended. */
export async function waitForXact(me: Pgproc, xid: number): Promise<void> {
  await lockAcquire(me, xidTag(xid), SHARE);
  await lockRelease(me, xidTag(xid));
}

/** CommitTransaction: record, flush, status; then it is over for others; then its locks go. */
export async function commit(me: Pgproc): Promise<void> {
  if (ownXid(me) !== 0) {
    me.critical++;
    await walFlush(me, await walInsert(me, COMMIT_RECORD_BYTES));
    await setStatus(me);
    me.critical--;
  }
  await endXact(me);
}

/** AbortTransaction; also of a process that ends in the middle of one. */
export async function abort(me: Pgproc): Promise<void> {
  if (ownXid(me) !== 0) await setStatus(me);
  await endXact(me);
}

async function endXact(me: Pgproc): Promise<void> {
  if (ownXid(me) !== 0) await clearXid(me);
  await lockReleaseAll(me);
  await fastPathRelease(me);
}

/** TransactionIdSetTreeStatus. */
async function setStatus(me: Pgproc): Promise<void> {
  const group: Group = {
    lock: me.layout.single("XactSLRU"),
    first: G_STATUS_FIRST,
    next: S_STATUS_NEXT,
    member: S_STATUS_MEMBER,
    event: "IPC:XactGroupUpdate",
    work: () => me.cpu(STATUS_MICROS),
  };
  await (me.profile.groupStatus ? groupWork(me, group) : alone(me, group));
}

/** ProcArrayEndTransaction. */
async function clearXid(me: Pgproc): Promise<void> {
  const group: Group = {
    lock: me.layout.single("ProcArray"),
    first: G_CLEAR_FIRST,
    next: S_CLEAR_NEXT,
    member: S_CLEAR_MEMBER,
    event: "IPC:ProcArrayGroupUpdate",
    work: async (slot) => {
      await me.cpu(CLEAR_MICROS);
      Atomics.store(me.words, me.layout.slot(slot) + S_XID, 0);
    },
  };
  await (me.profile.groupClear ? groupWork(me, group) : alone(me, group));
}

async function alone(me: Pgproc, group: Group): Promise<void> {
  await lwAcquire(me, group.lock, EXCLUSIVE);
  await group.work(me.slot);
  await lwRelease(me, group.lock);
}
