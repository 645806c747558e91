/**
 * Every way in which a System V call is refused, in the order in which the kernel looks. A test makes
 * each of them happen, and sees that no other does.
 */
import { limitNamed } from "@jailyard/abi/limits";
import type { LimitName } from "@jailyard/abi/reason";

export interface Cause {
  readonly call: string;
  readonly errno: string;
  /** `SEM-20`. */
  readonly rule: string;
  /** Empty if it is no limit. */
  readonly limit: LimitName;
  /** A clause: what is so. */
  readonly text: string;
}

type Row = readonly [errno: string, rule: string, text: string, limit?: LimitName];

const NO_MODULE: Row = ["ENOSYS", "COM-30", "its module is not loaded; SIGSYS comes with it"];
const JAIL_HAS_NOT =
  "the caller's jail has none of this facility (sysv*=disable, or made before its module)";
const NO_OBJECT = (what: string): string =>
  `no ${what} in the caller's sight has this id: never made, removed, or another jail's`;
const MAY_NOT = "mode bits and owner do not let the caller; root of its jail may always";

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  semget: [
    ["ENOSYS", "SEM-16", JAIL_HAS_NOT],
    ["EEXIST", "SEM-17", "a set has the key, and IPC_CREAT with IPC_EXCL was asked for"],
    ["EACCES", "COM-16", `a set has the key; ${MAY_NOT}`],
    ["EINVAL", "SEM-17", "a set has the key, with fewer semaphores than nsems"],
    ["ENOENT", "SEM-19", "no set has the key, and IPC_CREAT was not asked for"],
    ["EINVAL", "SEM-20", "nsems is 0 or less, and a set is to be made"],
    ["EINVAL", "SEM-20", "nsems is more than one set may have", "kern.ipc.semmsl"],
    ["ENOSPC", "SEM-20", "so many semaphores are not left on the host", "kern.ipc.semmns"],
    ["ENOSPC", "SEM-20", "the host has as many sets as it may have", "kern.ipc.semmni"],
    ["ENOSPC", "SEM-20", "a deny rule leaves the caller no more semaphores", "rctl nsem"],
  ],
  semop: [
    ["ENOSYS", "SEM-40", JAIL_HAS_NOT],
    ["EINVAL", "SEM-41", "the index in the id is not below kern.ipc.semmni"],
    [
      "E2BIG",
      "SEM-43",
      "more than eight operations, and more than a call may have",
      "kern.ipc.semopm",
    ],
    ["E2BIG", "SEM-44", "more than eight operations, and a deny rule leaves fewer", "rctl nsemop"],
    ["EFAULT", "SEM-45", "the operations are not in the caller's memory"],
    ["EINVAL", "SEM-46", NO_OBJECT("set")],
    ["EFBIG", "SEM-47", "a sem_num is not below the number of semaphores of the set"],
    ["EACCES", "COM-16", MAY_NOT],
    ["ERANGE", "SEM-53", "a value would become more than it may be", "kern.ipc.semvmx"],
    ["EAGAIN", "SEM-55", "it would have to wait, and the operation has IPC_NOWAIT"],
    ["EIDRM", "SEM-58", "the set was removed while the call slept"],
    ["EINTR", "SEM-57", "a signal was caught while the call slept"],
    [
      "ENOSPC",
      "SEM-66",
      "all undo structures are taken, and SEM_UNDO needs one",
      "kern.ipc.semmnu",
    ],
    ["ERANGE", "SEM-66", "an adjustment would become more than it may be", "kern.ipc.semaem"],
    ["EINVAL", "SEM-66", "the process undoes as many semaphores as it may", "kern.ipc.semume"],
  ],
  semctl: [
    ["EFAULT", "SEM-22", "IPC_SET, and the structure is not in the caller's memory"],
    ["ENOSYS", "SEM-23", JAIL_HAS_NOT],
    ["EINVAL", "SEM-37", "SEM_STAT, and no set in the caller's sight has this index"],
    ["EINVAL", "SEM-23", "the index in the id is not below kern.ipc.semmni"],
    ["EINVAL", "SEM-38", "there is no such command"],
    ["EINVAL", "SEM-24", NO_OBJECT("set")],
    ["EFAULT", "SEM-34", "SETALL, and the values are not in the caller's memory"],
    ["EACCES", "COM-16", MAY_NOT],
    ["EINVAL", "SEM-28", "GETVAL and its kin: semnum is not a semaphore of the set"],
    ["EFAULT", "SEM-27", "IPC_STAT, and the structure is not in the caller's memory"],
    ["EFAULT", "SEM-29", "GETALL, and the values are not in the caller's memory"],
    ["EINVAL", "SEM-30", "SETVAL: semnum is not a semaphore of the set"],
    ["ERANGE", "SEM-30", "SETVAL: the value is below 0, or more than it may be", "kern.ipc.semvmx"],
    ["ERANGE", "SEM-35", "SETALL: a value is more than it may be", "kern.ipc.semvmx"],
  ],
  shmget: [
    ["ENOSYS", "SHM-8", JAIL_HAS_NOT],
    ["EEXIST", "SHM-11", "a segment has the key, and IPC_CREAT with IPC_EXCL was asked for"],
    ["EINVAL", "SHM-11", "a segment has the key, and is smaller than size"],
    ["ENOENT", "SHM-8", "no segment has the key, and IPC_CREAT was not asked for"],
    ["EINVAL", "SHM-14", "size is 0, or less than a segment must have", "kern.ipc.shmmin"],
    ["EINVAL", "SHM-14", "size is more than a segment may have", "kern.ipc.shmmax"],
    ["ENOSPC", "SHM-14", "the host has as many segments as it may have", "kern.ipc.shmmni"],
    ["ENOMEM", "SHM-14", "so many pages are not left on the host", "kern.ipc.shmall"],
    ["ENOSPC", "SHM-14", "a deny rule leaves the caller no more segments", "rctl nshm"],
    ["ENOMEM", "SHM-14", "a deny rule leaves the caller fewer bytes", "rctl shmsize"],
  ],
  shmat: [
    ["ENOSYS", "SHM-18", JAIL_HAS_NOT],
    ["EINVAL", "SHM-17", NO_OBJECT("segment")],
    ["EACCES", "COM-16", MAY_NOT],
    ["EMFILE", "SHM-18", "the process has as many attaches as it may have", "kern.ipc.shmseg"],
    ["EINVAL", "SHM-18", "the address is no page's, and SHM_RND was not asked for"],
    ["ENOMEM", "SHM-20", "the address space has no room there"],
  ],
  shmdt: [
    ["ENOSYS", "SHM-28", JAIL_HAS_NOT],
    ["EINVAL", "SHM-28", "no shmat of this process gave this address"],
  ],
  shmctl: [
    ["EINVAL", "SHM-38", "IPC_INFO, SHM_INFO and SHM_STAT are not for programs of today"],
    ["EFAULT", "SHM-39", "IPC_SET, and the structure is not in the caller's memory"],
    ["ENOSYS", "SHM-40", JAIL_HAS_NOT],
    ["EINVAL", "SHM-17", NO_OBJECT("segment")],
    ["EACCES", "COM-16", MAY_NOT],
    ["EFAULT", "SHM-41", "IPC_STAT, and the structure is not in the caller's memory"],
    ["EINVAL", "SHM-44", "there is no such command; SHM_LOCK and SHM_UNLOCK neither"],
  ],
  msgget: [
    ["ENOSYS", "MSG-14", JAIL_HAS_NOT],
    ["EEXIST", "MSG-14", "a queue has the key, and IPC_CREAT with IPC_EXCL was asked for"],
    ["EACCES", "COM-16", `a queue has the key; ${MAY_NOT}`],
    ["ENOENT", "MSG-15", "no queue has the key, and IPC_CREAT was not asked for"],
    ["ENOSPC", "MSG-16", "the host has as many queues as it may have", "kern.ipc.msgmni"],
    ["ENOSPC", "MSG-16", "a deny rule leaves the caller no more queues", "rctl nmsgq"],
  ],
  msgsnd: [
    ["EFAULT", "MSG-31", "the message is not in the caller's memory"],
    ["ENOSYS", "MSG-32", JAIL_HAS_NOT],
    ["EINVAL", "MSG-32", NO_OBJECT("queue")],
    ["EACCES", "COM-16", MAY_NOT],
    ["EAGAIN", "MSG-33", "a deny rule leaves the caller no more messages", "rctl msgqqueued"],
    ["EAGAIN", "MSG-33", "a deny rule leaves the caller fewer bytes", "rctl msgqsize"],
    ["EINVAL", "MSG-46", "the type is below 1"],
    ["EFAULT", "MSG-47", "the text is not in the caller's memory"],
    ["EINVAL", "MSG-38", "the message is longer than all the queue may hold (msg_qbytes)"],
    ["EAGAIN", "MSG-40", "another sender holds the queue, and IPC_NOWAIT was asked for"],
    ["EAGAIN", "MSG-40", "the queue is full, and IPC_NOWAIT was asked for", "kern.ipc.msgmnb"],
    ["EAGAIN", "MSG-40", "no message segments are left, with IPC_NOWAIT", "kern.ipc.msgseg"],
    ["EAGAIN", "MSG-40", "no message headers are left, with IPC_NOWAIT", "kern.ipc.msgtql"],
    ["EINTR", "MSG-43", "a signal was caught while the call slept"],
    ["EIDRM", "MSG-44", "the queue was removed while the call slept"],
  ],
  msgrcv: [
    ["ENOSYS", "MSG-53", JAIL_HAS_NOT],
    ["EINVAL", "MSG-53", NO_OBJECT("queue")],
    ["EACCES", "COM-16", MAY_NOT],
    ["E2BIG", "MSG-55", "the message is longer than msgsz, and MSG_NOERROR was not asked for"],
    ["ENOMSG", "MSG-56", "the queue has no such message, and IPC_NOWAIT was asked for"],
    ["EINTR", "MSG-57", "a signal was caught while the call slept"],
    ["EIDRM", "MSG-58", "the queue was removed while the call slept"],
    ["EFAULT", "MSG-61", "there is too little memory for the text at the address"],
    ["EFAULT", "MSG-62", "the message has nowhere to go; it is lost"],
  ],
  msgctl: [
    ["EFAULT", "MSG-19", "IPC_SET, and the structure is not in the caller's memory"],
    ["ENOSYS", "MSG-20", JAIL_HAS_NOT],
    ["EINVAL", "MSG-20", NO_OBJECT("queue")],
    ["EACCES", "COM-16", MAY_NOT],
    ["EPERM", "MSG-23", "only root may give a queue more bytes than it has"],
    ["EINVAL", "MSG-25", "IPC_SET with msg_qbytes 0"],
    ["EFAULT", "MSG-29", "IPC_STAT, and the structure is not in the caller's memory"],
    ["EINVAL", "MSG-30", "there is no such command"],
  ],
};

