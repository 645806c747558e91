/**
 * The jail's side of placement `direct`: calls of a process on pages that its thread has mapped,
 * with the functions of the page that the kernel uses too.
 *
 * A call takes the lock of the page and then looks whether it may go on: the object lives, and the
 * process's grant is the one it knows. The kernel takes a grant back before anything changes that
 * the grant rests on - credentials, what the jail sees, the end of the process - and then passes
 * through the locks of all pages that the thread has, so that no call is on its way any more.
 * EGATE: not mapped, not granted, or not for one page to decide; the kernel's thread does it.
 */
import { EDEAD, EGATE, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_R, IPC_W, ipcidToIx } from "@jailyard/abi/ipc";
import { type Msgbuf, msqidDs } from "@jailyard/abi/msg";
import { NO_REASON, type Reason } from "@jailyard/abi/reason";
import { SEM_UNDO, type Sembuf, type Sembufs, semidDs } from "@jailyard/abi/sem";
import { SYS_msgctl, SYS_msgrcv, SYS_msgsnd, SYS_semctl, SYS_semop } from "@jailyard/abi/syscall";
import type { Pid } from "@jailyard/abi/types";
import { mtxTry, mtxUnlock } from "@jailyard/memory/mutex";
import { INTERRUPTED, KILLED, TIMEDOUT, WOKEN } from "@jailyard/memory/sleepers";
import { type Asleep, goOn, lockAsleep, unlockAsleep } from "./asleep.ts";
import { C_BROKEN } from "./commons.ts";
import { type IpcPage, P_ALIVE, P_KEY } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import { lockPageSlow, waitOver } from "./lockwait.ts";
import { type Mapped, type MappedSite, NEVER } from "./mappedsite.ts";
import type { MsgPage } from "./msgpage.ts";
import {
  type MsgSend,
  type MsgWant,
  msgrcvLocked,
  msgsndLocked,
  RETRY_MS,
  sizeOf,
} from "./msgpass.ts";
import { msgStat } from "./msgread.ts";
import { type SemPage, SMALL_SOPS } from "./sempage.ts";
import { semGet, semStat } from "./semread.ts";
import type { UndoVector } from "./semundo.ts";
import { keepSops, semcheck, semopLocked, semopOne } from "./semvec.ts";
import { type Caller, lockPage, lockQueue, type Subject, unlockPage, unlockQueue } from "./site.ts";
import { awake, unlink } from "./sleepq.ts";
import { V_KILLED } from "./trace.ts";

/** What a process at the gate knows of itself, and the word that says whether it holds still. */
export interface Identity {
  readonly tid: number;
  readonly pid: Pid;
  readonly cred: Subject;
  readonly undo: UndoVector;
}

const SYSNO = { semop: SYS_semop, msgsnd: SYS_msgsnd, msgrcv: SYS_msgrcv } as const;
const NO_BYTES = new Uint8Array(0);

const NOBODY: Subject = {
  cr_uid: -1,
  cr_gid: -1,
  cr_groups: [],
  cr_prison: { pr_allow_suser: false },
};

/** What is done on a page that is locked; `key` is what this viewer is shown. */
type OnPage<P extends IpcPage> = (page: P, key: number) => Errno;

/** One process's calls on pages. */
export class MappedProcess implements Caller {
  readonly site: MappedSite;
  readonly #words: Int32Array;
  readonly #grantAt: number;
  #grant = 0;
  readonly #identity: () => Identity;
  tid = 0;
  p_pid = 0 as Pid;
  p_ucred: Subject = NOBODY;
  td_undo: UndoVector | null = null;
  td_retval = 0;
  td_reason: Reason = NO_REASON;
  td_interrupted = false;
  td_timedout = false;
  semds = semidDs();
  msgds = msqidDs();
  message: Readonly<Msgbuf> = { mtype: 0, mtext: new Uint8Array(0) };
  asleep: Asleep | null = null;

  /**
   * `words[grantAt]` is 0 without a grant, below 0 once the process ends, and else changes with what
   * `identity` gives.
   */
  constructor(site: MappedSite, words: Int32Array, grantAt: number, identity: () => Identity) {
    this.site = site;
    this.#words = words;
    this.#grantAt = grantAt;
    this.#identity = identity;
  }

