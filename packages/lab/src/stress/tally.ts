/** Sums of what the instances of one workload tell: by slice, by jail, and altogether. */

import type { ResultRecord } from "@jailyard/workload/postgres/records";
import { HISTOGRAMS, type HistogramName } from "@jailyard/workload/stress/measure";
import type { SliceRecord } from "@jailyard/workload/stress/records";
import { decodeHdr, emptyHdr, encodeHdr, type Hdr, summaryOf } from "./histogram.ts";
import type {
  HdrRecord,
  HdrRecords,
  HdrSummaries,
  JailWorkload,
  Slice,
  WorkloadResult,
} from "./runfile.ts";
import { type ServerFigures, withServer } from "./serverfigures.ts";
import { WORKLOADS } from "./workloads.ts";

type Hdrs = Map<HistogramName, Hdr>;

class Sum {
  operations = 0;
  readonly errors: Record<string, number> = {};
  readonly hdrs: Hdrs = new Map();

  add(operations: number, errors: Readonly<Record<string, number>>, hdrs: Hdrs): void {
    this.operations += operations;
    for (const [code, n] of Object.entries(errors)) {
      this.errors[code] = (this.errors[code] ?? 0) + n;
    }
    for (const [name, hdr] of hdrs) {
      const own = this.hdrs.get(name) ?? emptyHdr();
      own.add(hdr);
      this.hdrs.set(name, own);
    }
  }

  get errorCount(): number {
    return Object.values(this.errors).reduce((sum, n) => sum + n, 0);
  }
}

export class Tally {
  readonly name: string;
  readonly #procs: number;
  readonly #sliceSeconds: number;
  readonly #slices: Sum[] = [];
  readonly #jails = new Map<string, Sum>();
  #server: ServerFigures | null = null;
  #missed = 0;
  #seconds = 0;
  wrong = 0;

  constructor(name: string, procs: number, sliceSeconds: number) {
    this.name = name;
    this.#procs = procs;
    this.#sliceSeconds = sliceSeconds;
  }

  slice(jail: string, { ix, operations, errors, missed, histograms }: SliceRecord): void {
    const hdrs: Hdrs = new Map();
    for (const name of HISTOGRAMS) {
      const text = histograms[name];
      if (text !== undefined) hdrs.set(name, decodeHdr(text));
    }
    this.add(jail, ix, operations, errors, hdrs);
    this.#missed += missed;
  }

  add(
    jail: string,
    ix: number,
    operations: number,
    errors: Readonly<Record<string, number>>,
    hdrs: Hdrs,
  ): void {
    while (this.#slices.length <= ix) this.#slices.push(new Sum());
    this.#slices[ix].add(operations, errors, hdrs);
    const own = this.#jails.get(jail) ?? new Sum();
    own.add(operations, errors, hdrs);
    this.#jails.set(jail, own);
  }

  /** What a PostgreSQL server tells at its end. */
  server(result: ResultRecord): void {
    this.#server = withServer(this.#server, result);
  }

  /** An instance is done, after so many seconds of work. */
  ended(seconds: number): void {
    this.#seconds = Math.max(this.#seconds, seconds);
  }

  get operations(): number {
    let sum = 0;
    for (const slice of this.#slices) sum += slice.operations;
    return sum;
  }

  jail(name: string): JailWorkload | null {
    const sum = this.#jails.get(name);
    if (sum === undefined) return null;
    const histograms = recordsOf(sum.hdrs, summaryOf) as HdrSummaries;
    return { operations: sum.operations, errors: sum.errors, histograms };
  }

  result(): WorkloadResult {
    const all = new Sum();
    for (const { operations, errors, hdrs } of this.#slices) all.add(operations, errors, hdrs);
    const { expects } = WORKLOADS.get(this.name)!;
    const strange = Object.entries(all.errors).filter(([code]) => !expects.includes(code));
    // Of a run that was cut short: as far as it came.
    const seconds = this.#seconds || this.#slices.length * this.#sliceSeconds;
    return {
      name: this.name,
      procs: this.#procs,
      seconds,
      operations: all.operations,
      throughput: seconds > 0 ? all.operations / seconds : 0,
      errors: all.errors,
      unexpected: strange.reduce((sum, [, n]) => sum + n, 0),
      wrong: this.wrong,
      missed: this.#missed,
      unfairness: this.#unfairness(),
      histograms: recordsOf(all.hdrs, hdrRecord) as HdrRecords,
      slices: this.#sliceResults(seconds),
      ...(this.#server === null ? {} : { server: this.#server }),
    };
  }

  #unfairness(): number | null {
    const each = [...this.#jails.values()].map(({ operations }) => operations);
    if (each.length < 2) return null;
    return Math.max(...each) / Math.max(1, Math.min(...each));
  }

  #sliceResults(seconds: number): Slice[] {
    const span = this.#sliceSeconds;
    return this.#slices.map((sum, ix) => ({
      at: ix * span,
      seconds: Math.min(span, Math.max(0.001, seconds - ix * span)),
      operations: sum.operations,
      errors: sum.errorCount,
      histograms: recordsOf(sum.hdrs, hdrRecord) as HdrRecords,
    }));
  }
}

const hdrRecord = (hdr: Hdr): HdrRecord => ({ ...summaryOf(hdr), hdr: encodeHdr(hdr) });

function recordsOf<T>(hdrs: Hdrs, record: (hdr: Hdr) => T): Partial<Record<HistogramName, T>> {
  return Object.fromEntries([...hdrs].map(([name, hdr]) => [name, record(hdr)]));
}
