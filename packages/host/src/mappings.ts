/**
 * The kernel's side of placement `direct`: which thread has which page, who may make calls on them,
 * and what happens to both when anything changes that they rest on.
 *
 * A thread has the pages of what its jail sees. A grant is a process's leave to use them: it has one
 * while its credentials are those that its slot shows and it looks from where the thread's pages
 * were given out. To take a grant back, its word is cleared and then every page of the thread is
 * locked and unlocked once: a call that saw the old word is over by then.
 */

import { IPC_R, IPC_STAT, IPC_W } from "@jailyard/abi/ipc";
import { GETNCNT, GETPID, GETVAL, GETZCNT } from "@jailyard/abi/sem";
import { SYS_msgctl, SYS_msgrcv, SYS_msgsnd, SYS_semctl, SYS_semop } from "@jailyard/abi/syscall";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { tableOf } from "@jailyard/kernel/facility";
import { type IpcPage, P_ALIVE } from "@jailyard/kernel/ipcpage";
import { permits } from "@jailyard/kernel/ipcperm";
import type { IpcObject } from "@jailyard/kernel/ipctable";
import type { Kernel } from "@jailyard/kernel/kernel";
import { KERNEL_OWNER } from "@jailyard/kernel/lockwait";
import type { Mapping } from "@jailyard/kernel/mappedsite";
import type { Root } from "@jailyard/kernel/model";
import { poolIsShared } from "@jailyard/kernel/msgpool";
import type { SemPage } from "@jailyard/kernel/sempage";
import { lockPage, lockQueues, unlockPage, unlockQueues } from "@jailyard/kernel/site";
import type { Thread } from "@jailyard/kernel/thread";
import { mtxOwner } from "@jailyard/memory/mutex";
import {
  DROPPED,
  DROPS,
  DYING,
  GID,
  GRANT,
  GROUPS,
  GROUPS_MAX,
  MAPS,
  NGROUPS,
  PID,
  SUSER,
  TID,
  UID,
} from "@jailyard/trap/gate";
import { type KernThread, post } from "@jailyard/trap/kern";

type AnyObject = IpcObject<IpcPage>;
type Roots = Record<Facility, Root | null>;

/** What one thread has. */
export class ThreadMaps {
  readonly thread: KernThread;
  /** Mapped and in use. */
  readonly objects = new Set<AnyObject>();
  /** Taken from it, as of which count of DROPS; it may not have let go yet. */
  readonly #dropped: { readonly page: IpcPage; readonly at: number }[] = [];
  /** From where its processes look; null until one has a grant. */
  roots: Roots | null = null;
  /** Pages that are locked until the thread has ended. */
  frozen: IpcPage[] | null = null;

  constructor(thread: KernThread) {
    this.thread = thread;
  }

  /** The thread is to let go of a page. */
  drop(page: IpcPage): void {
    const { head } = this.thread.page;
    const at = (head[DROPS] + 1) | 0;
    this.#dropped.push({ page, at });
    Atomics.store(head, DROPS, at);
  }

  /** Pages that the thread has let go of since it was last asked. */
  *letGo(): Generator<IpcPage> {
    const seen = Atomics.load(this.thread.page.head, DROPPED);
    while (this.#dropped.length > 0 && ((seen - this.#dropped[0].at) | 0) >= 0) {
      yield this.#dropped.shift()!.page;
    }
  }

  /** Has it the page, or may it? */
  has(page: IpcPage): boolean {
    for (const one of this.all()) if (one === page) return true;
    return false;
  }

  /** Every page that the thread may have. */
  *all(): Generator<IpcPage> {
    for (const { page } of this.objects) yield page;
    for (const { page } of this.#dropped) yield page;
  }
}

/** A process at the gate, as far as grants go. */
export interface Granted {
  readonly td: Thread;
  readonly thread: KernThread;
  readonly slot: number;
}

export class Mappings {
  readonly #k: Kernel;
  readonly #maps = new Map<KernThread, ThreadMaps>();
  /** Threads that have a page or may have it still. */
  readonly #holders = new Map<IpcPage, Set<KernThread>>();
  /** Pages of objects that are gone, until nobody has them. */
  readonly #retired = new Set<IpcPage>();
  #grants = 0;

  constructor(k: Kernel) {
    this.#k = k;
  }

  attach(thread: KernThread): void {
    this.#maps.set(thread, new ThreadMaps(thread));
  }

  of(thread: KernThread): ThreadMaps {
    return this.#maps.get(thread)!;
  }

  /** The thread is gone, and with it what it had. */
  detach(thread: KernThread): void {
    const maps = this.of(thread);
    this.#maps.delete(thread);
    for (const page of maps.all()) this.#letGo(thread, page);
  }

