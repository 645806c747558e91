/**
 * socket(2) to unlink(2) for sockets with a name in the file system, after unix(4).
 *
 * connect(2) never sleeps: it is done as soon as the connection is in the listener's queue, and what
 * is sent then waits there. What is missing: datagrams, pairs, descriptors and credentials that are
 * passed, getsockname(2) and its kin, options, and the modes of names: every name can be connected to.
 */
import {
  EADDRINUSE,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  EDESTADDRREQ,
  EINVAL,
  EISCONN,
  ENOENT,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  EPROTONOSUPPORT,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import { PROC } from "@jailyard/abi/reason";
import { SIGNALS } from "@jailyard/abi/signal";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOMAXCONN,
} from "@jailyard/abi/socket";
import { badFile, fdalloc, fdinstall, getsock, tooManyFiles } from "./filedesc.ts";
import type { Kernel } from "./kernel.ts";
import { create, lookup, namei, noSpace } from "./namei.ts";
import { psignal } from "./proc.ts";
import { type Socket, sbappend, sbtake, socreate, sosleep, sowakeup } from "./socket.ts";
import { deny, interrupted, type Thread } from "./thread.ts";

const PROC_SOCKET = PROC(97);
const PROC_BIND = PROC(104);
const PROC_LISTEN = PROC(106);
const PROC_CONNECT = PROC(98);
const PROC_ACCEPT = PROC(30);
const PROC_SEND = PROC(133);
const PROC_RECV = PROC(29);

/** socket(2). @returns OK, EAFNOSUPPORT, EPROTONOSUPPORT or EMFILE */
export function socket(
  k: Kernel,
  td: Thread,
  domain: number,
  type: number,
  protocol: number,
): Errno {
  if (domain !== AF_UNIX) return deny(td, EAFNOSUPPORT, PROC_SOCKET);
  if ((type & ~SOCK_NONBLOCK) !== SOCK_STREAM || protocol !== 0) {
    return deny(td, EPROTONOSUPPORT, PROC_SOCKET);
  }
  const fd = fdalloc(td);
  if (fd === null) return tooManyFiles(td);
  fdinstall(td, fd, socreate(k, (type & SOCK_NONBLOCK) !== 0));
  return OK;
}

/** bind(2): make the name. @returns OK, EBADF, EINVAL if it has one, EADDRINUSE, those of a path */
export function bind(k: Kernel, td: Thread, fd: number, path: string): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if (so.so_vnode !== null) return deny(td, EINVAL, PROC_BIND);
  const names = namei(td, path);
  if (typeof names === "number") return names;
  const found = lookup(k, names);
  if (typeof found === "number") return deny(td, found, PROC_BIND);
  if (found !== null) return deny(td, EADDRINUSE, PROC_BIND);
  const vnode = create(k, names, td.p_ucred, so);
  if (vnode === null) return noSpace(td);
  so.so_vnode = vnode;
  td.td_retval = 0;
  return OK;
}

/** listen(2). @returns OK, EBADF, EDESTADDRREQ without a name, EINVAL if it is connected */
export function listen(_k: Kernel, td: Thread, fd: number, backlog: number): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if (isUsed(so)) return deny(td, EINVAL, PROC_LISTEN);
  if (so.so_vnode === null) return deny(td, EDESTADDRREQ, PROC_LISTEN);
  so.so_comp ??= [];
  so.so_qlimit = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
  td.td_retval = 0;
  return OK;
}

const isUsed = ({ so_peer, so_disconnected }: Socket): boolean =>
  so_peer !== null || so_disconnected;

/** Half as many again as listen(2) was told may wait, as in sonewconn. */
const isFull = ({ so_comp, so_qlimit }: Socket): boolean =>
  so_comp!.length > Math.trunc((3 * so_qlimit) / 2);

/**
 * connect(2). @returns OK; EBADF; EOPNOTSUPP if it listens, EISCONN; ENOENT and others of a path;
 * ECONNREFUSED if nobody listens there, or too many wait
 */
export function connect(k: Kernel, td: Thread, fd: number, path: string): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if (so.so_comp !== null) return deny(td, EOPNOTSUPP, PROC_CONNECT);
  if (isUsed(so)) return deny(td, EISCONN, PROC_CONNECT);
  const names = namei(td, path);
  if (typeof names === "number") return names;
  const found = lookup(k, names);
  if (typeof found === "number") return deny(td, found, PROC_CONNECT);
  if (found === null) return deny(td, ENOENT, PROC_CONNECT);
  const listener = found.v_socket;
  if (listener === null || listener.so_comp === null || isFull(listener)) {
    return deny(td, ECONNREFUSED, PROC_CONNECT);
  }
  const so2 = socreate(k, false);
  so.so_peer = so2;
  so2.so_peer = so;
  listener.so_comp.push(so2);
  sowakeup(k, listener);
  td.td_retval = 0;
  return OK;
}

