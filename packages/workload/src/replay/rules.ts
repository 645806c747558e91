/**
 * Why a call may end differently on FreeBSD than in a recording made on Linux. A difference that
 * none of these explains fails the replay. Names of rules are those of the reference.
 */
export interface Rule {
  readonly rule: string;
  readonly text: string;
}

const rule = (name: string, text: string): Rule => ({ rule: name, text });

export const COM_16 = rule(
  "COM-16",
  "Removing or changing an object of somebody else is EACCES here, EPERM on Linux.",
);
export const COM_20 = rule(
  "COM-20",
  "Opening an existing set or queue with mode bit 0100 is EACCES for everybody here.",
);
export const COM_22 = rule(
  "COM-22",
  "Users are not recorded: all processes run as one user, and ids of users and groups follow it.",
);
export const COM_25 = rule(
  "COM-25",
  "The mode that IPC_STAT shows has state bits beside the permissions; Linux masks them out.",
);
export const COM_3 = rule(
  "COM-3",
  "The id of a removed object matches nothing: EINVAL here, EIDRM on Linux for a while.",
);
export const COM_29 = rule(
  "COM-29",
  "A signal ends the sleep with EINTR; the tracer showed the kernel's internal name for it.",
);
export const ORDER = rule(
  "COM-28",
  "Calls in flight at the same time have no recorded order; the value is that of another order.",
);
export const SHM_11 = rule(
  "SHM-11",
  "A size up to the end of the last page fits an existing segment, since its size was rounded up.",
);
export const SHM_12 = rule("SHM-12", "shmget tests no permission here; Linux answers EACCES.");
export const SHM_14 = rule(
  "SHM-14",
  "Exceeding kern.ipc.shmall is ENOMEM here; Linux answers ENOSPC.",
);
export const SHM_15 = rule("SHM-15", "shm_segsz is rounded up to pages here.");
export const SHM_22 = rule(
  "SHM-22",
  "A removed segment that is still attached can be used by its id here.",
);
export const SHM_31 = rule(
  "SHM-31",
  "Only shmat sets shm_lpid here; on Linux shmdt, fork and exit set it too.",
);
export const SHM_33 = rule("SHM-33", "fork does not set shm_atime here; Linux does.");
export const SHM_38 = rule(
  "SHM-38",
  "IPC_INFO, SHM_INFO and SHM_STAT are no commands of native programs: EINVAL.",
);
export const SHM_44 = rule("SHM-44", "SHM_LOCK and SHM_UNLOCK are EINVAL here.");
export const SHM_45 = rule("SHM-45", "IPC_RMID of a segment removed before succeeds here.");
export const SEM_19 = rule(
  "SEM-19",
  "A key that no set has is ENOENT before nsems is looked at; Linux tests nsems first.",
);
export const SEM_17 = rule(
  "SEM-17",
  "An existing set answers EEXIST before nsems is looked at; Linux tests nsems first.",
);
export const SEM_33 = rule(
  "SEM-33",
  "SETVAL and SETALL leave sempid, sem_otime and sem_ctime alone here; Linux sets them.",
);
export const SEM_37 = rule(
  "SEM-37",
  "SEM_STAT takes an index of the table, and which indices are in use differs.",
);
export const SEM_38 = rule(
  "SEM-38",
  "There is no information about the system here: IPC_INFO acts as GETNCNT, the others are EINVAL.",
);
export const SEM_40 = rule(
  "SEM-40",
  "There is no semtimedop: it is a semop, and the end of a timeout a signal, so EINTR for EAGAIN.",
);
export const SEM_40_BAD = rule(
  "SEM-40",
  "There is no semtimedop: one that failed for its timeout is left out.",
);
export const SEM_43 = rule(
  "SEM-43",
  "strace shows 32 operations at most: a vector that was too long is sent as 501 operations.",
);
export const SEM_49 = rule("SEM-49", "semop of no operations succeeds here; EINVAL on Linux.");
export const MSG_24 = rule("MSG-24", "msg_qbytes is not raised above kern.ipc.msgmnb here.");
export const MSG_30 = rule(
  "MSG-30",
  "msgctl knows no command that informs about the system: EINVAL.",
);
export const MSG_53 = rule(
  "MSG-53",
  "msgrcv has no upper limit of the size here and would take a message: left out.",
);
export const MSG_64 = rule(
  "MSG-64",
  "MSG_COPY and MSG_EXCEPT do not exist here, and the call would take a message: left out.",
);
export const GETPID_RAW = rule(
  "PG-26",
  "GETPID is 0 on Linux for a process of another pid namespace; FreeBSD gives the stored pid.",
);
export const NO_GROUPS = rule(
  "PROC-37",
  "A yard has no process groups: kill of a group goes to its leader.",
);
export const OUTSIDE = rule(
  "PROC-37",
  "The target of kill is no process of the recording: left out.",
);
export const NO_SIGNAL = rule(
  "PROC-37",
  "The signal does not exist here, or its sender is the kernel of Linux: left out.",
);
export const NO_STOP = rule("PROC-37", "A yard does not stop processes: SIGSTOP does nothing.");
export const CUT_SHORT = rule(
  "COM-36",
  "The call was cut short by a signal before it did anything, and would not sleep: left out.",
);
export const NO_FORK = rule("PROC-2", "A fork that failed on the recorded machine is left out.");
