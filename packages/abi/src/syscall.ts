/** Numbers of the system calls that cross the gate. FreeBSD's own where it has one. */
export const SYS_exit = 1;
export const SYS_fork = 2;
export const SYS_close = 6;
export const SYS_wait4 = 7;
export const SYS_unlink = 10;
export const SYS_getpid = 20;
export const SYS_recvfrom = 29;
export const SYS_accept = 30;
export const SYS_kill = 37;
export const SYS_getppid = 39;
export const SYS_execve = 59;
export const SYS_socket = 97;
export const SYS_connect = 98;
export const SYS_bind = 104;
export const SYS_listen = 106;
export const SYS_sendto = 133;
export const SYS_sysctl = 202;
export const SYS_semget = 221;
export const SYS_semop = 222;
export const SYS_msgget = 225;
export const SYS_msgsnd = 226;
export const SYS_msgrcv = 227;
export const SYS_shmat = 228;
export const SYS_shmdt = 230;
export const SYS_shmget = 231;
export const SYS_kldload = 304;
export const SYS_kldunload = 305;
export const SYS_kldstat = 308;
export const SYS_sigaction = 416;
export const SYS_jail_attach = 436;
export const SYS_jail_get = 506;
export const SYS_jail_set = 507;
export const SYS_jail_remove = 508;
export const SYS_semctl = 510;
export const SYS_msgctl = 511;
export const SYS_shmctl = 512;
export const SYS_rctl_get_racct = 525;
export const SYS_rctl_get_rules = 526;
export const SYS_rctl_get_limits = 527;
export const SYS_rctl_add_rule = 528;
export const SYS_rctl_remove_rule = 529;
/** Ours: the three opaque listings, what getuid(2) and kin say, and setuid(2) and kin at once. */
export const SYS_ipcs = 1000;
export const SYS_sysctlnames = 1004;
export const SYS_getcred = 1001;
export const SYS_setcred = 1002;
/** Ours: name spaces as things of their own, under the models that have them. */
export const SYS_ipcns_create = 1020;
export const SYS_ipcns_enter = 1021;
export const SYS_ipcns_list = 1022;
export const SYS_ipcns_rmid = 1023;
/** Ours, for the thread itself and not for programs: start a process in its jail. */
export const SYS_spawn = 1003;
/** Ours, for libc: a msgsnd that slept on a mapped page goes on in the kernel. */
export const SYS_msgsnd_resume = 1005;
/** Ours: sysctl kern.proc, and what sysctl(8) asks of a name beside its value. */
export const SYS_kinfo_procs = 1006;
export const SYS_sysctlabout = 1007;
/** Ours: what a program calls a semaphore or a queue, for statistics of locks. */
export const SYS_label = 1008;
/** Ours: objects that were removed, and by whom. */
export const SYS_ipcs_history = 1009;
/** Set in a number: do not map the page, make the call. */
export const SYS_UNMAPPED = 1 << 16;
