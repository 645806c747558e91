/** Linux's names in a recording, as FreeBSD's numbers. */
import {
  IPC_CREAT,
  IPC_EXCL,
  IPC_INFO,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
} from "@jailyard/abi/ipc";
import { MSG_NOERROR } from "@jailyard/abi/msg";
import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  SEM_INFO,
  SEM_STAT,
  SEM_UNDO,
  SETALL,
  SETVAL,
} from "@jailyard/abi/sem";
import {
  SHM_INFO,
  SHM_LOCK,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHM_STAT,
  SHM_UNLOCK,
} from "@jailyard/abi/shm";
import { SIGNALS } from "@jailyard/abi/signal";

/** Flags that FreeBSD does not have are no bits at all. */
const FLAGS: Readonly<Record<string, number>> = {
  IPC_CREAT,
  IPC_EXCL,
  IPC_NOWAIT,
  SEM_UNDO,
  SHM_RDONLY,
  SHM_RND,
  SHM_REMAP,
  SHM_EXEC: 0,
  SHM_HUGETLB: 0,
  SHM_NORESERVE: 0,
  MSG_NOERROR,
  MSG_EXCEPT: 0,
  MSG_COPY: 0,
};

const IPC_COMMANDS = { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO };
/** A number that is no command of any facility. */
const NO_COMMAND = 99;

const COMMANDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  semctl: {
    ...IPC_COMMANDS,
    ...{ GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, SETVAL, SETALL, SEM_STAT, SEM_INFO },
    SEM_STAT_ANY: NO_COMMAND,
  },
  shmctl: {
    ...IPC_COMMANDS,
    ...{ SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO },
    SHM_STAT_ANY: NO_COMMAND,
  },
  msgctl: { ...IPC_COMMANDS, MSG_STAT: NO_COMMAND, MSG_INFO: NO_COMMAND, MSG_STAT_ANY: NO_COMMAND },
};

/** FreeBSD's numbers of signals that a yard can send but has no name for. */
const MORE_SIGNALS: Readonly<Record<string, number>> = {
  "0": 0,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGFPE: 8,
  SIGBUS: 10,
  SIGTSTP: 18,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGIO: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
};

/** strace shows bits that have no name as one hex number. */
const bits = (word: string): number => (word.startsWith("0x") ? Number(word) | 0 : 0);

export function flagsOf(flags: readonly string[] | undefined, mode = "0"): number {
  let all = Number.parseInt(mode, 8);
  for (const name of flags ?? []) all |= FLAGS[name] ?? bits(name);
  return all;
}

export function commandOf(call: string, cmd: string): number {
  const known = COMMANDS[call][cmd];
  return known ?? (cmd.startsWith("0x") ? Number(cmd) | 0 : NO_COMMAND);
}

export const keyOf = (key: string): number => (key === "IPC_PRIVATE" ? 0 : Number(key) | 0);

/** null for a signal that FreeBSD does not have. */
export function signalOf(name: string): number | null {
  return (SIGNALS as Readonly<Record<string, number>>)[name] ?? MORE_SIGNALS[name] ?? null;
}

/** Signals whose handler a program of a yard can set. */
export const isCatchable = (name: string): name is keyof typeof SIGNALS =>
  name in SIGNALS && name !== "SIGKILL" && name !== "SIGSTOP";
