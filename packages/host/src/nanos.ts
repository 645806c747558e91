/** The clock of a yard's statistics, the same in all its threads. */

/** When the yard began, as process.hrtime() had it: seconds, nanoseconds. */
export type Epoch = readonly [seconds: number, nanos: number];

export const epochNow = (): Epoch => process.hrtime();

/** Monotonic nanoseconds since `epoch`. */
export function nanosSince([seconds, nanos]: Epoch): () => number {
  return () => {
    const now = process.hrtime();
    return (now[0] - seconds) * 1e9 + (now[1] - nanos);
  };
}
