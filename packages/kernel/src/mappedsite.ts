/**
 * A thread of a jail as a place of calls, in placement `direct`: the pages that the kernel has mapped
 * into it, and what it is told of them.
 */
import { STATS, type Stats } from "@jailyard/abi/contention";
import { type Sembufs, sembufs } from "@jailyard/abi/sem";
import { waitWhile } from "@jailyard/memory/futex";
import type { Stuck } from "@jailyard/memory/mutex";
import { KERNEL } from "@jailyard/memory/sleepers";
import { C_BROKEN, C_DRAIN, C_TIME, type Commons } from "./commons.ts";
import { type IpcPage, P_ALIVE } from "./ipcpage.ts";
import { timed } from "./lockwait.ts";
import { type MsgPage, msgPage } from "./msgpage.ts";
import { Profile } from "./profile.ts";
import { mostSops, type SemPage, semPage } from "./sempage.ts";
import type { UndoVector } from "./semundo.ts";
import type { Site } from "./site.ts";
import type { Trace } from "./trace.ts";

/** A page on its way to a thread. */
export interface Mapping {
  readonly facility: "sem" | "msg";
  readonly id: number;
  /** Which count of MAPS it belongs to: once that has moved on it is not the thread's any more. */
  readonly maps: number;
  readonly buffer: SharedArrayBuffer;
  readonly nsems: number;
  /** Is the object's key shown to the processes of this thread? */
  readonly showsKey: boolean;
}

export interface Mapped<P extends IpcPage> {
  readonly page: P;
  readonly showsKey: boolean;
  readonly maps: number;
}

/** Words that the thread shares with the kernel, and where in them is what. */
export interface Head {
  readonly words: Int32Array;
  readonly drops: number;
  readonly dropped: number;
  readonly maps: number;
  readonly caller: number;
  readonly calls: number;
  readonly sleeps: number;
  readonly broken: number;
}

/** What a thread is told at its start. */
export interface SiteBoot {
  readonly handoff: boolean;
  readonly globalLocks: boolean;
  readonly racct: boolean;
  readonly semume: number;
  readonly semopm: number;
  readonly msgssz: number;
  readonly msgtql: number;
  readonly msgmnb: number;
  /** Timeouts are the kernel's affair: its clock stands still. */
  readonly virtualClock: boolean;
  /** Statistics of locks. */
  readonly stats: Stats;
}

/** No count of drops: a thread that has seen so many looks what there is at its next call. */
export const NEVER = -1;

/** How long a thread waits for the kernel before it rings again, in milliseconds. */
const MEND_MS = 20;

/** A thread of a jail as the place of calls. */
export class MappedSite implements Site {
  readonly commons: Commons;
  readonly boot: SiteBoot;
  readonly msginfo: Site["msginfo"];
  readonly handoff: boolean;
  readonly globalLocks: boolean;
  readonly queuesFrozen = 0;
  readonly home: number;
  readonly profile: Profile;
  /** Is every hold of a semaphore timed? */
  readonly isFull: boolean;
  readonly stuck: Stuck = () => this.#callForHelp();
  readonly self: number;
  readonly #head: Head;
  /** Words of `head` and of the commons, for breakdown. */
  readonly headWords: Int32Array;
  readonly brokenAt: number;
  readonly #dropsAt: number;
  /**
   * Where in `headWords` the tid of whose call is under way is, before the call does anything: who
   * holds a lock is found by this if the thread dies, and whose sleep nobody comes back to.
   */
  readonly callerAt: number;
  cursys = 0;
  readonly #callsAt: number;
  readonly sops: Sembufs;
  readonly #ringKernel: () => void;
  readonly #receive: () => void;
  readonly #sem = new Map<number, Mapped<SemPage>>();
  readonly #msg = new Map<number, Mapped<MsgPage>>();
  /** DROPS as far as it was followed. */
  seenDrops: number;
  #maps: number;
  #lastId = -1;
  #last: Mapped<SemPage> | null = null;
  #lastPage: SemPage | null = null;
  /** Pages that sleeping calls of this thread come back to. */
  readonly sleptOn = new Map<object, IpcPage>();

  /**
   * `self` owns the locks taken here; `home` is where its processes sleep; `receive` takes what the
   * kernel has posted, and maps it; `nanos` is the profile's clock, and `trace` told of waits.
   */
  constructor(
    commons: Commons,
    boot: SiteBoot,
    { self, home, head }: { self: number; home: number; head: Head },
    ringKernel: () => void,
    receive: () => void,
    nanos: () => number,
    trace: Trace | null,
  ) {
    this.profile = new Profile(commons.profile, STATS.indexOf(boot.stats), nanos, trace);
    this.isFull = this.profile.full;
    this.#receive = receive;
    this.self = self;
    this.#head = head;
    this.headWords = head.words;
    this.brokenAt = head.broken;
    this.#dropsAt = head.drops;
    this.callerAt = head.caller;
    this.#callsAt = head.calls;
    this.seenDrops = head.words[head.drops];
    this.#maps = head.words[head.maps];
    this.commons = commons;
    this.boot = boot;
    this.handoff = boot.handoff;
    this.globalLocks = boot.globalLocks;
    this.home = home;
    this.#ringKernel = ringKernel;
    this.msginfo = { msgssz: boot.msgssz };
    this.sops = sembufs(mostSops(boot.semopm));
  }