/** accept(2). @returns OK with the descriptor, EBADF, EINVAL, EMFILE, EAGAIN, EINTR or ESLEEP */
export function accept(_k: Kernel, td: Thread, fd: number): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if (so.so_comp === null) return deny(td, EINVAL, PROC_ACCEPT);
  return acceptFrom(td, so);
}

function acceptFrom(td: Thread, so: Socket): Errno {
  if (td.td_interrupted) return interrupted(td, PROC_ACCEPT);
  const fd = fdalloc(td);
  if (fd === null) return tooManyFiles(td);
  const accepted = so.so_comp!.shift();
  if (accepted !== undefined) {
    fdinstall(td, fd, accepted);
    return OK;
  }
  if (so.so_nbio) return deny(td, EAGAIN, PROC_ACCEPT);
  return sosleep(td, so, { so_wmesg: "accept" }, (_k, woken) => acceptFrom(woken, so));
}

/** A send or receive on its way. */
interface Transfer {
  readonly so: Socket;
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly so_wmesg: "sbwait";
  done: number;
}

const waits = ({ so, flags }: Transfer): boolean => !so.so_nbio && (flags & MSG_DONTWAIT) === 0;

/**
 * send(2): all of `bytes`, which are the kernel's own; less, if it does not wait or is interrupted.
 * @returns OK with how many; EBADF, EOPNOTSUPP, ENOTCONN, ECONNRESET, EPIPE with SIGPIPE, EAGAIN,
 * EINTR or ESLEEP
 */
export function send(k: Kernel, td: Thread, fd: number, bytes: Uint8Array, flags: number): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if ((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) !== 0) return deny(td, EOPNOTSUPP, PROC_SEND);
  return sendMore(k, td, { so, bytes, flags, so_wmesg: "sbwait", done: 0 });
}

function sendMore(k: Kernel, td: Thread, t: Transfer): Errno {
  const { so, bytes } = t;
  if (td.td_interrupted) return t.done > 0 ? sent(td, t) : interrupted(td, PROC_SEND);
  const peer = so.so_peer;
  if (peer === null) return unsendable(k, td, t);
  const put = sbappend(peer, bytes.subarray(t.done));
  t.done += put;
  if (put > 0) sowakeup(k, peer);
  if (t.done === bytes.length) return sent(td, t);
  if (waits(t)) return sosleep(td, so, t, (kernel, woken) => sendMore(kernel, woken, t));
  return t.done > 0 ? sent(td, t) : deny(td, EAGAIN, PROC_SEND);
}

function sent(td: Thread, { done }: Transfer): Errno {
  td.td_interrupted = false;
  td.td_retval = done;
  return OK;
}

function unsendable(k: Kernel, td: Thread, { so, flags }: Transfer): Errno {
  const error = takeError(so);
  if (error !== OK) return deny(td, error, PROC_SEND);
  if (!so.so_disconnected) return deny(td, ENOTCONN, PROC_SEND);
  if ((flags & MSG_NOSIGNAL) === 0) psignal(k, td, SIGNALS.SIGPIPE);
  return deny(td, EPIPE, PROC_SEND);
}

function takeError(so: Socket): Errno {
  const error = so.so_error;
  so.so_error = OK;
  return error;
}

/**
 * recv(2): what is there, up to the length of `bytes`; it waits while nothing is.
 * @returns OK with how many, 0 once the peer has closed and all is received; EBADF, EOPNOTSUPP,
 * ENOTCONN, ECONNRESET, EAGAIN, EINTR or ESLEEP
 */
export function recv(k: Kernel, td: Thread, fd: number, bytes: Uint8Array, flags: number): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  if ((flags & ~MSG_DONTWAIT) !== 0) return deny(td, EOPNOTSUPP, PROC_RECV);
  return recvMore(k, td, { so, bytes, flags, so_wmesg: "sbwait", done: 0 });
}

function recvMore(k: Kernel, td: Thread, t: Transfer): Errno {
  const { so, bytes } = t;
  if (td.td_interrupted) return interrupted(td, PROC_RECV);
  td.td_retval = sbtake(so, bytes);
  if (td.td_retval > 0 && so.so_peer !== null) sowakeup(k, so.so_peer);
  if (td.td_retval > 0 || bytes.length === 0) return OK;
  const error = takeError(so);
  if (error !== OK) return deny(td, error, PROC_RECV);
  if (so.so_disconnected) return OK;
  if (so.so_peer === null) return deny(td, ENOTCONN, PROC_RECV);
  if (!waits(t)) return deny(td, EAGAIN, PROC_RECV);
  return sosleep(td, so, t, (kernel, woken) => recvMore(kernel, woken, t));
}
