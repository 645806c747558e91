/**
 * A futex mutex in MTX_WORDS words of shared memory, with its profile.
 *
 * The lock word is 0, or the owner: a number for the thread that holds it, so that a dead owner can
 * be found, with the sign bit set while somebody may sleep for it. Lock order is the caller's affair. Not
 * recursive.
 */
const MTX_TAKEN = 1; // word 0 is the lock
const MTX_CONTENDED = 2;
export const MTX_WORDS = 32; // no two mutexes share a cache line

const FREE = 0;
const SLEEPERS = 1 << 31;
const OWNER = ~SLEEPERS;
const SPIN_MAX = 100;
/** How long a thread sleeps before it asks whether the owner is alive, in milliseconds. */
const STUCK_MS = 20;

/** Called for an owner that has not let go for STUCK_MS; it may repair what it left, and unlock. */
export type Stuck = (owner: number) => void;
const wait: Stuck = () => {};

/**
 * Take the mutex at `row`, sleeping while another thread holds it. `owner` is from 1 to 2^31 - 1.
 *
 *  1. A thread falls asleep only while SLEEPERS is set, so its waker knows of it.
 *  2. A thread that was woken sets SLEEPERS again as it takes the lock, since others may sleep
 *     still: at worst a needless notify, never a lost wakeup.
 *  3. The counters are plain words, written by the owner alone.
 */
export function mtxLock(mtx: Int32Array, row: number, owner: number, stuck = wait): void {
  if (Atomics.compareExchange(mtx, row, FREE, owner) !== FREE) lockSlow(mtx, row, owner, stuck);
  mtx[row + MTX_TAKEN]++;
}

/** The same if nobody holds it; false if somebody does, and then nothing has changed. */
export function mtxTry(mtx: Int32Array, row: number, owner: number): boolean {
  if (Atomics.compareExchange(mtx, row, FREE, owner) !== FREE) return false;
  mtx[row + MTX_TAKEN]++;
  return true;
}

/** How often it was taken, modulo 2^32. */
export const mtxTaken = (mtx: Int32Array, row: number): number => mtx[row + MTX_TAKEN] >>> 0;

function lockSlow(mtx: Int32Array, row: number, owner: number, stuck: Stuck): void {
  if (mtxOwner(mtx, row) === owner) throw new Error(`${owner} locks a mutex that it holds`);
  if (!spin(mtx, row, owner)) sleep(mtx, row, owner, stuck);
  mtx[row + MTX_CONTENDED]++;
}

function sleep(mtx: Int32Array, row: number, owner: number, stuck: Stuck): void {
  for (;;) {
    const seen = Atomics.load(mtx, row);
    if (seen === FREE) {
      if (Atomics.compareExchange(mtx, row, FREE, owner | SLEEPERS) === FREE) return;
      continue;
    }
    const marked = seen | SLEEPERS;
    if (seen !== marked && Atomics.compareExchange(mtx, row, seen, marked) !== seen) continue;
    if (Atomics.wait(mtx, row, marked, STUCK_MS) === "timed-out") stuck(marked & OWNER);
  }
}

function spin(mtx: Int32Array, row: number, owner: number): boolean {
  for (let i = 0; i < SPIN_MAX; i++) {
    if (
      Atomics.load(mtx, row) === FREE &&
      Atomics.compareExchange(mtx, row, FREE, owner) === FREE
    ) {
      return true;
    }
    pause();
  }
  return false;
}

/** Let go, whoever holds it: the owner, or in the name of one that is dead. */
export function mtxUnlock(mtx: Int32Array, row: number): void {
  if (Atomics.exchange(mtx, row, FREE) < 0) Atomics.notify(mtx, row, 1);
}

/** The owner is dead: `heir` holds the mutex in its place. Who sleeps for it looks again within STUCK_MS. */
export function mtxInherit(mtx: Int32Array, row: number, heir: number): void {
  for (;;) {
    const seen = Atomics.load(mtx, row);
    const taken = (seen & SLEEPERS) | heir;
    if (Atomics.compareExchange(mtx, row, seen, taken) === seen) return;
  }
}

/** Who holds it; 0 if nobody does. */
export const mtxOwner = (mtx: Int32Array, row: number): number => Atomics.load(mtx, row) & OWNER;

/** The processor's hint that this is a spin loop; Atomics.pause where the runtime has it. */
export const pause: () => void =
  (Atomics as { pause?: () => void }).pause?.bind(Atomics) ?? (() => {});
