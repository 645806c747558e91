/**
 * Every wait of a yard, taken down as it is over: the first ones whole, for a trace, and sums of all,
 * for a flame graph. Memory is bounded: threads tell in rings, of whole waits there are so many at
 * most, and what has no room is counted.
 */
import type { Contention, LockKind } from "@jailyard/abi/contention";
import type { Yard } from "@jailyard/host/yard";
import { KIND_NAMES, plainName } from "@jailyard/kernel/lockname";
import {
  nameIn,
  R_BEGAN,
  R_BLAMED,
  R_HOLDER,
  R_ID,
  R_JID,
  R_KIND,
  R_MORE,
  R_NUM,
  R_OVER,
  R_PID,
  R_TYPE,
  R_WAKER,
  R_WOKEN,
  sysnoOf,
  T_EXIT,
  T_WAIT,
  verdictOf,
} from "@jailyard/kernel/trace";

/** Between two looks into the rings. */
const DRAIN_MS = 20;
/** Records in the rings of all threads, and of one at least and at most. */
const ROOM = { all: 1 << 20, least: 256, most: 8192 } as const;
/** Waits that a trace has unless told otherwise: about 60 MB of JSON. */
export const WAITS_MAX = 100_000;

export interface Lock {
  readonly kind: LockKind;
  /** `sem 65536[0]` */
  readonly name: string;
  readonly label: string | null;
}

export interface TracedWait {
  /** Nanoseconds since the yard began. */
  readonly began: number;
  readonly over: number;
  /** When it was woken; 0: nobody did. */
  readonly woken: number;
  /** 0: no process, but the thread of the jail, or the kernel's. */
  readonly pid: number;
  readonly jid: number;
  readonly sysno: number;
  readonly verdict: number;
  readonly lock: Lock;
  readonly holder: number;
  readonly blamed: number;
  readonly waker: number;
}

/** All waits of one process for one lock in one call. */
export interface WaitSum {
  readonly pid: number;
  readonly jid: number;
  readonly sysno: number;
  readonly lock: Lock;
  count: number;
  nanos: number;
}

export interface TracedProcess {
  readonly pid: number;
  readonly jid: number;
  readonly comm: string;
  /** Nanoseconds since the yard began; null: it had not exited at the end. */
  exited: number | null;
}

export class Recorder {
  /** Records of a thread's ring. */
  readonly records: number;
  readonly #max: number;
  readonly #whole: Int32Array[] = [];
  /** Waits that came once there were so many as may be. */
  left = 0;
  /** When the last one came of those that are there. */
  until = 0;
  /** Records for which the ring of their thread had no room: in nothing here. */
  dropped = 0;
  readonly processes = new Map<number, TracedProcess>();
  jails: Contention["jails"] = {};
  readonly #sums = new Map<number, Map<number, Map<number, WaitSum>>>();
  #labels = new Map<string, string>();
  readonly #locks = new Map<string, Lock>();
  #yard: Yard | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** When the yard began, in milliseconds of Date.now(). */
  began = 0;
  /** When the work began whose events are told beside, on the same clock; sums are of it alone. */
  zero = 0;

  /** At most `max` whole waits of a yard with about so many threads. */
  constructor(max: number, threads: number) {
    const each = 2 ** Math.floor(Math.log2(ROOM.all / threads));
    this.records = Math.max(ROOM.least, Math.min(ROOM.most, each));
    this.#max = max;
  }

  /** @throws Error for a second yard: pids and times are those of one */
  follow(yard: Yard): void {
    if (this.began !== 0) throw new Error("a trace is of one yard");
    this.began = Date.now() - sinceBegin(yard) / 1e6;
    this.#yard = yard;
    this.#timer = setInterval(() => this.#drain(), DRAIN_MS);
  }

  /** Work begins at `now`: what was waited for before is in no sum, as it is in none of the run. */
  begin(now: number): void {
    this.#drain();
    this.#sums.clear();
    this.zero = now;
  }

