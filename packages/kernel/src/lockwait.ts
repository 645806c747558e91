/**
 * Where calls on pages tell the profile of waits and holds: of semaphores and queues, which are slept
 * for, and of locks of pages and global mutexes, which threads wait for.
 *
 * Who holds a semaphore is not recorded by System V, so it is concluded: whoever decremented it last
 * and has not incremented it since, which is the process of `sempid` while the value is too low. One
 * that others increment than those who decrement is no lock but a signal, and nobody holds it.
 */
import { NOBODY } from "@jailyard/abi/contention";
import type { Sembufs } from "@jailyard/abi/sem";
import { SYS_msgrcv, SYS_msgsnd, SYS_semop } from "@jailyard/abi/syscall";
import { mtxLock, mtxOwner } from "@jailyard/memory/mutex";
import { SLEEPS_SEM } from "./commons.ts";
import { toldOwner } from "./eventwait.ts";
import { type IpcPage, P_IX, P_SEQ, P_SLEEP_HEAD, P_SLEEPERS, T_STAMP } from "./ipcpage.ts";
import {
  K_MSGPAGE,
  K_MUTEX,
  K_RECEIVE,
  K_SEM,
  K_SEMPAGE,
  K_SEND,
  type LockKey,
  type Profile,
} from "./profile.ts";
import type { SemPage } from "./sempage.ts";
import type { Caller, Site } from "./site.ts";
import { V_NEXT, V_OK } from "./trace.ts";

/** Owner word of the locks that the kernel's thread takes; that of another thread is its home. */
export const KERNEL_OWNER = 0x3fffffff;

const IX_BITS = 16;
const keyOf = (kind: number, { hdr, times }: IpcPage, num: number): LockKey => ({
  kind,
  ix: hdr[P_IX],
  stamp: times[T_STAMP] | 0,
  num,
  id: (hdr[P_SEQ] << IX_BITS) | hdr[P_IX],
});

/** Of the increments of a lock at most one in so many is by another process than its holder. */
const CROSSINGS = 8;

/** The pid of whoever keeps `pid` from its operation on a semaphore; 0: nobody, or nobody knows. */
export function likelyOwner({ sem }: SemPage, num: number, zero: boolean, pid: number): number {
  const last = sem.sempid[num];
  if (last === pid) return 0;
  const crossed = sem.crossed[num];
  const isLock = zero || crossed * CROSSINGS <= crossed + sem.matched[num];
  return isLock ? last : 0;
}

/**
 * The process of `pid` changes a semaphore by `op`. Increments tell a lock from a signal, though
 * only those that come here: while somebody waits, or more of them in a call.
 */
function noted({ sem }: SemPage, num: number, op: number, pid: number): void {
  const isOther = sem.sempid[num] !== pid;
  if (op < 0) {
    sem.taken[num]++;
    if (isOther) sem.changes[num]++;
  } else if (op > 0) {
    if (!isOther) sem.matched[num]++;
    else if (sem.sempid[num] !== 0) sem.crossed[num]++;
  }
  sem.sempid[num] = pid;
}

/** The process has changed a semaphore by `op`; semopOne does the like by itself. */
export function semOperated(k: Site, td: Caller, page: SemPage, num: number, op: number): void {
  const before = page.sem.sempid[num];
  noted(page, num, op, td.p_pid);
  if (k.profile.full) semHeld(k, td, page, num, op, before);
}

/** A process has begun to sleep for a semaphore, or goes on to. The page is locked. */
export function semWaits(k: Site, td: Caller, page: SemPage, num: number, zero: boolean): void {
  if (!k.profile.on) return;
  const owner = likelyOwner(page, num, zero, td.p_pid);
  const { semncnt, semzcnt } = page.sem;
  waits(k, td, keyOf(K_SEM, page, num), owner, semncnt[num] + semzcnt[num]);
}

/** The same for a queue; `owner` is the process that keeps it full, 0 if it is empty. */
export function queueWaits(
  k: Site,
  td: Caller,
  page: IpcPage,
  sends: boolean,
  owner: number,
): void {
  if (!k.profile.on) return;
  waits(k, td, keyOf(sends ? K_SEND : K_RECEIVE, page, 0), owner, page.hdr[P_SLEEPERS]);
}

/**
 * `queue` sleep for it with this one, which `found` keeps from it, 0: nobody who is known, unless the
 * process has said itself for whom it waits.
 */
