/**
 * The clock that simulated servers measure by, and the processor time that they spend.
 *
 * `spend` occupies the jail's thread, which is the jail's processor: its other processes wait
 * meanwhile. A simulator puts a clock of its own in place, whose time moves when it says so.
 */
export interface Clock {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Let `micros` of processor time pass. */
  spend(micros: number): void;
}

const real: Clock = {
  now: () => performance.now(),
  spend(micros) {
    const end = performance.now() + micros / 1000;
    while (performance.now() < end);
  },
};

let clock = real;

/** Put another clock in place for this thread; null brings the real one back. */
export function setClock(other: Clock | null): void {
  clock = other ?? real;
}

export const now = (): number => clock.now();
/**
 * Milliseconds to the next tick, of which there is one in `millis`: processes of a thread that have
 * nothing to do wake it together, and not each by itself.
 */
export function untilTick(millis: number): number {
  const left = millis - (now() % millis);
  return left < millis / 10 ? left + millis : left;
}

export const spend = (micros: number): void => clock.spend(micros);