  #letGo(thread: KernThread, page: IpcPage): void {
    const holders = this.#holders.get(page);
    if (holders === undefined || this.#maps.get(thread)?.has(page)) return;
    holders.delete(thread);
    if (holders.size > 0) return;
    this.#holders.delete(page);
    if (this.#retired.delete(page)) this.#k.pages.keep(page.buffer);
  }

  /** Kernel hook `retired`: true if some thread has the page, which is kept until none does. */
  retired(page: IpcPage): boolean {
    this.#collect();
    const holders = this.#holders.get(page);
    if (holders === undefined) return false;
    this.#retired.add(page);
    this.#k.pages.drop(page.buffer);
    for (const thread of holders) {
      const maps = this.of(thread);
      for (const object of maps.objects) {
        if (object.page !== page) continue;
        maps.objects.delete(object);
        maps.drop(page);
      }
    }
    return true;
  }

  /** Take back what threads have let go of. */
  #collect(): void {
    if (this.#retired.size === 0) return;
    for (const maps of this.#maps.values()) {
      for (const page of maps.letGo()) this.#letGo(maps.thread, page);
    }
  }

  /**
   * Map what the call is about, if the caller's thread may have it and has not. The frame holds
   * the arguments. @returns true if the thread has it now and is to make the call itself
   */
  map({ td, thread, slot }: Granted, sysno: number, a: Float64Array): boolean {
    const f = onPage(sysno, a[2], a[1]);
    if (f === null || thread.page.words[thread.page.row(slot) + GRANT] <= 0) return false;
    const maps = this.of(thread);
    if (maps.frozen !== null) return false; // it may be ended at any moment
    const object = this.#find(td, f, a[0]);
    if (object === null || maps.objects.has(object)) return false;
    maps.objects.add(object);
    this.#hold(thread, object.page);
    post(thread, this.#mapping(td, f, object, thread.page.head[MAPS]));
    return true;
  }

  /** The object, if a thread may have it: visible, and one that the caller may use at all. */
  #find(td: Thread, f: "sem" | "msg", id: number): AnyObject | null {
    const k = this.#k;
    const root = k.model.root(k, f, td.p_ucred);
    if (root === null || !k.modules[f].calls) return null;
    if (f === "msg" && (k.racct !== null || !poolIsShared(k.msginfo.msgtql))) return null;
    const object = tableOf(k, f).at(id);
    if (object === null || object.page.hdr[P_ALIVE] === 0) return null;
    if (!k.model.visible(k, f, root, object)) return null;
    const usable = permits(td, object.page, IPC_R) || permits(td, object.page, IPC_W);
    return usable ? object : null;
  }

  #mapping(td: Thread, facility: "sem" | "msg", object: AnyObject, maps: number): Mapping {
    const k = this.#k;
    const { page } = object;
    return {
      facility,
      maps,
      id: tableOf(k, facility).idOf(object),
      buffer: page.buffer,
      nsems: facility === "sem" ? (page as SemPage).nsems : 0,
      showsKey: k.model.showsKey(td.p_ucred, object),
    };
  }

  #hold(thread: KernThread, page: IpcPage): void {
    const holders = this.#holders.get(page);
    if (holders === undefined) this.#holders.set(page, new Set([thread]));
    else holders.add(thread);
  }

  /** Give the process leave to make calls on its thread's pages, if it may have that. */
  grant({ td, thread, slot }: Granted, home: Thread["p_ucred"]["cr_prison"]): void {
    const { words } = thread.page;
    const row = thread.page.row(slot);
    const { cr_uid, cr_gid, cr_groups, cr_prison } = td.p_ucred;
    if (words[row + GRANT] > 0 || cr_prison !== home || cr_groups.length > GROUPS_MAX) return;
    const maps = this.of(thread);
    const roots = this.#roots(td);
    maps.roots ??= roots;
    if (!sameRoots(maps.roots, roots)) return;
    words[row + TID] = td.tid;
    words[row + PID] = td.p_pid;
    words[row + UID] = cr_uid;
    words[row + GID] = cr_gid;
    words[row + SUSER] = Number(cr_prison.pr_allow_suser);
    words[row + NGROUPS] = cr_groups.length;
    for (const [i, group] of cr_groups.entries()) words[row + GROUPS + i] = group;
    this.#grants = (this.#grants % 0x7fffffff) + 1;
    Atomics.store(words, row + GRANT, this.#grants);
  }

  #roots({ p_ucred }: Thread): Roots {
    const k = this.#k;
    return {
      msg: k.modules.msg.calls ? k.model.root(k, "msg", p_ucred) : null,
      sem: k.model.root(k, "sem", p_ucred),
      shm: k.model.root(k, "shm", p_ucred),
    };
  }