  /** The yard is about to go down, or has died. */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    const { jails, locks } = (await this.#yard?.contention().catch(() => null)) ?? NOTHING;
    this.jails = jails;
    const labelled = locks.filter(({ label }) => label !== null);
    this.#labels = new Map(labelled.map(({ kind, name, label }) => [`${kind} ${name}`, label!]));
    this.#drain();
    this.dropped = this.#yard?.tracing?.dropped ?? 0;
    this.#yard = null;
  }

  #drain(): void {
    this.#yard?.tracing?.drain((record) => {
      if (record[R_TYPE] === T_WAIT) this.#wait(record);
      else this.#process(record);
    });
  }

  #process(record: Int32Array): void {
    const pid = record[R_PID];
    const jid = record[R_JID];
    if (record[R_TYPE] === T_EXIT) {
      const process = this.processes.get(pid);
      if (process !== undefined) process.exited = numbersOf(record)[R_BEGAN];
    } else this.processes.set(pid, { pid, jid, comm: nameIn(record), exited: null });
  }

  #wait(record: Int32Array): void {
    const sum = this.#sumOf(record);
    const numbers = numbersOf(record);
    sum.count++;
    sum.nanos += numbers[R_OVER] - numbers[R_BEGAN];
    if (this.#whole.length >= this.#max) this.left++;
    else {
      this.#whole.push(record.slice());
      this.until = Math.max(this.until, numbers[R_OVER]);
    }
  }

  #sumOf(record: Int32Array): WaitSum {
    const pid = record[R_PID];
    const jid = record[R_JID];
    const id = record[R_ID];
    const num = record[R_NUM];
    const sysno = sysnoOf(record[R_MORE]);
    const byCall = child(this.#sums, pid === 0 ? -2 - jid : pid);
    const byLock = child(byCall, sysno * 8 + record[R_KIND]);
    const key = id * 65_536 + num;
    const known = byLock.get(key);
    if (known !== undefined) return known;
    const sum = { pid, jid, sysno, lock: this.#lockOf(record), count: 0, nanos: 0 };
    byLock.set(key, sum);
    return sum;
  }

  /** One object for each lock; its label is known at the end. */
  #lockOf({ [R_KIND]: kind, [R_ID]: id, [R_NUM]: num }: Int32Array): Lock {
    const name = plainName(kind, id, num);
    const key = `${KIND_NAMES[kind]} ${name}`;
    const labels = (): ReadonlyMap<string, string> => this.#labels;
    const lock = this.#locks.get(key) ?? {
      kind: KIND_NAMES[kind],
      name,
      get label() {
        return labels().get(key) ?? null;
      },
    };
    this.#locks.set(key, lock);
    return lock;
  }

  /** The first waits that were over, as many as may be. */
  *waits(): Generator<TracedWait> {
    for (const record of this.#whole) {
      const numbers = numbersOf(record);
      yield {
        ...{ began: numbers[R_BEGAN], over: numbers[R_OVER], woken: numbers[R_WOKEN] },
        ...{ pid: record[R_PID], jid: record[R_JID], lock: this.#lockOf(record) },
        ...{ sysno: sysnoOf(record[R_MORE]), verdict: verdictOf(record[R_MORE]) },
        ...{ holder: record[R_HOLDER], blamed: record[R_BLAMED], waker: record[R_WAKER] },
      };
    }
  }

  /** Sums of all waits since the work began. */
  *sums(): Generator<WaitSum> {
    for (const byCall of this.#sums.values()) {
      for (const byLock of byCall.values()) yield* byLock.values();
    }
  }

  jailName(jid: number): string {
    return jid === 0 ? "host" : (this.jails[jid] ?? `jid ${jid}`);
  }
}

const NOTHING = { jails: {}, locks: [] };

const numbersOf = ({ buffer, byteOffset, length }: Int32Array): Float64Array =>
  new Float64Array(buffer, byteOffset, length / 2);

function child<T>(map: Map<number, Map<number, T>>, key: number): Map<number, T> {
  const found = map.get(key) ?? new Map<number, T>();
  map.set(key, found);
  return found;
}

function sinceBegin({ epoch: [seconds, nanos] }: Yard): number {
  const now = process.hrtime();
  return (now[0] - seconds) * 1e9 + (now[1] - nanos);
}
