/** System call errors as exceptions: what libc throws. */
import { type Errno, errnoName, strerror } from "./errno.ts";
import { type Reason, reasonText } from "./reason.ts";
import { type Refusal, refusalOf, type Told } from "./refusal.ts";

/**
 * A failed system call as programs see it. Thrown by libc, and by nothing below libc.
 *
 * `code` is the name as node:fs gives it ("EAGAIN"); `errno` is FreeBSD's number; `reason` names the
 * rule of the reference and the limit that refused the call, e.g. `SEM-20, kern.ipc.semmns`, and
 * `refusal` has the numbers too.
 */
export class SysError extends Error {
  override readonly name = "SysError";
  readonly syscall: string;
  readonly errno: Errno;
  readonly code: string;
  readonly reason: string;
  readonly refusal: Refusal;
  /** The kernel's own text, as jail_set(2) gives; empty if it has none. */
  readonly errmsg: string;
  constructor(syscall: string, errno: Errno, reason: Reason, { errmsg = "", limit }: Told = {}) {
    const why = reasonText(reason);
    super(`${syscall}: ${errmsg || strerror(errno)}${why === "" ? "" : ` (${why})`}`);
    this.errmsg = errmsg;
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoName(errno);
    this.reason = why;
    this.refusal = refusalOf(reason, limit);
  }
}

/** A process touched memory that it may not: no mapping there, or a store to a read-only attach. */
export class SegvError extends Error {
  override readonly name = "SegvError";
  readonly signal = "SIGSEGV";
  readonly addr: number;
  constructor(addr: number, what: string) {
    super(`SIGSEGV: ${what} at 0x${addr.toString(16)}`);
    this.addr = addr;
  }
}
