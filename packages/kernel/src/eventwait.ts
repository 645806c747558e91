/**
 * Waits that programs name, as PostgreSQL's wait events: what a process waits for in its own words,
 * and who it thinks can end that. They may take no system call, one or several. Counted beside the
 * waits for locks and in no sum with them; but where nobody can be found who holds a semaphore or
 * fills a queue, who the sleeper has named is taken to.
 *
 * The thread of the process writes, without a call of the kernel: it costs nothing unless it waits.
 */
import { LABEL_MAX, NOBODY } from "@jailyard/abi/contention";
import { K_EVENT, NAMES_MAX, OTHERS, type Profile } from "./profile.ts";

const EMPTY = 0;
const CLAIMED = 1;
const READY = 2;

/** A thread's hand on them. */
export class EventWaits {
  readonly #profile: Profile;
  readonly #rows = new Map<string, number>();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  /** `pid` waits for `event` from now on, until `owner` goes on, 0: nobody who is known. */
  begin(pid: number, event: string, owner: number): void {
    const profile = this.#profile;
    const { named, points } = profile.tables;
    if (named.point[pid] !== 0) eventOver(profile, pid);
    const row = this.#rowOf(event);
    if (row === -1) return;
    const key = { kind: K_EVENT, ix: row, stamp: 0, num: 0, id: row };
    const point = profile.point(key, profile.jidOf(pid));
    const by = owner === pid ? 0 : owner;
    profile.begins(point, jidOf(profile, by), Atomics.add(points.waiting, point, 1) + 1);
    named.owner[pid] = by;
    named.since[pid] = profile.nanos();
    Atomics.store(named.point, pid, point + 1);
  }

  end(pid: number): void {
    if (this.#profile.tables.named.point[pid] !== 0) eventOver(this.#profile, pid);
  }

  #rowOf(event: string): number {
    let row = this.#rows.get(event);
    if (row === undefined) {
      row = nameRow(this.#profile, event);
      this.#rows.set(event, row);
    }
    return row;
  }
}

const jidOf = (profile: Profile, pid: number): number => (pid === 0 ? NOBODY : profile.jidOf(pid));

/** The row of a name; made if it is not there; -1 if there is no room. */
function nameRow(profile: Profile, event: string): number {
  const { state } = profile.tables.names;
  for (let row = 0; row < NAMES_MAX; row++) {
    const before = Atomics.compareExchange(state, row, EMPTY, CLAIMED);
    if (before === EMPTY) {
      write(profile, row, event);
      return row;
    }
    // Another thread writes it right now: at worst a name has two rows, which a snapshot adds up.
    if (before === READY && eventName(profile, row) === event) return row;
  }
  return -1;
}

function write({ tables: { names, text } }: Profile, row: number, event: string): void {
  const length = Math.min(event.length, LABEL_MAX);
  for (let i = 0; i < length; i++) text[row * LABEL_MAX + i] = event.charCodeAt(i);
  names.length[row] = length;
  Atomics.store(names.state, row, READY);
}

export function eventName({ tables: { names, text } }: Profile, row: number): string {
  if (row === OTHERS) return "others";
  const at = row * LABEL_MAX;
  return String.fromCharCode(...text.subarray(at, at + names.length[row]));
}

/** What a process waits for by its own account; null if it has not said. */
export function eventOf(profile: Profile, pid: number): string | null {
  if (!profile.on) return null;
  const point = Atomics.load(profile.tables.named.point, pid) - 1;
  return point < 0 ? null : eventName(profile, profile.tables.points.ix[point]);
}

/** For whom a process waits by its own account; 0: it has not said. */
export function toldOwner({ tables: { named } }: Profile, pid: number): number {
  return named.point[pid] === 0 ? 0 : named.owner[pid];
}

/** The wait is over, or its process. */
export function eventOver(profile: Profile, pid: number): void {
  if (!profile.on) return;
  const { named, points } = profile.tables;
  const owner = named.owner[pid];
  const since = named.since[pid];
  const point = Atomics.exchange(named.point, pid, 0) - 1;
  if (point < 0) return; // another thread was first
  Atomics.sub(points.waiting, point, 1);
  const nanos = profile.nanos() - since;
  profile.blame(point, jidOf(profile, owner), nanos);
  profile.waited(point, nanos);
}
