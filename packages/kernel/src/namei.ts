/**
 * The tree of files, after vfs_lookup.c: directories, and names of sockets. Nothing else is in it, and
 * nothing has contents. A path begins at the root of the caller's jail, which is a directory of the
 * host's tree, and `..` does not lead out of it: chroot(2), as jail(2) makes use of it.
 *
 * Any directory that a path asks for is there, as no installation makes them; it is real while it
 * holds a name. All directories are like /tmp, sticky: anybody may make a name, its owner and root may
 * remove it.
 */
import { ENAMETOOLONG, ENOENT, ENOSPC, ENOTDIR, EPERM, type Errno, OK } from "@jailyard/abi/errno";
import { PROC } from "@jailyard/abi/reason";
import { privileged, type Ucred } from "./cred.ts";
import type { Kernel } from "./kernel.ts";
import type { Prison } from "./prison.ts";
import type { Socket } from "./socket.ts";
import { deny, type Thread } from "./thread.ts";

export interface Vnode {
  readonly v_name: string;
  readonly v_parent: Vnode | null;
  /** null: the name of a socket. */
  readonly v_children: Map<string, Vnode> | null;
  readonly v_uid: number;
  /** The socket that is bound to the name; null once that is closed. */
  v_socket: Socket | null;
}

export interface Files {
  readonly root: Vnode;
  /** Names, those of directories included. */
  nodes: number;
  /** Open, or connected and not yet accepted. */
  readonly sockets: Set<Socket>;
}

const NAME_MAX = 255;
/** What fits into a struct sockaddr_un whose length is a byte. */
const PATH_MAX = 253;
const NODES_MAX = 65_536;
const PROC_NAMEI = PROC(10);

const directory = (v_name: string, v_parent: Vnode | null): Vnode => ({
  ...{ v_name, v_parent, v_uid: 0, v_socket: null },
  v_children: new Map(),
});

export const makeFiles = (): Files => ({ root: directory("", null), nodes: 0, sockets: new Set() });

/** Names from the host's root down to what `path` means for a caller; at its own root `..` stays. */
export function namei(td: Thread, path: string): readonly string[] | Errno {
  if (path === "") return deny(td, ENOENT, PROC_NAMEI);
  if (path.length > PATH_MAX || path.includes("\0")) return deny(td, ENAMETOOLONG, PROC_NAMEI);
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name.length > NAME_MAX) return deny(td, ENAMETOOLONG, PROC_NAMEI);
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return [...rootOf(td.p_ucred.cr_prison), ...names];
}

const rootOf = ({ pr_path }: Prison): string[] => pr_path.split("/").filter((name) => name !== "");

/** What has this name; null: nothing; ENOTDIR if a socket is on the way. */
export function lookup({ files }: Kernel, names: readonly string[]): Vnode | null | Errno {
  let at: Vnode = files.root;
  for (const name of names) {
    if (at.v_children === null) return ENOTDIR;
    const next = at.v_children.get(name);
    if (next === undefined) return null;
    at = next;
  }
  return at;
}

/** Make a name that is not there, and the directories on its way. @returns null if the disk is full */
export function create(
  { files }: Kernel,
  names: readonly string[],
  cred: Ucred,
  socket: Socket,
): Vnode | null {
  if (files.nodes + names.length > NODES_MAX) return null;
  let at = files.root;
  for (const name of names.slice(0, -1)) {
    at = at.v_children!.get(name) ?? enter(files, at, directory(name, at));
  }
  const vnode = { v_parent: at, v_children: null, v_uid: cred.cr_uid, v_socket: socket };
  return enter(files, at, { v_name: names.at(-1)!, ...vnode });
}

function enter(files: Files, { v_children }: Vnode, vnode: Vnode): Vnode {
  v_children!.set(vnode.v_name, vnode);
  files.nodes++;
  return vnode;
}

export const noSpace = (td: Thread): Errno => deny(td, ENOSPC, PROC_NAMEI);

/** unlink(2). @returns OK, ENOENT, ENOTDIR, ENAMETOOLONG, or EPERM for a directory or another's name */
export function unlink(k: Kernel, td: Thread, path: string): Errno {
  const names = namei(td, path);
  if (typeof names === "number") return names;
  const found = lookup(k, names);
  if (typeof found === "number") return deny(td, found, PROC_NAMEI);
  if (found === null) return deny(td, ENOENT, PROC_NAMEI);
  const { p_ucred: cred } = td;
  if (found.v_children !== null) return deny(td, EPERM, PROC_NAMEI);
  if (!privileged(cred) && cred.cr_uid !== found.v_uid) return deny(td, EPERM, PROC_NAMEI);
  if (found.v_socket !== null) found.v_socket.so_vnode = null;
  forget(k.files, found);
  return OK;
}

/** With it go directories that hold nothing any more. */
function forget(files: Files, { v_name, v_parent }: Vnode): void {
  if (v_parent === null) return;
  v_parent.v_children!.delete(v_name);
  files.nodes--;
  if (v_parent.v_children!.size === 0) forget(files, v_parent);
}
