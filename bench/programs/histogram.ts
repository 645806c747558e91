/** A histogram of waits in 16 steps an octave: within 6 %. bench/native/contended.c has the same. */
const STEPS = 16;
export const BUCKETS = 1024;

/** The bucket of a wait, in nanoseconds below 2^31. */
export function bucketOf(nanos: number): number {
  const whole = Math.min(Math.max(1, nanos), 0x7fffffff) | 0;
  const octave = 31 - Math.clz32(whole);
  return octave * STEPS + (octave < 4 ? 0 : (whole >> (octave - 4)) & (STEPS - 1));
}

/** The wait at which a bucket begins. */
export function bucketNanos(bucket: number): number {
  const octave = Math.floor(bucket / STEPS);
  return octave < 4 ? 2 ** octave : (STEPS + (bucket % STEPS)) * 2 ** (octave - 4);
}

/** The wait that `share` of all waits do not exceed, by its bucket. */
export function histogramQuantile(counts: ArrayLike<number>, share: number): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i];
  let [bucket, below] = [0, counts[0]];
  while (below < total * share) below += counts[++bucket];
  return bucketNanos(bucket);
}
