/**
 * What the kernel's thread alone keeps of locks: names of jails that may be gone, labels, counters of
 * objects that were removed, deadlocks that were found.
 */
import type { Deadlock } from "@jailyard/abi/contention";
import type { Facility } from "@jailyard/abi/types";
import { mtxTaken } from "@jailyard/memory/mutex";
import { type IpcPage, P_TICKET, T_STAMP } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import { type MsgPage, P_RECEIVED, P_SENT } from "./msgpage.ts";
import { K_MSGPAGE, K_RECEIVE, K_SEM, K_SEMPAGE, K_SEND } from "./profile.ts";
import type { SemPage } from "./sempage.ts";

/** What is counted of a lock without a clock. */
export interface LockCounters {
  readonly kind: number;
  readonly ix: number;
  readonly stamp: number;
  readonly num: number;
  readonly id: number;
  readonly owner: number;
  readonly label: string | null;
  readonly taken: number;
  readonly changes: number;
}

type AnyObject = IpcObject<IpcPage>;

/** Objects that were waited for and are gone, of which more than a sum is kept. */
const GONE_MAX = 4096;

export class LockBook {
  readonly jails = new Map<number, string>();
  readonly deadlocks: Deadlock[] = [];
  readonly gone: LockCounters[] = [];
  /** Sums of what is gone and not there, by kind and owner. */
  readonly sums = new Map<
    string,
    { kind: number; owner: number; taken: number; changes: number }
  >();
  readonly #labels = new WeakMap<AnyObject, Map<number, string>>();

  /** A program has a name for a lock of an object; an empty one is none. */
  label(object: AnyObject, num: number, text: string): void {
    const labels = this.#labels.get(object) ?? new Map<number, string>();
    this.#labels.set(object, labels);
    if (text === "") labels.delete(num);
    else labels.set(num, text);
  }

  labelOf(object: AnyObject, num: number): string | null {
    return this.#labels.get(object)?.get(num) ?? null;
  }

  /** Counters of all locks of an object. */
  *countersOf(f: Facility, object: AnyObject, id: number): Generator<LockCounters> {
    const { page, cred } = object;
    const labels = this.#labels.get(object);
    const common = {
      ix: object.ix,
      stamp: page.times[T_STAMP] | 0,
      id,
      owner: cred.cr_prison.pr_id,
    };
    const row = (kind: number, num: number, taken: number, changes: number): LockCounters => {
      const label = kind === K_SEMPAGE || kind === K_MSGPAGE ? null : (labels?.get(num) ?? null);
      return { ...common, kind, num, label, taken: taken >>> 0, changes: changes >>> 0 };
    };
    if (f === "sem") {
      const { sem, nsems } = page as SemPage;
      for (let num = 0; num < nsems; num++) yield row(K_SEM, num, sem.taken[num], sem.changes[num]);
      yield row(K_SEMPAGE, 0, mtxTaken(page.mtx, 0), 0);
    } else if (f === "msg") {
      const { hdr } = page as MsgPage;
      yield row(K_SEND, 0, hdr[P_SENT], 0);
      yield row(K_RECEIVE, 0, hdr[P_RECEIVED], 0);
      yield row(K_MSGPAGE, 0, mtxTaken(page.mtx, 0), 0);
    }
  }

  /** The object is about to go. */
  retire(f: Facility, object: AnyObject, id: number): void {
    const isKept = object.page.hdr[P_TICKET] !== 0 && this.gone.length < GONE_MAX;
    for (const counters of this.countersOf(f, object, id)) {
      if (counters.taken === 0) continue;
      if (isKept) this.gone.push(counters);
      else this.#add(counters);
    }
  }

  #add({ kind, owner, taken, changes }: LockCounters): void {
    const key = `${kind} ${owner}`;
    const sum = this.sums.get(key) ?? { kind, owner, taken: 0, changes: 0 };
    this.sums.set(key, sum);
    sum.taken += taken;
    sum.changes += changes;
  }
}
