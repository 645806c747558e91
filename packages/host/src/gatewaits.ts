/** Waits of one jail for the kernel's thread, until they are told to the tables. */
import type { Profile, Waits } from "@jailyard/kernel/profile";

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
  readonly #point: number;
  readonly #by = new Map<number, Blame>();
  /** Whom it met last: often the same as before. */
  #last = new Blame(Number.NaN);
  count = 0;
  longest = 0;
  max = 0;

  /** `point` is the row of the gate and this jail. */
  constructor(point: number) {
    this.#point = point;
  }

  get by(): Iterable<Blame> {
    return this.#by.values();
  }

  /** `jid` made one of the waits longer by `nanos`. */
  blame(jid: number, nanos: number): void {
    this.#of(jid).nanos += nanos;
  }

  /** A wait is over that found `queue` calls before it, the first one of `jid`. */
  over(profile: Profile, jid: number, queue: number, nanos: number): void {
    this.#of(jid).count++;
    this.count++;
    if (queue > this.longest) this.longest = queue;
    if (nanos > this.max) this.max = nanos;
    profile.countWait(this.#point, nanos);
  }

  #of(jid: number): Blame {
    if (this.#last.jid === jid) return this.#last;
    let blame = this.#by.get(jid);
    if (blame === undefined) {
      blame = new Blame(jid);
      this.#by.set(jid, blame);
    }
    this.#last = blame;
    return blame;
  }

  /** Into the tables with all of them. */
  tell(profile: Profile): void {
    if (this.count === 0) return;
    profile.add(this.#point, this);
    this.#by.clear();
    this.#last = new Blame(Number.NaN);
    this.count = 0;
    this.longest = 0;
    this.max = 0;
  }
}
