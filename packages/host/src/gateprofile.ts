/**
 * Waits at the gate: a call that comes while the kernel's thread works for others waits for those
 * that it takes up before. A call that finds the kernel idle has no wait, whatever its wake-up takes.
 *
 * The kernel's thread alone counts them, at each of a million calls a second; so it keeps them to
 * itself until it has nothing to do, or for so many calls: a call takes 0.65 us instead of 1.
 */
import { NOBODY } from "@jailyard/abi/contention";
import { SYS_UNMAPPED } from "@jailyard/abi/syscall";
import { K_GATE, type LockKey, type Profile } from "@jailyard/kernel/profile";
import { V_OK } from "@jailyard/kernel/trace";
import type { GateWatch, KernThread } from "@jailyard/trap/kern";
import { GateWaits } from "./gatewaits.ts";

const KEY: LockKey = { kind: K_GATE, ix: 0, stamp: 0, num: 0, id: -1 };
/** Calls before a call among which its wait is divided; what is older is nobody's. A power of two. */
const LOG = 256;
/** Waits that the tables may lack. */
const UNTOLD = 1024;

/** Who calls, by index of the thread at the gate, and slot. */
interface Callers {
  jidOf(thread: number): number;
  pidOf(thread: number, slot: number): number;
}

export class GateProfile implements GateWatch {
  readonly #profile: Profile;
  readonly #callers: () => Callers;
  /** Whose calls were taken up last, and when; 0: the clock was not read. */
  readonly #jids = new Int32Array(LOG);
  readonly #begins = new Float64Array(LOG);
  #calls = 0;
  /** Mode full: when the call that is under way was taken up. */
  #since = 0;
  /** Waits by jail. */
  readonly #waits = new Map<number, GateWaits>();
  #untold = 0;

  constructor(profile: Profile, callers: () => Callers) {
    this.#profile = profile;
    this.#callers = callers;
    profile.serving = NOBODY;
  }

  begin({ ix }: KernThread, slot: number, sysno: number, came: number): void {
    const profile = this.#profile;
    const jid = this.#callers().jidOf(ix);
    const now = came !== 0 || profile.full ? profile.nanos() : 0;
    if (profile.full) this.#held(now);
    if (came !== 0) {
      const nanos = ((now | 0) - came) >>> 0;
      const blamed = this.#waited(jid, now, nanos);
      profile.trace?.waited({
        ...{ began: now - nanos, over: now, woken: 0, pid: this.#callers().pidOf(ix, slot), jid },
        ...{ kind: K_GATE, id: KEY.id, num: 0, holder: 0, blamed, waker: 0 },
        ...{ sysno: sysno & ~SYS_UNMAPPED, verdict: V_OK },
      });
    }
    this.#jids[this.#calls & (LOG - 1)] = jid;
    this.#begins[this.#calls & (LOG - 1)] = now;
    this.#calls++;
    this.#since = now;
    profile.serving = jid;
  }

  served(): void {
    const profile = this.#profile;
    if (profile.full) this.#held(profile.nanos());
    this.#since = 0;
    profile.serving = NOBODY;
    if (this.#untold >= UNTOLD) this.idle();
  }

  idle(): void {
    if (this.#untold === 0) return;
    this.#untold = 0;
    for (const [jid, waits] of this.#waits) waits.tell(this.#profile, KEY, jid);
  }

  #held(now: number): void {
    if (this.#since === 0) return;
    const profile = this.#profile;
    profile.held(profile.point(KEY, profile.serving), now - this.#since);
  }

  /** From the last call back to the one that was under way when this one came. @returns whose that was */
  #waited(jid: number, now: number, nanos: number): number {
    const waits = this.#waitsOf(jid);
    const from = now - nanos;
    const oldest = Math.max(0, this.#calls - LOG);
    let until = now;
    let first = NOBODY;
    let end = now; // of what calls of `first` took, one after the other
    let queue = 0;
    for (let i = this.#calls - 1; i >= oldest && until > from; i--) {
      const by = this.#jids[i & (LOG - 1)];
      if (by !== first) {
        if (end > until) waits.blame(first, end - until);
        first = by;
        end = until;
      }
      until = Math.max(from, this.#begins[i & (LOG - 1)]); // not read: it had begun before this came
      queue++;
    }
    if (end > until) waits.blame(first, end - until);
    if (until > from) waits.blame(NOBODY, until - from);
    waits.over(first, queue, nanos);
    this.#untold++;
    return first;
  }

  #waitsOf(jid: number): GateWaits {
    let waits = this.#waits.get(jid);
    if (waits === undefined) {
      waits = new GateWaits();
      this.#waits.set(jid, waits);
    }
    return waits;
  }
}
