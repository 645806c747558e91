/**
 * The pool that all queues share: segments of msgssz bytes and message headers, of which only the
 * numbers matter. [MSG-4] [MSG-5]
 *
 * Both numbers are one word of the commons, so that a sender in any thread gets both or neither,
 * and none is ever promised twice. With more than 65535 headers they do not fit, and there are two
 * words, which the kernel's thread alone may touch: `shared` is false, and no queue is mapped.
 */
import { C_MSGPOOL } from "./commons.ts";

const SEG_BITS = 15; // msgseg is at most 32767 [MSG-9]
const SEG_MASK = (1 << SEG_BITS) - 1;
const HDRS_MAX = 0xffff;
const C_HDRS = C_MSGPOOL + 1;

export const poolIsShared = (msgtql: number): boolean => msgtql <= HDRS_MAX;

export function poolInit(words: Int32Array, msgseg: number, msgtql: number): void {
  const shared = poolIsShared(msgtql);
  words[C_MSGPOOL] = shared ? (msgtql << SEG_BITS) | msgseg : msgseg;
  words[C_HDRS] = shared ? -1 : msgtql;
}

export const freeSegs = (words: Int32Array): number =>
  words[C_HDRS] < 0 ? Atomics.load(words, C_MSGPOOL) & SEG_MASK : words[C_MSGPOOL];

export const freeHdrs = (words: Int32Array): number =>
  words[C_HDRS] < 0 ? Atomics.load(words, C_MSGPOOL) >>> SEG_BITS : words[C_HDRS];

/** Take one header and `segs` segments. @returns false if there are not enough, and takes none */
export function poolTake(words: Int32Array, segs: number): boolean {
  for (;;) {
    if (freeSegs(words) < segs || freeHdrs(words) === 0) return false;
    if (words[C_HDRS] >= 0) {
      words[C_HDRS]--;
      words[C_MSGPOOL] -= segs;
      return true;
    }
    const seen = Atomics.load(words, C_MSGPOOL);
    if ((seen & SEG_MASK) < segs || seen >>> SEG_BITS === 0) continue;
    const left = seen - (1 << SEG_BITS) - segs;
    if (Atomics.compareExchange(words, C_MSGPOOL, seen, left) === seen) return true;
  }
}

/** Give one header and `segs` segments back. */
export function poolGive(words: Int32Array, segs: number): void {
  if (words[C_HDRS] < 0) Atomics.add(words, C_MSGPOOL, (1 << SEG_BITS) + segs);
  else {
    words[C_HDRS]++;
    words[C_MSGPOOL] += segs;
  }
}
