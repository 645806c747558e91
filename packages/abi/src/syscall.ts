/** Numbers of the system calls that cross the gate. FreeBSD's own where it has one. */
export const SYSCALLS = {
  exit: 1,
  fork: 2,
  wait4: 7,
  getpid: 20,
  kill: 37,
  getppid: 39,
  execve: 59,
  sigaction: 416,
  setcred: 591,
  kldload: 304,
  kldunload: 444,
  kldstat: 308,
  sysctl: 202,
  __semctl: 510,
  semget: 221,
  semop: 222,
  msgget: 225,
  msgsnd: 226,
  msgrcv: 227,
  msgctl: 511,
  shmat: 228,
  shmdt: 230,
  shmget: 231,
  shmctl: 512,
  jail_get: 506,
  jail_set: 507,
  jail_remove: 508,
  jail_attach: 436,
} as const;
export type SyscallName = keyof typeof SYSCALLS;

/** Calls that exist only while a module is present. [COM-30] */
export const SYSCALL_MODULES: Readonly<Record<string, readonly SyscallName[]>> = {
  sysvmsg: ["msgget", "msgsnd", "msgrcv", "msgctl"],
  sysvsem: ["semget", "semop", "__semctl"],
  sysvshm: ["shmget", "shmat", "shmdt", "shmctl"],
};
