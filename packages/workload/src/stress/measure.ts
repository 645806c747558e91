/**
 * What an instance measures: operations, errors by errno, and times in HDR histograms, which merge
 * without loss over processes, slices, threads and runs. They cross threads encoded.
 *
 * Two significant digits: a value is off by at most one part in 128.
 */
import int32 from "hdr-histogram-js/dist/Int32Histogram.js";
import "hdr-histogram-js/dist/JsHistogram.encoding.js"; // gives histograms their encoding

/**
 * `latency`: an operation from when it was due to its end; `service`: from its begin, and `lag`: from
 * due to begin, where there is a schedule; `wait`: the calls that may have to wait.
 */
export const HISTOGRAMS = ["latency", "service", "lag", "wait"] as const;
export type HistogramName = (typeof HISTOGRAMS)[number];

export const LOWEST_NANOS = 1;
export const HIGHEST_NANOS = 3_600_000_000_000;
export const DIGITS = 2;

type Hdr = InstanceType<typeof int32.default> & {
  encodeIntoCompressedBase64(level: number): string;
};
const FASTEST = 1;

export class Measure {
  readonly #histograms = new Map<HistogramName, Hdr>();
  #errors: Record<string, number> = {};
  operations = 0;
  missed = 0;

  time(name: HistogramName, ms: number): void {
    let hdr = this.#histograms.get(name);
    if (hdr === undefined) {
      hdr = new int32.default(LOWEST_NANOS, HIGHEST_NANOS, DIGITS) as Hdr;
      this.#histograms.set(name, hdr);
    }
    hdr.recordValue(Math.min(HIGHEST_NANOS, Math.max(0, Math.round(ms * 1e6))));
  }

  error(code: string): void {
    this.#errors[code] = (this.#errors[code] ?? 0) + 1;
  }

  /** What there is since the last time, encoded; it begins anew. */
  take(): {
    operations: number;
    missed: number;
    errors: Record<string, number>;
    histograms: Partial<Record<HistogramName, string>>;
  } {
    const histograms: Partial<Record<HistogramName, string>> = {};
    for (const [name, hdr] of this.#histograms) {
      if (hdr.totalCount === 0) continue;
      histograms[name] = hdr.encodeIntoCompressedBase64(FASTEST);
      hdr.reset();
    }
    const { operations, missed } = this;
    const errors = this.#errors;
    this.#errors = {};
    this.operations = 0;
    this.missed = 0;
    return { operations, missed, errors, histograms };
  }
}
