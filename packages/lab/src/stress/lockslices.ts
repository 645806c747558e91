/**
 * Waits for locks by slice of a run, so that two runs can be compared with an interval. The tables of
 * the profile are shared memory that only grows: they are read here as they stand, and the kernel's
 * thread is not asked.
 */
import type { LockKind, LockStats } from "@jailyard/abi/contention";
import type { Yard } from "@jailyard/host/yard";
import { plainName } from "@jailyard/kernel/lockname";
import { bucketValue, HIST_BUCKETS, K_MUTEX } from "@jailyard/kernel/profile";
import { emptyHdr, encodeHdr } from "./histogram.ts";
import type { LockSlice, LockSlices } from "./runfile.ts";

/** Names that are kept of a run. */
const KEPT = 20;
/** Slices of a run; in a longer one each covers more. */
const SLICES = 30;

type Buckets = Map<number, number>;

interface Span {
  readonly buckets: Buckets;
  nanos: number;
}

/** What was counted of a lock and a jail when it was last looked at. */
interface Seen {
  over: number;
  nanos: number;
  readonly counts: Map<number, number>;
}

export class LockWatch {
  readonly #yard: Yard;
  readonly #seen = new Map<number, Seen>();
  /** By name of the lock, and by slice. */
  readonly #spans = new Map<string, Span[]>();
  readonly #seconds: number[] = [];
  #began = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(yard: Yard) {
    this.#yard = yard;
  }

  /** Work begins, for about so many seconds; what was waited for before is left out. */
  begin(seconds: number): void {
    this.#look(null);
    this.#began = performance.now();
    this.#timer = setInterval(() => this.#slice(), Math.max(250, (seconds * 1000) / SLICES));
  }

  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#slice();
  }

  #slice(): void {
    const now = performance.now();
    this.#seconds.push((now - this.#began) / 1000);
    this.#began = now;
    this.#look(this.#seconds.length - 1);
  }

  /** What is new belongs to slice `ix`; null: to none. */
  #look(ix: number | null): void {
    const { points, shape } = this.#yard.commons.profile;
    for (let row = 0; row < shape.points; row++) {
      const over = points.kind[row] === 0 ? 0 : Atomics.load(points.over, row);
      const seen = this.#seen.get(row) ?? { over: 0, nanos: 0, counts: new Map() };
      if (over === seen.over) continue;
      this.#seen.set(row, seen);
      this.#lookAt(row, seen, ix);
      seen.over = over;
    }
  }

  #lookAt(row: number, seen: Seen, ix: number | null): void {
    const { points, hists, shape } = this.#yard.commons.profile;
    const nanos = Number(Atomics.load(points.waitNanos, row));
    const span = ix === null ? null : this.#spanOf(row, ix);
    if (span !== null) span.nanos += nanos - seen.nanos;
    seen.nanos = nanos;
    const hist = points.waitHist[row];
    if (hist === 0 || hist === shape.hists) return; // that one is shared by those that found no other
    const at = (hist - 1) * HIST_BUCKETS;
    for (let bucket = 0; bucket < HIST_BUCKETS; bucket++) {
      const count = hists.counts[at + bucket];
      if (count === 0) continue;
      const fresh = count - (seen.counts.get(bucket) ?? 0);
      if (fresh === 0) continue;
      seen.counts.set(bucket, count);
      span?.buckets.set(bucket, (span.buckets.get(bucket) ?? 0) + fresh);
    }
  }

  #spanOf(row: number, ix: number): Span {
    const { points } = this.#yard.commons.profile;
    const kind = points.kind[row];
    const key = plainName(
      kind,
      points.id[row],
      kind === K_MUTEX ? points.ix[row] : points.num[row],
    );
    const spans = this.#spans.get(key) ?? [];
    this.#spans.set(key, spans);
    spans[ix] ??= { buckets: new Map(), nanos: 0 };
    return spans[ix];
  }

  /** By name, merged over jails: those that were waited for longest. */
  results(locks: readonly LockStats[]): LockSlices[] {
    const groups = new Map<string, { kind: LockKind; spans: Span[][] }>();
    for (const lock of locks) {
      const spans = this.#spans.get(lock.name);
      if (spans === undefined) continue;
      this.#spans.delete(lock.name); // of two locks of one name, such as "others", it is the sum
      const name = lock.label ?? lock.name;
      const group = groups.get(name) ?? { kind: lock.kind, spans: [] };
      groups.set(name, group);
      group.spans.push(spans);
    }
    return [...groups]
      .map(([lock, { kind, spans }]) => ({ lock, kind, slices: this.#merged(spans) }))
      .sort((a, b) => total(b) - total(a))
      .slice(0, KEPT);
  }

  #merged(all: readonly (readonly Span[])[]): LockSlice[] {
    return this.#seconds.map((seconds, ix) => {
      const spans = all.map((one) => one[ix]).filter((one) => one !== undefined);
      const hdr = emptyHdr();
      for (const { buckets } of spans) {
        for (const [bucket, n] of buckets) hdr.recordValueWithCount(bucketValue(bucket), n);
      }
      const nanos = spans.reduce((sum, one) => sum + one.nanos, 0);
      const { totalCount: count } = hdr;
      return { seconds, count, nanos, ...(count > 0 && { hdr: encodeHdr(hdr) }) };
    });
  }
}

const total = ({ slices }: LockSlices): number => slices.reduce((sum, { nanos }) => sum + nanos, 0);
