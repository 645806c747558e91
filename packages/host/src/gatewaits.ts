/** Waits of one jail for the kernel's thread, until they are told to the tables. */
import type { LockKey, Profile, Waits } from "@jailyard/kernel/profile";

/** A jail that made it wait. */
class Blame {
  readonly jid: number;
  count = 0;
  nanos = 0;

  constructor(jid: number) {
    this.jid = jid;
  }
}

export class GateWaits implements Waits {
  readonly #by = new Map<number, Blame>();
  /** How long each of them took. */
  readonly each: number[] = [];
  longest = 0;

  get by(): Iterable<Blame> {
    return this.#by.values();
  }

  /** `jid` made one of the waits longer by `nanos`. */
  blame(jid: number, nanos: number): void {
    this.#of(jid).nanos += nanos;
  }

  /** A wait is over that found `queue` calls before it, the first one of `jid`. */
  over(jid: number, queue: number, nanos: number): void {
    this.#of(jid).count++;
    this.each.push(nanos);
    if (queue > this.longest) this.longest = queue;
  }

  #of(jid: number): Blame {
    let blame = this.#by.get(jid);
    if (blame === undefined) {
      blame = new Blame(jid);
      this.#by.set(jid, blame);
    }
    return blame;
  }

  /** Into the tables with all of them, which are those of `jid` for the gate. */
  tell(profile: Profile, key: LockKey, jid: number): void {
    if (this.each.length === 0) return;
    profile.add(profile.point(key, jid), this);
    this.#by.clear();
    this.each.length = 0;
    this.longest = 0;
  }
}