function waits(k: Site, td: Caller, key: LockKey, found: number, queue: number): void {
  const { profile } = k;
  const { waits: rows, points } = profile.tables;
  const { tid, p_pid: pid } = td;
  const owner = found === 0 ? toldOwner(profile, pid) : found;
  const jid = owner === 0 ? NOBODY : profile.jidOf(owner);
  // Another semaphore of its vector is in the way than before: that is another wait.
  if (rows.point[tid] !== 0 && points.num[rows.point[tid] - 1] !== key.num)
    waitOver(k, tid, V_NEXT);
  const now = profile.nanos();
  if (rows.point[tid] !== 0) settle(profile, tid, now, jid);
  else {
    const point = profile.point(key, profile.jidOf(pid));
    profile.begins(point, jid, queue);
    rows.began[tid] = now;
    rows.pid[tid] = pid;
    rows.since[tid] = now;
    Atomics.store(rows.point, tid, point + 1);
  }
  rows.blamed[tid] = jid;
  rows.owner[tid] = owner;
  rows.told[tid] = Number(owner !== found);
  rows.woken[tid] = 0;
  rows.waker[tid] = 0;
}

/** Lay the wait so far to who caused it; since its wake-up that is `then`. */
function settle(profile: Profile, tid: number, now: number, then: number): void {
  const { point, since, woken, blamed } = profile.tables.waits;
  const until = woken[tid] === 0 ? now : woken[tid];
  profile.blame(point[tid] - 1, blamed[tid], until - since[tid]);
  profile.blame(point[tid] - 1, then, now - until);
  since[tid] = now;
}

/** Somebody ends the sleep of this row: what it still waits for is a processor. */
export function waitWoken({ profile, curtid }: Site, tid: number): void {
  const { waits: rows } = profile.tables;
  if (!profile.on || rows.point[tid] === 0) return;
  rows.woken[tid] = profile.nanos();
  rows.waker[tid] = rows.self[curtid];
}

/**
 * The wait of a row is over, with an errno or as V_NEXT and V_KILLED say. May be said by any thread,
 * and again.
 */
export function waitOver({ profile }: Site, tid: number, verdict: number): void {
  const { waits: rows } = profile.tables;
  const point = profile.on ? rows.point[tid] : 0;
  if (point === 0) return;
  const now = profile.nanos();
  const began = rows.began[tid];
  const since = rows.since[tid];
  const blamed = rows.blamed[tid];
  const woken = rows.woken[tid];
  const until = woken === 0 ? now : woken;
  if (Atomics.compareExchange(rows.point, tid, point, 0) !== point) return;
  profile.blame(point - 1, blamed, until - since);
  profile.blame(point - 1, NOBODY, now - until);
  profile.waited(point - 1, now - began);
  if (profile.trace === null) return;
  const { kind, id, num, jid } = profile.tables.points;
  const [at, lock] = [point - 1, kind[point - 1]];
  profile.trace.waited({
    ...{ began, over: now, woken, pid: rows.pid[tid], jid: jid[at] },
    ...{ kind: lock, id: id[at], num: num[at], sysno: SLEPT_IN[lock], verdict },
    ...{ holder: rows.owner[tid], blamed, waker: woken === 0 ? 0 : rows.waker[tid] },
  });
}

/** The calls that sleep for semaphores and queues. */
const SLEPT_IN: Readonly<Record<number, number>> = {
  [K_SEM]: SYS_semop,
  [K_SEND]: SYS_msgsnd,
  [K_RECEIVE]: SYS_msgrcv,
};

/**
 * A waker has given semaphores to `tid`: those who sleep for them on wait for that one now. The page
 * is locked, `sops` is its vector.
 */
export function semGiven(k: Site, page: SemPage, tid: number, sops: Sembufs): void {
  const { profile } = k;
  if (!profile.on) return;
  const { rows } = k.commons;
  const { waits: all } = profile.tables;
  const pid = all.pid[tid];
  for (let i = 0; i < sops.count; i++) {
    const num = sops.sem_num[i];
    if (page.sem.sempid[num] !== pid) semOwned(page, num, sops.sem_op[i], pid);
  }
  const now = profile.nanos();
  for (let other = page.hdr[P_SLEEP_HEAD]; other !== 0; other = rows.next[other]) {
    if (rows.facility[other] !== SLEEPS_SEM || all.point[other] === 0) continue;
    const num = rows.num[other];
    if (page.sem.sempid[num] !== pid) continue;
    settle(profile, other, now, NOBODY);
    const found = likelyOwner(page, num, rows.zero[other] === 1, all.pid[other]);
    const owner = found === 0 ? toldOwner(profile, all.pid[other]) : found;
    all.owner[other] = owner;
    all.told[other] = Number(owner !== found);
    all.blamed[other] = owner === 0 ? NOBODY : profile.jidOf(owner);
  }
}

