/**
 * The map of an address space: which range of addresses shows which object.
 *
 * Pure data, used by the kernel to place mappings and by libc to resolve addresses. Entries are
 * sorted by start and do not overlap. An entry that is cut in two keeps its object; `offset` is
 * where in the object its first byte lies. All values are bytes; start and end are multiples of
 * the page size, as the caller gives them.
 */
export interface VmEntry<T> {
  start: number;
  end: number;
  object: T;
  offset: number;
  writable: boolean;
}

export class VmMap<T> {
  readonly min: number;
  readonly max: number;
  #entries: VmEntry<T>[] = [];

  /** Addresses from `min` up to, not including, `max`. */
  constructor(min: number, max: number) {
    this.min = min;
    this.max = max;
  }

  get entries(): readonly VmEntry<T>[] {
    return this.#entries;
  }

  /** Lowest free address at or above `hint` with room for `bytes`; -1 if there is none. */
  findSpace(hint: number, bytes: number): number {
    let at = hint;
    for (const entry of this.#entries) {
      if (entry.end <= at) continue;
      if (entry.start >= at + bytes) break;
      at = entry.end;
    }
    return at + bytes <= this.max ? at : -1;
  }

  /** True if nothing is mapped in the range and it lies inside the map. */
  isFree(start: number, bytes: number): boolean {
    if (!this.inRange(start, bytes)) return false;
    return !this.#entries.some((entry) => entry.start < start + bytes && entry.end > start);
  }

  inRange(start: number, bytes: number): boolean {
    return start >= this.min && start + bytes <= this.max;
  }

  /** Map `object` at a range that is free. */
  insert(start: number, bytes: number, object: T, writable: boolean): void {
    const entry = { start, end: start + bytes, object, offset: 0, writable };
    const at = this.#entries.findIndex((other) => other.start > start);
    this.#entries.splice(at === -1 ? this.#entries.length : at, 0, entry);
  }

  /** Unmap whatever is in the range, cutting entries at its ends. */
  remove(start: number, bytes: number): void {
    const end = start + bytes;
    const kept: VmEntry<T>[] = [];
    for (const entry of this.#entries) {
      if (entry.end <= start || entry.start >= end) kept.push(entry);
      else kept.push(...outside(entry, start, end));
    }
    this.#entries = kept;
  }

  /** The entry that shows `addr`; undefined if nothing is mapped there. */
  lookup(addr: number): VmEntry<T> | undefined {
    return this.#entries.find((entry) => entry.start <= addr && addr < entry.end);
  }

  /** A copy for a forked child. */
  clone(): VmMap<T> {
    const copy = new VmMap<T>(this.min, this.max);
    copy.#entries = this.#entries.map((entry) => ({ ...entry }));
    return copy;
  }

  /** Append an entry of another map, in that map's order. */
  restore(entry: VmEntry<T>): void {
    this.#entries.push({ ...entry });
  }

  clear(): void {
    this.#entries = [];
  }
}

/** The parts of `entry` before `start` and from `end` on. */
function outside<T>(entry: VmEntry<T>, start: number, end: number): VmEntry<T>[] {
  const parts: VmEntry<T>[] = [];
  if (entry.start < start) parts.push({ ...entry, end: start });
  if (entry.end > end) {
    parts.push({ ...entry, start: end, offset: entry.offset + (end - entry.start) });
  }
  return parts;
}
