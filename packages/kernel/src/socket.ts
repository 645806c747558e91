/**
 * Sockets of AF_UNIX and SOCK_STREAM: what they hold, who sleeps on them, and their end, after
 * uipc_socket.c and uipc_usrreq.c. The calls are in unix.ts. They have no lock, as they are used by
 * the kernel's thread alone.
 */
import { ECONNRESET, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import type { Kernel } from "./kernel.ts";
import type { Vnode } from "./namei.ts";
import { asleep, unsleep } from "./runq.ts";
import type { Resume, Thread } from "./thread.ts";

/** net.local.stream.recvspace: bytes that were sent and not yet received. */
const RECVSPACE = 8192;

export interface Socket {
  readonly so_nbio: boolean;
  /** Descriptors of all processes; 0 while nobody has accepted it. */
  so_count: number;
  so_peer: Socket | null;
  /** It had a peer, which is gone: SBS_CANTSENDMORE, SBS_CANTRCVMORE. */
  so_disconnected: boolean;
  /** For the next call that would wait; cleared by it. */
  so_error: Errno;
  /** What was sent to it, oldest first, and how many bytes that are. */
  readonly so_rcv: Uint8Array[];
  so_cc: number;
  /** Connections nobody has accepted; null: it does not listen. */
  so_comp: Socket[] | null;
  so_qlimit: number;
  /** Its name. */
  so_vnode: Vnode | null;
  /** Processes that sleep in a call on it. */
  readonly so_waiters: Set<Thread>;
}

export function socreate({ files }: Kernel, so_nbio: boolean): Socket {
  const so: Socket = {
    so_nbio,
    so_count: 0,
    so_peer: null,
    so_disconnected: false,
    so_error: OK,
    so_rcv: [],
    so_cc: 0,
    so_comp: null,
    so_qlimit: 0,
    so_vnode: null,
    so_waiters: new Set(),
  };
  files.sockets.add(so);
  return so;
}

/** What a call on a socket keeps while it sleeps. */
interface SocketSleep {
  readonly so_wmesg: "accept" | "sbwait";
}

/** Why a process sleeps, if it does so on a socket. */
export const socketWmesg = ({ td_sleep }: Thread): string | null =>
  (td_sleep as SocketSleep | null)?.so_wmesg ?? null;

/** Sleep until the socket changes; `sleep` is what the call needs to go on. */
export function sosleep(td: Thread, so: Socket, sleep: SocketSleep, resume: Resume): Errno {
  td.td_sleep = sleep;
  so.so_waiters.add(td);
  asleep(td, (k, woken) => {
    so.so_waiters.delete(woken);
    return resume(k, woken);
  });
  return ESLEEP;
}

/** All who sleep on it look again. */
export function sowakeup(k: Kernel, so: Socket): void {
  for (const td of so.so_waiters) unsleep(k, td);
}

/** Put as much of `bytes` into what the socket holds as there is room for. @returns how much */
export function sbappend(so: Socket, bytes: Uint8Array): number {
  const length = Math.min(bytes.length, RECVSPACE - so.so_cc);
  if (length > 0) so.so_rcv.push(bytes.slice(0, length));
  so.so_cc += length;
  return length;
}

/** Take as much as `into` has room for. @returns how much */
export function sbtake(so: Socket, into: Uint8Array): number {
  let taken = 0;
  while (taken < into.length && so.so_rcv.length > 0) {
    const chunk = so.so_rcv[0];
    const length = Math.min(chunk.length, into.length - taken);
    into.set(chunk.subarray(0, length), taken);
    taken += length;
    if (length === chunk.length) so.so_rcv.shift();
    else so.so_rcv[0] = chunk.subarray(length);
  }
  so.so_cc -= taken;
  return taken;
}

/** Nobody has it any more: its peer, and all who wait to be accepted, learn of it. */
export function soclose(k: Kernel, so: Socket): void {
  k.files.sockets.delete(so);
  if (so.so_vnode !== null) so.so_vnode.v_socket = null; // the name stays
  for (const waiting of so.so_comp ?? []) {
    disconnect(k, waiting, ECONNRESET);
    k.files.sockets.delete(waiting);
  }
  disconnect(k, so, OK);
}

function disconnect(k: Kernel, so: Socket, error: Errno): void {
  const peer = so.so_peer;
  if (peer === null) return;
  so.so_peer = null;
  peer.so_peer = null;
  peer.so_disconnected = true;
  peer.so_error = error;
  sowakeup(k, peer);
}

/** What does not hold between sockets, names and descriptors, a line each. */
export function brokenSockets({ files, procs }: Kernel): string[] {
  const broken: string[] = [];
  const open = new Map<Socket, number>();
  for (const { p_fd } of procs.values()) {
    for (const so of p_fd) if (so !== null) open.set(so, (open.get(so) ?? 0) + 1);
  }
  const queued = new Set([...files.sockets].flatMap(({ so_comp }) => so_comp ?? []));
  for (const so of files.sockets) {
    const { so_peer, so_count, so_vnode, so_cc, so_rcv } = so;
    if (so_count !== (open.get(so) ?? 0)) broken.push("a socket counts its descriptors wrongly");
    if (so_count === 0 && !queued.has(so)) broken.push("a socket that nobody has is there");
    if (so_peer !== null && so_peer.so_peer !== so) broken.push("a socket's peer has another");
    if (so_vnode !== null && so_vnode.v_socket !== so) broken.push("a socket's name is another's");
    const bytes = so_rcv.reduce((all, { length }) => all + length, 0);
    if (so_cc !== bytes) broken.push(`a socket holds ${bytes} bytes and counts ${so_cc}`);
  }
  for (const so of open.keys()) if (!files.sockets.has(so)) broken.push("a closed socket is open");
  return broken;
}
