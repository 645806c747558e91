/**
 * Error numbers of FreeBSD's sys/errno.h, their names and texts.
 *
 * A kernel function returns one of them and does not throw; libc turns a failure into a SysError.
 * Linux numbers differ for EAGAIN, ENOSYS, EIDRM and ENOMSG. [COM-26]
 */
declare const errno: unique symbol;
export type Errno = number & { readonly [errno]: true };

export const OK = 0 as Errno;
export const EPERM = 1 as Errno;
export const ENOENT = 2 as Errno;
export const ESRCH = 3 as Errno;
export const EINTR = 4 as Errno;
export const E2BIG = 7 as Errno;
export const EBADF = 9 as Errno;
export const ECHILD = 10 as Errno;
export const ENOMEM = 12 as Errno;
export const EACCES = 13 as Errno;
export const EFAULT = 14 as Errno;
export const EBUSY = 16 as Errno;
export const EEXIST = 17 as Errno;
export const ENOTDIR = 20 as Errno;
export const EINVAL = 22 as Errno;
export const EMFILE = 24 as Errno;
export const EFBIG = 27 as Errno;
export const ENOSPC = 28 as Errno;
export const EPIPE = 32 as Errno;
export const ERANGE = 34 as Errno;
export const EAGAIN = 35 as Errno; // 11 on Linux
export const EDESTADDRREQ = 39 as Errno;
export const EPROTONOSUPPORT = 43 as Errno;
export const EOPNOTSUPP = 45 as Errno;
export const EAFNOSUPPORT = 47 as Errno;
export const EADDRINUSE = 48 as Errno; // 98 on Linux
export const ECONNRESET = 54 as Errno;
export const EISCONN = 56 as Errno;
export const ENOTCONN = 57 as Errno;
export const ECONNREFUSED = 61 as Errno; // 111 on Linux
export const ENAMETOOLONG = 63 as Errno;
export const ENOSYS = 78 as Errno; // 38 on Linux
export const EIDRM = 82 as Errno; // 43 on Linux
export const ENOMSG = 83 as Errno; // 42 on Linux

/** Ours, kernel-internal: the caller is asleep on an object; call again once it is woken. */
export const ESLEEP = -16 as Errno;

/** Ours: the process that called has ended; its program unwinds. */
export const EDEAD = -9 as Errno;

/** Ours: this call goes through the gate; a page alone cannot decide it. */
export const EGATE = -17 as Errno;
/** Ours: the page is mapped now; make the call on it. */
export const EMAPPED = -18 as Errno;

/** Text of strerror(3) for each number above. */
const TEXTS: ReadonlyMap<number, readonly [name: string, text: string]> = new Map([
  [OK, ["OK", "No error"]],
  [EPERM, ["EPERM", "Operation not permitted"]],
  [ENOENT, ["ENOENT", "No such file or directory"]],
  [ESRCH, ["ESRCH", "No such process"]],
  [EINTR, ["EINTR", "Interrupted system call"]],
  [E2BIG, ["E2BIG", "Argument list too long"]],
  [EBADF, ["EBADF", "Bad file descriptor"]],
  [ECHILD, ["ECHILD", "No child processes"]],
  [ENOMEM, ["ENOMEM", "Cannot allocate memory"]],
  [EACCES, ["EACCES", "Permission denied"]],
  [EFAULT, ["EFAULT", "Bad address"]],
  [EBUSY, ["EBUSY", "Device busy"]],
  [EEXIST, ["EEXIST", "File exists"]],
  [ENOTDIR, ["ENOTDIR", "Not a directory"]],
  [EINVAL, ["EINVAL", "Invalid argument"]],
  [EMFILE, ["EMFILE", "Too many open files"]],
  [EFBIG, ["EFBIG", "File too large"]],
  [ENOSPC, ["ENOSPC", "No space left on device"]],
  [EPIPE, ["EPIPE", "Broken pipe"]],
  [ERANGE, ["ERANGE", "Result too large"]],
  [EAGAIN, ["EAGAIN", "Resource temporarily unavailable"]],
  [EDESTADDRREQ, ["EDESTADDRREQ", "Destination address required"]],
  [EPROTONOSUPPORT, ["EPROTONOSUPPORT", "Protocol not supported"]],
  [EOPNOTSUPP, ["EOPNOTSUPP", "Operation not supported"]],
  [EAFNOSUPPORT, ["EAFNOSUPPORT", "Address family not supported by protocol family"]],
  [EADDRINUSE, ["EADDRINUSE", "Address already in use"]],
  [ECONNRESET, ["ECONNRESET", "Connection reset by peer"]],
  [EISCONN, ["EISCONN", "Socket is already connected"]],
  [ENOTCONN, ["ENOTCONN", "Socket is not connected"]],
  [ECONNREFUSED, ["ECONNREFUSED", "Connection refused"]],
  [ENAMETOOLONG, ["ENAMETOOLONG", "File name too long"]],
  [ENOSYS, ["ENOSYS", "Function not implemented"]],
  [EIDRM, ["EIDRM", "Identifier removed"]],
  [ENOMSG, ["ENOMSG", "No message of desired type"]],
  [ESLEEP, ["ESLEEP", "Asleep"]],
]);

/** `EAGAIN` for 35; `E<n>` for a number that this host never returns. */
export function errnoName(error: Errno): string {
  return TEXTS.get(error)?.[0] ?? `E${error}`;
}

/** strerror(3). */
export function strerror(error: Errno): string {
  return TEXTS.get(error)?.[1] ?? `Unknown error: ${error}`;
}

const NUMBERS = new Map([...TEXTS].map(([number, [name]]) => [name, number as Errno]));

/** The number behind a name such as `EIDRM`; undefined if this host never returns it. */
export function errnoNumber(name: string): Errno | undefined {
  return NUMBERS.get(name);
}
