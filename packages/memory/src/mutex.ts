/**
 * A futex mutex in MTX_WORDS words of shared memory, with its profile.
 *
 * Lock order is the caller's affair. Not recursive. OWNER names the holder so that a dead owner can
 * be found.
 */
export const MTX_STATE = 0;
export const MTX_OWNER = 1;
export const MTX_TAKEN = 2;
export const MTX_CONTENDED = 3;
export const MTX_WORDS = 32; // no two mutexes share a cache line

const FREE = 0;
const HELD = 1; // the holder's unlock need wake nobody
const CONTENDED = 2; // the holder's unlock must wake one sleeper
const SPIN_MAX = 100;

/**
 * Take the mutex at `row`, sleeping while another thread holds it. `tid` is not 0.
 *
 *  1. A thread falls asleep only while STATE is CONTENDED, so its waker knows of it.
 *  2. A thread that was woken makes STATE CONTENDED again, since others may sleep still: at
 *     worst a needless notify, never a lost wakeup.
 *  3. OWNER and the counters are plain words, written by the holder alone.
 */
export function mtxLock(mtx: Int32Array, row: number, tid: number): void {
  if (Atomics.compareExchange(mtx, row + MTX_STATE, FREE, HELD) !== FREE) lockSlow(mtx, row, tid);
  mtx[row + MTX_OWNER] = tid;
  mtx[row + MTX_TAKEN]++;
}

function lockSlow(mtx: Int32Array, row: number, tid: number): void {
  if (mtx[row + MTX_OWNER] === tid) throw new Error(`thread ${tid} locks a mutex that it holds`);
  const contended = !spin(mtx, row);
  while (contended && Atomics.exchange(mtx, row + MTX_STATE, CONTENDED) !== FREE) {
    Atomics.wait(mtx, row + MTX_STATE, CONTENDED);
  }
  mtx[row + MTX_CONTENDED]++;
}

function spin(mtx: Int32Array, row: number): boolean {
  for (let i = 0; i < SPIN_MAX; i++) {
    if (
      Atomics.load(mtx, row + MTX_STATE) === FREE &&
      Atomics.compareExchange(mtx, row + MTX_STATE, FREE, HELD) === FREE
    ) {
      return true;
    }
    pause();
  }
  return false;
}

export function mtxUnlock(mtx: Int32Array, row: number): void {
  mtx[row + MTX_OWNER] = 0;
  if (Atomics.exchange(mtx, row + MTX_STATE, FREE) === CONTENDED) {
    Atomics.notify(mtx, row + MTX_STATE, 1);
  }
}

/** The processor's hint that this is a spin loop; Atomics.pause where the runtime has it. */
export const pause: () => void =
  (Atomics as { pause?: () => void }).pause?.bind(Atomics) ?? (() => {});
