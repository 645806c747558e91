/** The same mix on the machine's own kernel, for scale: a C program that cc compiles when asked. */
/** What it did with one workload. Times in milliseconds, by HDR-like buckets of its own. */
export interface NativeResult {
  readonly name: string;
  readonly procs: number;
  readonly seconds: number;
  readonly operations: number;
  readonly throughput: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}