  get retval(): number {
    return this.td_retval;
  }

  get reason(): Reason {
    return this.td_reason;
  }

  /** May calls be made at all, and does it know itself? */
  ready(sysno: number): boolean {
    const { site } = this;
    if (site.behind) site.follow();
    if (site.behind && site.isBroken) return false;
    const grant = this.#words[this.#grantAt];
    if (grant <= 0) return false;
    if (grant !== this.#grant) this.#introduce(grant);
    site.cursys = sysno;
    return true;
  }

  #introduce(grant: number): void {
    const { tid, pid, cred, undo } = this.#identity();
    this.tid = tid;
    this.p_pid = pid;
    this.p_ucred = cred;
    this.td_undo = undo;
    this.#grant = grant;
    this.site.headWords[this.site.callerAt] = tid;
  }

  /** The page is locked: may the call go on? */
  #may(page: IpcPage): boolean {
    return page.hdr[P_ALIVE] === 1 && this.#words[this.#grantAt] === this.#grant;
  }

  /**
   * semop(2) of one operation that need not wait and wakes nobody, on the set that was used last:
   * 50 ns, where semop() takes 80. The grant is looked at once, under the lock.
   *
   * @returns false if it is another call: nothing was done
   */
  semopOne(semid: unknown, num: number, op: number, undo: boolean): boolean {
    const { site } = this;
    const page = site.lastSem(semid);
    if (page === null || this.#grant === 0) return false;
    site.headWords[site.callerAt] = this.tid;
    try {
      // As lockPage does, of whose cases there are none here: only the kernel freezes, and holds of the
      // page that lastSem gives are not timed.
      if (!mtxTry(page.mtx, 0, site.self)) {
        site.cursys = SYS_semop;
        lockPageSlow(site, page);
      }
      const done = this.#may(page) && semopOne(site, this, page, num, op, undo);
      mtxUnlock(page.mtx, 0);
      if (done) site.count();
      return done;
    } catch (error) {
      site.headWords[site.brokenAt] = 1;
      site.commons.words[C_BROKEN] = 1;
      site.seenDrops = NEVER;
      throw error;
    }
  }

  /** semop(2). */
  semop(semid: number, sops: readonly Sembuf[]): Errno {
    const { site } = this;
    site.headWords[site.callerAt] = this.tid;
    try {
      return this.#semop(semid, sops);
    } catch (error) {
      site.headWords[site.brokenAt] = 1;
      site.commons.words[C_BROKEN] = 1;
      site.seenDrops = NEVER;
      throw error;
    }
  }

  #semop(semid: number, sops: readonly Sembuf[]): Errno {
    const { site } = this;
    const { boot } = site;
    if (sops.length > SMALL_SOPS && (sops.length > boot.semopm || boot.racct)) return EGATE;
    const mapped = this.ready(SYS_semop) ? site.sem(semid) : null;
    if (mapped === null) return EGATE;
    const { page } = mapped;
    lockPage(site, page);
    let error: Errno = EGATE;
    if (this.#may(page)) error = this.#semopLocked(page, sops);
    unlockPage(page);
    site.count();
    return error === ESLEEP
      ? this.#sleep({ call: "semop", page, sops: keepSops(site.sops) })
      : error;
  }

  #semopLocked(page: SemPage, sops: readonly Sembuf[]): Errno {
    const { site } = this;
    if (sops.length === 1) {
      const sop = sops[0];
      const undo = sop[2] !== undefined && (sop[2] & SEM_UNDO) !== 0;
      if (isShort(sop) && !site.isFull && semopOne(site, this, page, sop[0], sop[1], undo))
        return OK;
    }
    copyIn(sops, site.sops);
    const error = semcheck(this, page, site.sops);
    return error === OK ? semopLocked(site, this, page, site.sops) : error;
  }

  #sleep(asleep: Asleep): Errno {
    this.asleep = asleep;
    this.site.countSleep();
    this.site.sleptOn.set(this, asleep.page);
    return ESLEEP;
  }

  /** semctl(2): GETVAL and its kin. */
  semget(semid: number, semnum: number, cmd: number): Errno {
    return this.#onSet(semid, (page) => semGet(this, page, semnum, cmd));
  }

  /** semctl(2): IPC_STAT, into `semds`, which is another one each time: the program keeps it. */
  semstat(semid: number): Errno {
    this.semds = semidDs();
    return this.#onSet(semid, (page, key) => semStat(this, page, key, this.semds));
  }

  /** msgctl(2): IPC_STAT, into `msgds`, likewise. */
  msgstat(msqid: number): Errno {
    this.msgds = msqidDs();
    return this.#onQueue(msqid, (page, key) => msgStat(this, page, key, this.msgds));
  }

  #onSet(semid: number, call: OnPage<SemPage>): Errno {
    return this.#guard(() => this.#callSet(semid, call));
  }

  #callSet(semid: number, call: OnPage<SemPage>): Errno {
    const mapped = this.ready(SYS_semctl) ? this.site.sem(semid) : null;
    if (mapped === null) return EGATE;
    lockPage(this.site, mapped.page);
    const error = this.#locked(mapped, call);
    unlockPage(mapped.page);
    return error;
  }

  #onQueue(msqid: number, call: OnPage<MsgPage>): Errno {
    return this.#guard(() => this.#callQueue(msqid, call));
  }

  /**
   * The stack may overflow between lock and unlock. Then there is no room for a call here either:
   * three stores say so, and the kernel takes back what was begun, as if the thread had died.
   */
  #guard<T>(call: () => T): T {
    const { site } = this;
    site.headWords[site.callerAt] = this.tid;
    try {
      return call();
    } catch (error) {
      site.headWords[site.brokenAt] = 1;
      site.commons.words[C_BROKEN] = 1;
      site.seenDrops = NEVER;
      throw error;
    }
  }

  #callQueue(msqid: number, call: OnPage<MsgPage>): Errno {
    const mapped = this.ready(SYS_msgctl) ? this.site.msg(msqid) : null;
    if (mapped === null) return EGATE;
    lockQueue(this.site, mapped.page);
    const error = this.#locked(mapped, call);
    unlockQueue(this.site, mapped.page);
    return error;
  }

  #locked<P extends IpcPage>({ page, showsKey }: Mapped<P>, call: OnPage<P>): Errno {
    this.site.count();
    this.td_retval = 0;
    return this.#may(page) ? call(page, showsKey ? page.hdr[P_KEY] : 0) : EGATE;
  }

  /** msgsnd(2) of the first `msgsz` bytes of `mtext`. */
  msgsnd(msqid: number, mtype: number, mtext: Uint8Array, msgsz: number, msgflg: number): Errno {
    const { site } = this;
    site.headWords[site.callerAt] = this.tid;
    try {
      return this.#msgsnd(msqid, { mtype, mtext, msgsz: sizeOf(msgsz), msgflg, kept: false });
    } catch (error) {
      site.headWords[site.brokenAt] = 1;
      site.commons.words[C_BROKEN] = 1;
      site.seenDrops = NEVER;
      throw error;
    }
  }

  #msgsnd(msqid: number, send: MsgSend): Errno {
    const { site } = this;
    const mapped = this.ready(SYS_msgsnd) ? site.msg(msqid) : null;
    if (mapped === null) return EGATE;
    const { page } = mapped;
    lockQueue(site, page);
    let error: Errno = EGATE;
    if (this.#may(page)) error = ipcperm(this, page, IPC_W);
    if (error === OK) error = msgsndLocked(site, this, page, send);
    unlockQueue(site, page);
    site.count();
    if (error !== ESLEEP) return error;
    return this.#sleep({ call: "msgsnd", page, ix: ipcidToIx(msqid), send });
  }

  /** msgrcv(2), into `message`. */
  msgrcv(msqid: number, msgsz: number, msgtyp: number, msgflg: number): Errno {
    const { site } = this;
    site.headWords[site.callerAt] = this.tid;
    try {
      const msg = { mtype: 0, mtext: NO_BYTES };
      return this.#msgrcv(msqid, { msg, msgsz: sizeOf(msgsz), msgtyp, msgflg, fresh: true });
    } catch (error) {
      site.headWords[site.brokenAt] = 1;
      site.commons.words[C_BROKEN] = 1;
      site.seenDrops = NEVER;
      throw error;
    }
  }

  #msgrcv(msqid: number, want: MsgWant): Errno {
    const { site } = this;
    const mapped = this.ready(SYS_msgrcv) ? site.msg(msqid) : null;
    if (mapped === null) return EGATE;
    const { page } = mapped;
    lockQueue(site, page);
    let error: Errno = EGATE;
    if (this.#may(page)) error = ipcperm(this, page, IPC_R);
    if (error === OK) error = msgrcvLocked(site, this, page, want, WOKEN);
    unlockQueue(site, page);
    site.count();
    if (error === OK) this.message = want.msg as Msgbuf;
    return error === ESLEEP ? this.#sleep({ call: "msgrcv", page, want }) : error;
  }

  /** Go on after a sleep; ESLEEP if it is not over. EGATE: in the kernel, see `asleep`. */
  resume(): Errno {
    return this.#guard(() => this.#resume());
  }

  #resume(): Errno {
    const { site } = this;
    const asleep = this.asleep!;
    site.mend();
    if (site.commons.sleepers.isAsleep(this.tid)) return ESLEEP;
    site.cursys = SYSNO[asleep.call];
    lockAsleep(site, asleep);
    if (this.#ends()) {
      unlockAsleep(site, asleep);
      return ESLEEP; // until the kernel has taken back what the sleep left
    }
    const how = site.commons.sleepers.state[this.tid];
    this.td_interrupted = how === INTERRUPTED;
    this.td_timedout = how === TIMEDOUT;
    if (how === KILLED) awake(site, this.tid);
    const error = how === KILLED ? EDEAD : goOn(site, this, asleep, how);
    unlockAsleep(site, asleep);
    if (error !== ESLEEP) waitOver(site, this.tid, how === KILLED ? V_KILLED : error);
    if (error === ESLEEP || error === EGATE) return error;
    this.asleep = null;
    site.sleptOn.delete(this);
    if (asleep.call !== "semop") site.drained();
    if (asleep.call === "msgrcv" && error === OK) this.message = asleep.want.msg as Msgbuf;
    return error;
  }

  /** Has the kernel begun to end the process, and not come to its sleep yet? */
  #ends(): boolean {
    const { state } = this.site.commons.sleepers;
    return this.#words[this.#grantAt] < 0 && Atomics.load(state, this.tid) !== KILLED;
  }

  /** The kernel has taken over what `asleep` says. */
  resumed(): void {
    this.asleep = null;
    this.site.sleptOn.delete(this);
    this.site.drained();
  }

  /** A signal that is caught came: end the sleep unless somebody has. */
  interrupt(): void {
    this.#end(INTERRUPTED);
  }

  /** How long the sleep may last without being woken, in milliseconds. */
  patience(): number {
    const retries = this.asleep?.call === "msgsnd" && !this.site.boot.virtualClock;
    return retries ? RETRY_MS : Number.POSITIVE_INFINITY;
  }

  /** That time has run out. */
  expire(): void {
    this.#end(TIMEDOUT);
  }

  #end(how: number): void {
    this.#guard(() => this.#endSleep(how));
  }

  #endSleep(how: number): void {
    const { site, tid, asleep } = this;
    if (asleep === null) return;
    site.mend();
    site.cursys = SYSNO[asleep.call];
    lockAsleep(site, asleep);
    if (site.commons.sleepers.isAsleep(tid)) {
      unlink(site, tid, asleep.page);
      site.wake(tid, how);
    }
    unlockAsleep(site, asleep);
  }
}

/** Are number and operation what C would have in an unsigned short and a short? */
const isShort = (sop: Sembuf): boolean =>
  (sop[0] & 0xffff) === sop[0] && (sop[1] << 16) >> 16 === sop[1];

function copyIn(sops: readonly Sembuf[], out: Sembufs): void {
  out.count = sops.length;
  for (let i = 0; i < sops.length; i++) {
    const sop = sops[i];
    out.sem_num[i] = sop[0];
    out.sem_op[i] = sop[1];
    out.sem_flg[i] = sop[2] ?? 0;
  }
}