  /** Is the leave of this process what it would be given now? */
  #holds({ td, thread, slot }: Granted): boolean {
    const { words } = thread.page;
    const row = thread.page.row(slot);
    if (words[row + GRANT] <= 0) return true;
    const { cr_uid, cr_gid, cr_groups, cr_prison } = td.p_ucred;
    const same =
      words[row + UID] === (cr_uid | 0) &&
      words[row + GID] === (cr_gid | 0) &&
      words[row + SUSER] === Number(cr_prison.pr_allow_suser) &&
      words[row + NGROUPS] === cr_groups.length &&
      cr_groups.every((group, i) => words[row + GROUPS + i] === (group | 0));
    return same && sameRoots(this.of(thread).roots!, this.#roots(td));
  }

  /** Something may have changed: take back every leave and every page that is not right any more. */
  review(processes: readonly Granted[]): void {
    const wrong = new Set<KernThread>();
    for (const one of processes) if (!this.#holds(one)) wrong.add(one.thread);
    for (const thread of wrong) {
      const here = processes.filter((one) => one.thread === thread);
      this.#revoke(
        thread,
        here.map(({ slot }) => slot),
      );
    }
  }

  /** Take back all leaves and all pages of a thread. */
  #revoke(thread: KernThread, slots: readonly number[]): void {
    const { words, head } = thread.page;
    for (const slot of slots) {
      const at = thread.page.row(slot) + GRANT;
      if (words[at] !== DYING) Atomics.store(words, at, 0);
    }
    const maps = this.of(thread);
    this.barrier(thread);
    Atomics.add(head, MAPS, 1);
    maps.roots = null;
    for (const object of maps.objects) maps.drop(object.page);
    maps.objects.clear();
  }

  /** The process ends: it begins no call on a page, and goes on with none after a sleep. */
  die({ page }: KernThread, slot: number): void {
    Atomics.store(page.words, page.row(slot) + GRANT, DYING);
  }

  /** No call that began before this one is on its way on any page of the thread. */
  barrier(thread: KernThread): void {
    for (const page of this.of(thread).all()) {
      if (isOurs(page)) continue;
      lockPage(this.#k, page);
      unlockPage(page);
    }
  }

  /** Lock every page of a thread. @returns what unlocks them */
  still(thread: KernThread): () => void {
    const frozen = this.#freeze(thread);
    return () => thaw(frozen);
  }

  #freeze(thread: KernThread): IpcPage[] {
    const frozen: IpcPage[] = [];
    for (const page of this.of(thread).all()) {
      if (page.frozen === 0) {
        if (isOurs(page)) continue;
        lockPage(this.#k, page);
      }
      page.frozen++; // by each thread that has it and is to be ended
      frozen.push(page);
    }
    return frozen;
  }

  /** The thread is about to be ended: it is in no critical section until it is detached. */
  freeze(thread: KernThread): void {
    const maps = this.of(thread);
    if (maps.frozen !== null) return;
    // A thread that waits for a page below would hold the mutex of all queues, and the kernel wait.
    lockQueues(this.#k);
    this.#k.queuesFrozen++;
    maps.frozen = this.#freeze(thread);
  }

  /** It has ended. */
  thaw(thread: KernThread): void {
    const maps = this.of(thread);
    if (maps.frozen === null) return;
    thaw(maps.frozen);
    maps.frozen = null;
    this.#k.queuesFrozen--;
    unlockQueues(this.#k);
  }
}

const isOurs = (page: IpcPage): boolean =>
  page.frozen > 0 || mtxOwner(page.mtx, 0) === KERNEL_OWNER;

function thaw(frozen: readonly IpcPage[]): void {
  for (const page of frozen) {
    page.frozen--;
    unlockPage(page);
  }
}

const sameRoots = (a: Roots, b: Roots): boolean => FACILITIES.every((f) => a[f] === b[f]);

/** The facility of a call that a page can decide; null for others. */
function onPage(sysno: number, cmd: number, msgcmd: number): "sem" | "msg" | null {
  switch (sysno) {
    case SYS_semop:
      return "sem";
    case SYS_semctl:
      return READS.has(cmd) ? "sem" : null;
    case SYS_msgsnd:
    case SYS_msgrcv:
      return "msg";
    case SYS_msgctl:
      return msgcmd === IPC_STAT ? "msg" : null;
    default:
      return null;
  }
}

const READS: ReadonlySet<number> = new Set([GETVAL, GETPID, GETNCNT, GETZCNT, IPC_STAT]);
