/**
 * A segment as a process has it attached: real shared memory, no copy and no call.
 *
 * `u8`, `i32`, `f64` are views of the whole segment; use Atomics on `i32` between processes. A
 * read-only attachment has proxies in their place that refuse stores, and no `buffer`. JavaScript
 * cannot take a view back: what a program keeps after shmdt still shows the old memory, which is
 * never given to another segment; `u8` and the others themselves throw after shmdt.
 */
import { SegvError } from "@jailyard/abi/syserror";
import type { Addr, Shmid } from "@jailyard/abi/types";

export class Attachment {
  readonly addr: Addr;
  readonly shmid: Shmid;
  /** Bytes, rounded up to pages. [SHM-24] */
  readonly size: number;
  readonly readonly: boolean;
  #buffer: SharedArrayBuffer | null;
  #views: { u8: Uint8Array; i32: Int32Array; f64: Float64Array } | null = null;

  constructor(
    addr: Addr,
    shmid: Shmid,
    size: number,
    readOnly: boolean,
    buffer: SharedArrayBuffer,
  ) {
    this.addr = addr;
    this.shmid = shmid;
    this.size = size;
    this.readonly = readOnly;
    this.#buffer = buffer;
  }

  /** The memory itself. @throws SegvError if detached or read-only */
  get buffer(): SharedArrayBuffer {
    const buffer = this.#live();
    if (this.readonly) throw new SegvError(this.addr, "store to a read-only attachment");
    return buffer;
  }
  get u8(): Uint8Array {
    return this.#all().u8;
  }
  get i32(): Int32Array {
    return this.#all().i32;
  }
  get f64(): Float64Array {
    return this.#all().f64;
  }
  get attached(): boolean {
    return this.#buffer !== null;
  }

  /** Called by libc when the process detaches. */
  detach(): void {
    this.#buffer = null;
    this.#views = null;
  }

  /** The same attachment for a forked child. */
  copy(): Attachment {
    return new Attachment(this.addr, this.shmid, this.size, this.readonly, this.#live());
  }

  /** What makes an equal attachment in another thread. */
  fields(): {
    addr: Addr;
    shmid: Shmid;
    size: number;
    readOnly: boolean;
    buffer: SharedArrayBuffer;
  } {
    const { addr, shmid, size } = this;
    return { addr, shmid, size, readOnly: this.readonly, buffer: this.#live() };
  }

  #live(): SharedArrayBuffer {
    if (this.#buffer === null) throw new SegvError(this.addr, "use of a detached attachment");
    return this.#buffer;
  }

  #all(): { u8: Uint8Array; i32: Int32Array; f64: Float64Array } {
    if (this.#views === null) {
      const buffer = this.#live();
      const guard = this.readonly ? <T extends object>(v: T) => readOnly(v, this.addr) : same;
      this.#views = {
        u8: guard(new Uint8Array(buffer, 0, this.size)),
        i32: guard(new Int32Array(buffer, 0, this.size / 4)),
        f64: guard(new Float64Array(buffer, 0, this.size / 8)),
      };
    }
    return this.#views;
  }
}

const same = <T extends object>(view: T): T => view;

/** Typed-array methods that store. */
const STORES = new Set<PropertyKey>([
  "set",
  "fill",
  "copyWithin",
  "sort",
  "reverse",
  "subarray",
  "buffer",
]);

/** A view whose stores fault. Slow: a load costs a proxy call; copy with `slice` to read much. */
function readOnly<T extends object>(view: T, addr: number): T {
  const fault = (): never => {
    throw new SegvError(addr, "store to a read-only attachment");
  };
  return new Proxy(view, {
    set: fault,
    defineProperty: fault,
    get(target, name) {
      if (STORES.has(name)) return fault();
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
