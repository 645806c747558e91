/**
 * A histogram of microseconds with buckets that grow with the value: 16 to an octave, so that a
 * quantile is off by at most a sixteenth. Merging adds the counts and loses nothing.
 */
const SUB = 16;
const SUB_BITS = 4;
const OCTAVES = 31 - SUB_BITS + 1;
const BUCKETS = SUB * OCTAVES;
const VALUE_MAX = 0x7fffffff;

/** As it crosses threads: only the buckets that hold something. */
export interface HistogramRecord {
  readonly count: number;
  readonly sumMicros: number;
  readonly maxMicros: number;
  /** Lower bound of each bucket in microseconds, and its count. */
  readonly buckets: readonly (readonly [micros: number, count: number])[];
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  count = 0;
  sumMicros = 0;
  maxMicros = 0;

  static from(record: HistogramRecord): Histogram {
    const h = new Histogram();
    h.addRecord(record);
    return h;
  }

  add(micros: number): void {
    this.#counts[bucketOf(micros)]++;
    this.count++;
    this.sumMicros += micros;
    if (micros > this.maxMicros) this.maxMicros = micros;
  }

  addRecord(record: HistogramRecord): void {
    for (const [micros, count] of record.buckets) this.#counts[bucketOf(micros)] += count;
    this.count += record.count;
    this.sumMicros += record.sumMicros;
    this.maxMicros = Math.max(this.maxMicros, record.maxMicros);
  }

  /** Upper bound of the bucket in which quantile `q` lies; 0 if nothing was added. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(this.count * q));
    for (let ix = 0; ix < BUCKETS; ix++) {
      left -= this.#counts[ix];
      if (left <= 0) return Math.min(lowerBound(ix + 1), this.maxMicros);
    }
    return 0;
  }

  record(): HistogramRecord {
    const buckets: [number, number][] = [];
    this.#counts.forEach((count, ix) => {
      if (count > 0) buckets.push([lowerBound(ix), count]);
    });
    const { count, sumMicros, maxMicros } = this;
    return { count, sumMicros, maxMicros, buckets };
  }
}

/** Values below 16 have a bucket each; above, the four bits after the leading one choose. */
function bucketOf(micros: number): number {
  const value = Math.min(Math.max(Math.floor(micros), 0), VALUE_MAX);
  if (value < SUB) return value;
  const octave = 31 - Math.clz32(value) - SUB_BITS;
  return (octave + 1) * SUB + ((value >> octave) & (SUB - 1));
}

function lowerBound(ix: number): number {
  if (ix < SUB) return ix;
  const octave = Math.floor(ix / SUB) - 1;
  return (SUB + (ix % SUB)) * 2 ** octave;
}
