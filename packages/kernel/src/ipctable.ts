/**
 * The slot table of one facility, system-wide. [COM-1] to [COM-6]
 *
 * A slot keeps its sequence number and its creation counter across free and reuse. Key search is a
 * map by key space and key: at most one live object of a space has a key, so the map finds what
 * FreeBSD's scan finds.
 */
import { IPC_PRIVATE, ipcidToIx, ipcidToSeq, ixseqToIpcid, nextSeq } from "@jailyard/abi/ipc";
import type { Ix } from "@jailyard/abi/types";
import type { Ucred } from "./cred.ts";
import {
  type IpcPage,
  P_ALIVE,
  P_CGID,
  P_CUID,
  P_GID,
  P_IX,
  P_KEY,
  P_MODE,
  P_SEQ,
  P_UID,
  T_STAMP,
} from "./ipcpage.ts";

/** The kernel's record of one object; the page is what threads may share. */
export interface IpcObject<P extends IpcPage> {
  readonly ix: Ix;
  readonly page: P;
  /** The creating credential; its prison owns the object for ever. [COM-8] */
  readonly cred: Ucred;
  /** The key space in which the object is found. */
  readonly space: number;
  /** Who made it, and when. */
  readonly cpid: number;
  readonly made: number;
}

export class IpcTable<P extends IpcPage> {
  readonly slots: (IpcObject<P> | null)[];
  readonly seq: Int32Array;
  /** Creations per slot since the module was loaded. */
  readonly stamp: Float64Array;
  /** Slots in use. */
  live = 0;
  readonly #keys = new Map<number, Map<number, Ix>>();
  #lowestFree = 0;

  constructor(slots: number) {
    this.slots = new Array(slots).fill(null);
    this.seq = new Int32Array(slots);
    this.stamp = new Float64Array(slots);
  }

  /** The live object with `key` in `space`; null if there is none. */
  find(space: number, key: number): IpcObject<P> | null {
    const ix = this.#keys.get(space)?.get(key);
    return ix === undefined ? null : this.slots[ix];
  }

  /** The object that `id` names; null if the slot is free or its sequence number differs. */
  at(id: number): IpcObject<P> | null {
    const ix = ipcidToIx(id);
    if (ix >= this.slots.length) return null;
    const object = this.slots[ix];
    return object !== null && this.seq[ix] === ipcidToSeq(id) ? object : null;
  }

  /** Lowest free index; -1 if all are in use. [COM-4] */
  lowestFree(): Ix | -1 {
    const { slots } = this;
    let ix = this.#lowestFree;
    while (ix < slots.length && slots[ix] !== null) ix++;
    this.#lowestFree = ix;
    return ix < slots.length ? (ix as Ix) : -1;
  }

  /** Put an object into free slot `ix`, count its creation, and fill in its ipc_perm. [COM-3] */
  insert(object: IpcObject<P>, key: number, mode: number): void {
    const { ix, page, cred } = object;
    this.seq[ix] = nextSeq(this.seq[ix]);
    this.stamp[ix]++;
    this.slots[ix] = object;
    this.live++;
    fillPerm(page, cred, key, mode);
    page.hdr[P_IX] = ix;
    page.hdr[P_SEQ] = this.seq[ix];
    page.times[T_STAMP] = this.stamp[ix];
    Atomics.store(page.hdr, P_ALIVE, 1);
    if (key !== IPC_PRIVATE) this.#space(object.space).set(key, ix);
  }

  /** Free a slot; the object's key must still be the one that it was inserted with, or 0. */
  remove(object: IpcObject<P>): void {
    this.forgetKey(object);
    Atomics.store(object.page.hdr, P_ALIVE, 0);
    this.slots[object.ix] = null;
    this.live--;
    if (object.ix < this.#lowestFree) this.#lowestFree = object.ix;
  }

  /** The key no longer finds the object. */
  forgetKey(object: IpcObject<P>): void {
    const key = object.page.hdr[P_KEY];
    const space = this.#keys.get(object.space);
    if (space?.get(key) !== object.ix) return;
    space.delete(key);
    if (space.size === 0) this.#keys.delete(object.space);
  }

  /** Keys that find an object. */
  get keys(): number {
    let count = 0;
    for (const space of this.#keys.values()) count += space.size;
    return count;
  }

  idOf(object: IpcObject<P>): number {
    return ixseqToIpcid(object.ix, this.seq[object.ix]);
  }

  #space(space: number): Map<number, Ix> {
    let keys = this.#keys.get(space);
    if (keys === undefined) {
      keys = new Map();
      this.#keys.set(space, keys);
    }
    return keys;
  }
}

function fillPerm(page: IpcPage, cred: Ucred, key: number, mode: number): void {
  const { hdr } = page;
  hdr[P_CUID] = cred.cr_uid;
  hdr[P_UID] = cred.cr_uid;
  hdr[P_CGID] = cred.cr_gid;
  hdr[P_GID] = cred.cr_gid;
  hdr[P_MODE] = mode;
  hdr[P_KEY] = key;
}