  get now(): number {
    return this.commons.words[C_TIME] >>> 0;
  }

  /** Is there a page that this thread is to let go of, or did a call of it break? */
  get behind(): boolean {
    return this.headWords[this.#dropsAt] !== this.seenDrops;
  }

  /** Let go of what the kernel has taken from this thread, and say so. */
  follow(): void {
    const { words, drops, dropped, maps } = this.#head;
    const at = Atomics.load(words, drops);
    this.#receive(); // a page that is on its way is one to let go of too
    if (words[maps] !== this.#maps) {
      this.#maps = words[maps];
      this.#forget();
    }
    if (!this.#sweep()) return;
    if (!this.isBroken) this.seenDrops = at;
    Atomics.store(words, dropped, at);
  }

  /** Did an exception end a call of this thread in the middle? It makes no other until mended. */
  get isBroken(): boolean {
    return this.headWords[this.brokenAt] !== 0;
  }

  /** Wait until the kernel has taken back what that call had begun. */
  mend(): void {
    if (this.isBroken) waitWhile(this.headWords, this.brokenAt, 1, MEND_MS, this.#ringKernel);
  }

  #callForHelp(): void {
    if (this.commons.words[C_BROKEN] !== 0) this.#ringKernel();
  }

  get curtid(): number {
    return this.headWords[this.callerAt];
  }

  count(): void {
    this.headWords[this.#callsAt]++;
  }

  countSleep(): void {
    this.#head.words[this.#head.sleeps]++;
  }

  /** What the kernel posted. A page that is gone by now is none: `follow` says so. */
  map({ facility, id, maps, buffer, nsems, showsKey }: Mapping): void {
    const { semopm, msgtql, msgmnb } = this.boot;
    this.#forgetLast();
    const more = { showsKey, maps };
    if (facility === "sem")
      this.#sem.set(id, { page: timed(this, semPage(buffer, nsems, semopm)), ...more });
    else this.#msg.set(id, { page: timed(this, msgPage(buffer, msgtql, msgmnb)), ...more });
  }

  sem(semid: number): Mapped<SemPage> | null {
    if (semid === this.#lastId) return this.#last;
    const mapped = this.#sem.get(semid) ?? null;
    if (mapped !== null) {
      this.#lastId = semid;
      this.#last = mapped;
      this.#lastPage = this.isFull ? null : mapped.page; // holds are timed elsewhere
    }
    return mapped;
  }

  /** The page of the set that was used last, if that is it and nothing is to be looked after first. */
  lastSem(semid: unknown): SemPage | null {
    return semid === this.#lastId && !this.behind ? this.#lastPage : null;
  }

  #forgetLast(): void {
    this.#lastId = -1;
    this.#last = null;
    this.#lastPage = null;
  }

  msg(msqid: number): Mapped<MsgPage> | null {
    return this.#msg.get(msqid) ?? null;
  }

  /** Everything but what was mapped since. */
  #forget(): void {
    for (const map of [this.#sem, this.#msg]) {
      for (const [id, { maps }] of map) if (maps !== this.#maps) map.delete(id);
    }
    this.#forgetLast();
  }

  /** Let go of pages whose objects are gone. @returns false if a sleeping call has one still */
  #sweep(): boolean {
    this.#forgetLast();
    for (const map of [this.#sem, this.#msg]) {
      for (const [id, { page }] of map) if (page.hdr[P_ALIVE] === 0) map.delete(id);
    }
    for (const { buffer } of this.sleptOn.values()) if (!this.#has(buffer)) return false;
    return true;
  }

  #has(buffer: SharedArrayBuffer): boolean {
    for (const map of [this.#sem, this.#msg]) {
      for (const { page } of map.values()) if (page.buffer === buffer) return true;
    }
    return false;
  }

  makeUndo(): UndoVector {
    throw new Error("a process at the gate has its undo vector from the beginning");
  }

  wake(tid: number, how: number): void {
    const { sleepers } = this.commons;
    const central = sleepers.home[tid] === KERNEL;
    sleepers.wake(tid, how);
    if (central) this.#ringKernel();
  }

  taken(): void {} // accounting is on: no queue is mapped

  /** A call of a message queue is over that slept: somebody may wait for that. */
  drained(): void {
    if (this.commons.words[C_DRAIN] !== 0) this.#ringKernel();
  }
}
