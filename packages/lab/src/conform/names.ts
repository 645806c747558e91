/** Names of flags and commands in a script, and their numbers. */
import * as ipc from "@jailyard/abi/ipc";
import { MSG_NOERROR } from "@jailyard/abi/msg";
import * as sem from "@jailyard/abi/sem";
import * as shm from "@jailyard/abi/shm";
import type { FlagName } from "./case.ts";

export const FLAGS: Readonly<Record<FlagName, number>> = {
  IPC_CREAT: ipc.IPC_CREAT,
  IPC_EXCL: ipc.IPC_EXCL,
  IPC_NOWAIT: ipc.IPC_NOWAIT,
  SEM_UNDO: sem.SEM_UNDO,
  MSG_NOERROR,
  SHM_RDONLY: shm.SHM_RDONLY,
  SHM_RND: shm.SHM_RND,
  SHM_REMAP: shm.SHM_REMAP,
};

type Commands = Readonly<Record<string, number>>;
export const IPC_COMMANDS: Commands = {
  IPC_RMID: ipc.IPC_RMID,
  IPC_SET: ipc.IPC_SET,
  IPC_STAT: ipc.IPC_STAT,
  IPC_INFO: ipc.IPC_INFO,
};
export const SEM_COMMANDS: Commands = {
  ...IPC_COMMANDS,
  GETNCNT: sem.GETNCNT,
  GETPID: sem.GETPID,
  GETVAL: sem.GETVAL,
  GETALL: sem.GETALL,
  GETZCNT: sem.GETZCNT,
  SETVAL: sem.SETVAL,
  SETALL: sem.SETALL,
  SEM_STAT: sem.SEM_STAT,
  SEM_INFO: sem.SEM_INFO,
};
export const SHM_COMMANDS: Commands = {
  ...IPC_COMMANDS,
  SHM_LOCK: shm.SHM_LOCK,
  SHM_UNLOCK: shm.SHM_UNLOCK,
  SHM_STAT: shm.SHM_STAT,
  SHM_INFO: shm.SHM_INFO,
};

/** The numbers of `flags` and of an octal `mode`, or-ed. */
export function flagBits(flags: readonly FlagName[] = [], mode = "0"): number {
  let bits = Number.parseInt(mode, 8);
  for (const flag of flags) bits |= FLAGS[flag];
  return bits;
}

/** A command by name, or the number of one that does not exist. */
export const commandNumber = (commands: Commands, cmd: string | number): number =>
  typeof cmd === "number" ? cmd : commands[cmd];
