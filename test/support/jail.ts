/** Jails for tests: jail_set(2) as a function that gives all it has to say, and sets to see. */
import type { Errno } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_STAT } from "@jailyard/abi/ipc";
import {
  JAIL_CREATE,
  JAIL_SYS_DISABLE,
  JAIL_SYS_INHERIT,
  JAIL_SYS_NEW,
  JAIL_UPDATE,
  type JailParams,
} from "@jailyard/abi/jail";
import { sembufs, semidDs } from "@jailyard/abi/sem";
import type { Jid, Key, Semid } from "@jailyard/abi/types";
import { ipcnsCreate } from "@jailyard/kernel/ipcnscall";
import { type JailOut, jailRemove } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { exit, leftovers, ok, process } from "./kernel.ts";

/** What jail_set(2) gave. */
export interface Result {
  error: Errno;
  errmsg: string;
  jid: Jid | undefined;
}

/** jail_set(2); `td` null is root of the host. */
export function set(
  k: Kernel,
  params: JailParams,
  flags: number,
  td: Thread | null = null,
  changes = 0,
): Result {
  const out: JailOut = { errmsg: "" };
  const error = jailSet(k, td, params, flags, out, changes);
  return { error, errmsg: out.errmsg, jid: out.jid };
}
export const create = (k: Kernel, params: JailParams, td: Thread | null = null): Result =>
  set(k, { persist: true, ...params }, JAIL_CREATE, td);
export const update = (k: Kernel, params: JailParams, td: Thread | null = null): Result =>
  set(k, params, JAIL_UPDATE, td);
export const failure = (error: Errno, errmsg = ""): Result => ({ error, errmsg, jid: undefined });

export const NEW = { sysvsem: JAIL_SYS_NEW };
export const INHERIT = { sysvsem: JAIL_SYS_INHERIT };
export const DISABLE = { sysvsem: JAIL_SYS_DISABLE };

export const makeSet = (k: Kernel, td: Thread, key = 77): Semid =>
  ok(td, semget(k, td, key as Key, 1, IPC_CREAT | 0o600)) as Semid;
export const stat = (k: Kernel, td: Thread, semid: Semid): Errno =>
  semctl(k, td, semid, 0, IPC_STAT, { val: 0, buf: semidDs(), array: null });
export function take(k: Kernel, td: Thread, semid: Semid): Errno {
  const sops = sembufs(1);
  sops.sem_op[0] = -1;
  sops.count = 1;
  return semop(k, td, semid, sops, 1);
}

export const removeSet = (k: Kernel, td: Thread, semid: Semid): Errno =>
  semctl(k, td, semid, 0, 0, { val: 0, buf: null, array: null });

/** A name space of semaphores below the one where `td` is, in which it is from now on. */
export const createSpace = (k: Kernel, td: Thread, name: string): number =>
  ok(td, ipcnsCreate(k, td, "sem", name));

/** IPC_RMID by root of the host. */
export function remove(k: Kernel, semid: Semid): void {
  const td = process(k);
  ok(td, removeSet(k, td, semid));
  exit(k, td);
}

/** All jails and processes go; what is left then. A test ends with `{}`. */
export function ending(k: Kernel): Record<string, number> {
  for (const pr of [...k.prisons]) if (pr.pr_parent === k.prison0) jailRemove(k, null, pr.pr_id);
  run(k);
  for (const td of [...k.procs.values()]) exit(k, td);
  return leftovers(k);
}
