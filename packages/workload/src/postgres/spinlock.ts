/**
 * Spinlocks after s_lock.c: test-and-set, then sleeps that grow. [PG-51]
 *
 * What they protect is a few words and no call is made meanwhile, so between coroutines of one
 * thread they are never contended.
 */
import type { Pgproc } from "./pgproc.ts";

const SPINS_PER_DELAY = 100;
const MIN_DELAY_MILLIS = 1;
const MAX_DELAY_MILLIS = 1000;
const NUM_DELAYS = 1000;

export async function spinAcquire(me: Pgproc, word: number): Promise<void> {
  const tas = (): boolean => Atomics.exchange(me.words, word, 1) !== 0;
  if (tas()) await spinDelay(me, tas);
}

export function spinRelease(me: Pgproc, word: number): void {
  Atomics.store(me.words, word, 0);
}

/** Until `busy` is false. The list lock of a lightweight lock waits in the same way. */
export async function spinDelay(me: Pgproc, busy: () => boolean): Promise<void> {
  let delayMillis = MIN_DELAY_MILLIS;
  for (let delays = 0; delays < NUM_DELAYS; delays++) {
    for (let spin = 0; spin < SPINS_PER_DELAY; spin++) if (!busy()) return;
    await me.p.sleep(delayMillis);
    me.afterSignal();
    delayMillis *= 1 + me.rng();
    if (delayMillis > MAX_DELAY_MILLIS) delayMillis = MIN_DELAY_MILLIS;
  }
  throw me.error("PANIC", "stuck spinlock detected");
}