/** Another process than the last one has changed a semaphore, or will have as soon as it runs. */
export function semOwned({ sem }: SemPage, num: number, op: number, pid: number): void {
  if (op < 0) sem.changes[num]++;
  sem.sempid[num] = pid;
}

/** The jail of the thread that owns locks as `self`; the kernel's is that of its caller. */
function jidAt(profile: Profile, self: number): number {
  if (self === KERNEL_OWNER) return profile.serving;
  return (profile.tables.jidAt[self] ?? 0) - 1;
}

/** The lock of a page that somebody holds. */
export const lockPageSlow = (k: Site, page: IpcPage): void =>
  lockSlow(k, page.mtx, 0, () => pageKey(page));

/** A global mutex that somebody holds, by its row. */
export const lockMutexSlow = (k: Site, row: number): void =>
  lockSlow(k, k.commons.locks, row, () => mutexKey(row));

/** Take a lock, and note how long that took, and because of whom. */
function lockSlow(k: Site, mtx: Int32Array, row: number, key: () => LockKey): void {
  const { profile } = k;
  if (!profile.on) return mtxLock(mtx, row, k.self, k.stuck);
  const from = profile.nanos();
  const parts: { jid: number; until: number }[] = [];
  let jid = jidAt(profile, mtxOwner(mtx, row));
  const first = jid;
  mtxLock(mtx, row, k.self, (owner) => {
    parts.push({ jid, until: profile.nanos() });
    jid = jidAt(profile, owner);
    k.stuck(owner);
  });
  const now = profile.nanos();
  const lock = key();
  const own = jidAt(profile, k.self);
  const point = profile.point(lock, own);
  profile.begins(point, first, 1);
  let since = from;
  for (const part of [...parts, { jid, until: now }]) {
    profile.blame(point, part.jid, part.until - since);
    since = part.until;
  }
  profile.waited(point, now - from);
  if (profile.trace === null) return;
  profile.trace.waited({
    ...{ began: from, over: now, woken: 0, waker: 0, holder: 0, blamed: jid, jid: own },
    ...{ kind: lock.kind, id: lock.id, num: lock.kind === K_MUTEX ? lock.ix : lock.num },
    // The kernel's thread has a line of its own in a trace: it waits in the middle of anybody's call.
    pid: k.self === KERNEL_OWNER ? 0 : profile.tables.waits.self[k.curtid],
    ...{ sysno: k.cursys, verdict: V_OK },
  });
}

export const pageKey = (page: IpcPage): LockKey =>
  keyOf("sem" in page ? K_SEMPAGE : K_MSGPAGE, page, 0);

/** A global mutex, by its row among those of the commons. */
const mutexKey = (row: number): LockKey => ({
  kind: K_MUTEX,
  ix: row,
  stamp: 0,
  num: 0,
  id: -1,
});

/** Mode full: what a thread notes of a lock that it holds, and since when. */
export interface Held {
  readonly profile: Profile;
  readonly self: number;
  at: number;
}

/** A page as this thread sees it from now on: in mode full the holds of its lock are timed. */
export function timed<P extends IpcPage>({ profile, self }: Site, page: P): P {
  if (profile.full) page.held = { profile, self, at: 0 };
  return page;
}

/** The same for a global mutex that this thread has held since `heldSince` says. */
export function mutexOver({ profile, self }: Site, row: number): void {
  const at = profile.heldSince.get(row);
  if (at !== undefined) heldOver({ profile, self, at }, mutexKey(row));
  profile.heldSince.delete(row);
}

export function heldOver({ profile, self, at }: Held, key: LockKey): void {
  profile.held(profile.point(key, jidAt(profile, self)), profile.nanos() - at);
}

/** Mode full: the process has changed a semaphore by `op`, and `before` was the last to do so. */
function semHeld(
  k: Site,
  td: Caller,
  page: SemPage,
  num: number,
  op: number,
  before: number,
): void {
  const { since } = page.sem;
  const now = k.profile.nanos();
  if (op < 0) since[num] = now;
  else if (op > 0 && before === td.p_pid && since[num] !== 0) {
    const point = k.profile.point(keyOf(K_SEM, page, num), k.profile.jidOf(td.p_pid));
    k.profile.held(point, now - since[num]);
    since[num] = 0;
  }
}
