/**
 * Pages by size class, recycled and never left to the garbage collector, which does not see their
 * size: 20,000 buffers of 256 KiB made and dropped held 1.7 GB, larger ones exhausted the machine.
 *
 * A class is a power of two from 4 KiB. `take` gives zeroed memory; `give` clears what was used
 * before the buffer is lent again. Kept buffers are bounded by the most that were lent at a time,
 * and each is at most 1 MiB: to clear a larger one would touch memory that nobody touched.
 */
const SMALLEST = 4096;
const LARGEST_KEPT = 1024 * 1024;

const classOf = (bytes: number): number => {
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  return size;
};

const isKept = (size: number): boolean => size <= LARGEST_KEPT && size === classOf(size);

export class PagePool {
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  /** Bytes lent now, and bytes kept for reuse. */
  lentBytes = 0;
  keptBytes = 0;

  /** A zeroed buffer of at least `bytes`. @throws RangeError if there is no memory for it */
  take(bytes: number): SharedArrayBuffer {
    return this.takeExact(classOf(bytes));
  }

  /** A zeroed buffer of `bytes` and no more: programs see its size. @throws RangeError */
  takeExact(bytes: number): SharedArrayBuffer {
    const kept = this.#free.get(bytes)?.pop();
    if (kept !== undefined) this.keptBytes -= bytes;
    const buffer = kept ?? new SharedArrayBuffer(bytes);
    this.lentBytes += bytes;
    return buffer;
  }

  /** Give back a buffer that no thread can touch any more; it is cleared here. */
  give(buffer: SharedArrayBuffer): void {
    const size = buffer.byteLength;
    this.lentBytes -= size;
    if (!isKept(size)) return;
    new Uint8Array(buffer).fill(0);
    this.keptBytes += size;
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [buffer]);
    else list.push(buffer);
  }

  /** A buffer that was dropped, and that no thread holds any more. */
  keep(buffer: SharedArrayBuffer): void {
    this.lentBytes += buffer.byteLength;
    this.give(buffer);
  }

  /** Let go of a buffer that some thread may still hold: it is never lent again. */
  drop(buffer: SharedArrayBuffer): void {
    this.lentBytes -= buffer.byteLength;
  }
}