/** By call, and there in the kernel's order. */
export const CAUSES: readonly Cause[] = Object.entries(ROWS).flatMap(([call, rows]) =>
  [NO_MODULE, ...rows].map(([errno, rule, text, limit = ""]) => ({
    call,
    errno,
    rule,
    limit,
    text,
  })),
);

export const CALLS: readonly string[] = Object.keys(ROWS);

/** One line of a configuration file, or a command. */
export interface Remedy {
  readonly where: string;
  readonly line: string;
}

/** How a limit is raised; `value`: to what. */
export function remediesOf(limit: LimitName, value: string): Remedy[] {
  if (limit.startsWith("rctl ")) {
    const rule = `jail:NAME:${limit.slice(5)}:deny`;
    return [
      { where: "who has which rule", line: `jailyard rctl ${rule.slice(0, -5)}` },
      { where: "rctl.conf", line: `${rule}=${value}` },
    ];
  }
  if (limitNamed(limit)?.writable === "run") {
    return [
      { where: "now", line: `jailyard sysctl ${limit}=${value}` },
      { where: "sysctl.conf", line: `${limit}=${value}` },
    ];
  }
  return [
    { where: "loader.conf", line: `${limit}="${value}"` },
    { where: "jailyard up", line: `-o ${limit}=${value}` },
  ];
}

/** What helps against an error that is no limit's. */
export const ADVICE: Readonly<Record<string, readonly Remedy[]>> = {
  ENOSYS: [
    { where: "is the module there?", line: "jailyard kldstat" },
    { where: "does the jail have it?", line: "jailyard jls --effective" },
    { where: "jail.conf", line: "sysvsem = new;  sysvshm = new;  sysvmsg = new;" },
    { where: "loader.conf", line: 'sysvsem_load="YES"' },
  ],
  EACCES: [{ where: "whose is it, with which mode?", line: "jailyard ipcs -Z -c" }],
  EEXIST: [{ where: "who has the key?", line: "jailyard ipcs -Z" }],
  ENOENT: [{ where: "which keys are there?", line: "jailyard ipcs -Z" }],
  EINVAL: [{ where: "which ids are there, how large?", line: "jailyard ipcs -Z -b" }],
  EIDRM: [{ where: "who removed it?", line: "jailyard ipcs --history" }],
  EAGAIN: [{ where: "who waits, who holds?", line: "jailyard ipcs --waits" }],
};
