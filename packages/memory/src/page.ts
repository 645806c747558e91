/**
 * Carving one shared buffer into words and tables.
 *
 * A carver walks a SharedArrayBuffer from its start; the same calls in the same order give the same
 * memory, so two threads that carve one buffer alike see one structure. Plain access is for words
 * that a lock protects; lock words, states and flags go through Atomics.
 */
interface Views {
  u8: Uint8Array;
  u16: Uint16Array;
  i16: Int16Array;
  i32: Int32Array;
  f64: Float64Array;
  i64: BigInt64Array;
}

const VIEWS = {
  u8: Uint8Array,
  u16: Uint16Array,
  i16: Int16Array,
  i32: Int32Array,
  f64: Float64Array,
  i64: BigInt64Array,
} as const;

export type Schema = { readonly [field: string]: keyof Views };
/** A table by columns: `table.field[row]`. */
export type Columns<S extends Schema> = { readonly [F in keyof S]: Views[S[F]] };

const CACHE_LINE = 128; // two 64-byte lines: the adjacent-line prefetcher pairs them
const up = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

export class Carver {
  readonly buffer: SharedArrayBuffer;
  #at: number;

  /** Begins at byte `at`, a multiple of 128. */
  constructor(buffer: SharedArrayBuffer, at = 0) {
    this.buffer = buffer;
    this.#at = at;
  }

  /** `count` words of 32 bits that share no cache line with what was carved before. */
  words(count: number): Int32Array {
    this.#at = up(this.#at, CACHE_LINE);
    return this.view("i32", count);
  }

  view<W extends keyof Views>(width: W, count: number): Views[W] {
    const View = VIEWS[width];
    const at = up(this.#at, View.BYTES_PER_ELEMENT);
    this.#at = at + count * View.BYTES_PER_ELEMENT;
    return new (View as Float64ArrayConstructor)(this.buffer, at, count) as unknown as Views[W];
  }

  /** `rows` rows of `schema`. */
  columns<const S extends Schema>(schema: S, rows: number): Columns<S> {
    const table: Record<string, ArrayBufferView> = {};
    for (const [field, width] of Object.entries(schema)) table[field] = this.view(width, rows);
    return table as Columns<S>;
  }
}

/** Bytes that `carve` takes, found by carving a scratch buffer of `limit` bytes. */
export function bytesOf<S extends Schema>(schema: S, rows: number): number {
  let bytes = 0;
  for (const width of Object.values(schema)) {
    const size = VIEWS[width].BYTES_PER_ELEMENT;
    bytes = up(bytes, size) + rows * size;
  }
  return up(bytes, CACHE_LINE) + CACHE_LINE;
}
