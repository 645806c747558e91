/** Descriptors, after kern_descrip.c: numbers by which a process has its sockets. */
import { EBADF, EMFILE, type Errno, OK } from "@jailyard/abi/errno";
import { PROC } from "@jailyard/abi/reason";
import type { Kernel } from "./kernel.ts";
import { type Socket, soclose } from "./socket.ts";
import { deny, type Thread } from "./thread.ts";

/** kern.maxfilesperproc. */
const FD_MAX = 1024;
const PROC_FD = PROC(6);

/** The socket behind a descriptor; null if there is none. */
export function getsock({ p_fd }: Thread, fd: number): Socket | null {
  return p_fd[fd] ?? null;
}

export const badFile = (td: Thread): Errno => deny(td, EBADF, PROC_FD);

/** The lowest free number, or EMFILE. */
export function fdalloc(td: Thread): number | null {
  const free = td.p_fd.indexOf(null);
  const fd = free === -1 ? td.p_fd.length : free;
  return fd < FD_MAX ? fd : null;
}

export const tooManyFiles = (td: Thread): Errno => deny(td, EMFILE, PROC_FD);

/** The process has the socket by this number, which was free. */
export function fdinstall(td: Thread, fd: number, so: Socket): void {
  td.p_fd[fd] = so;
  so.so_count++;
  td.td_retval = fd;
}

/** close(2). */
export function close(k: Kernel, td: Thread, fd: number): Errno {
  const so = getsock(td, fd);
  if (so === null) return badFile(td);
  td.p_fd[fd] = null;
  drop(k, so);
  return OK;
}

function drop(k: Kernel, so: Socket): void {
  if (--so.so_count === 0) soclose(k, so);
}

/** A child has the same sockets. */
export function fdcopy(parent: Thread, child: Thread): void {
  child.p_fd = [...parent.p_fd];
  for (const so of child.p_fd) if (so !== null) so.so_count++;
}

/** The end of a process. */
export function fdescfree(k: Kernel, td: Thread): void {
  const open = td.p_fd;
  td.p_fd = [];
  for (const so of open) if (so !== null) drop(k, so);
}
