/**
 * Points at which tests stop or end a thread: in a test's thread `setProbe` gives a function, and
 * else a probe is a test of one variable, which measures as nothing.
 */
export const PROBES = [
  "before lock",
  "locked",
  "stored",
  "undo",
  "committed",
  "unlocked",
  "asleep",
  "woken",
] as const;
export type Probe = (typeof PROBES)[number];

let hook: ((at: Probe) => void) | null = null;

export function setProbe(probe: ((at: Probe) => void) | null): void {
  hook = probe;
}

export function probe(at: Probe): void {
  if (hook !== null) hook(at);
}
