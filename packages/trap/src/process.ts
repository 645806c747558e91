/**
 * What a program gets: the calls of its process, awaited or blocking, and a little around them.
 *
 * `Process<"awaited">` is a coroutine of its jail's thread, `Process<"blocking">` owns a thread of
 * the jail and its calls block that thread. Both have the same calls. A call that fails throws a
 * SysError; an argument of the wrong type throws a TypeError before any call is made.
 */
import type { IPC_RMID, IPC_SET, IPC_STAT, IpcPerm } from "@jailyard/abi/ipc";
import type { RemovedRow } from "@jailyard/abi/ipchistory";
import type { IpcnsRow } from "@jailyard/abi/ipcns";
import type { JailInfo, JailParams } from "@jailyard/abi/jail";
import type { MsqidDs } from "@jailyard/abi/msg";
import type {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  SEM_STAT,
  SETALL,
  SETVAL,
  Sembuf,
  SemidDs,
} from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { SignalName } from "@jailyard/abi/signal";
import type { Addr, Facility, Jid, Key, Msqid, Pid, Semid, Shmid } from "@jailyard/abi/types";
import type { Attachment } from "./attachment.ts";
import type { KinfoProc, KldStat, ListRow, SysctlAbout } from "./records.ts";
import type { UNMAPPED } from "./unmapped.ts";

export type Mode = "awaited" | "blocking";
/** T, or a promise of it. */
export type Ret<M extends Mode, T> = M extends "blocking" ? T : Promise<T>;

/** Memory that is not mapped, as an argument: the call fails with EFAULT where FreeBSD would. */
export type Unmapped = typeof UNMAPPED;

type PermSet = Partial<Pick<IpcPerm, "uid" | "gid" | "mode">>;

export interface WaitResult {
  readonly pid: Pid;
  /** Exit status, or null if a signal ended the child. */
  readonly status: number | null;
  readonly signal: number | null;
}

export interface Message {
  readonly mtype: number;
  readonly mtext: Uint8Array;
}

/** The system calls. Names, arguments and errors are those of the manual pages, section 2. */
export interface Calls<M extends Mode> {
  getpid(): Ret<M, Pid>;
  getppid(): Ret<M, Pid>;
  /** The caller's euid, gid, groups and jid. */
  getcred(): Ret<M, { uid: number; gid: number; groups: readonly number[]; jid: Jid }>;
  setcred(uid: number, gid: number, groups?: readonly number[]): Ret<M, void>;
  /** Signal 0 asks whether the process exists for the caller. */
  kill(pid: number, signal: SignalName | number): Ret<M, void>;
  /** Wait for a child, any if pid is -1. null only with WNOHANG (1). */
  wait(pid?: number, options?: number): Ret<M, WaitResult | null>;

  semget(key: number, nsems: number, semflg: number): Ret<M, Semid>;
  semop(semid: number, sops: readonly Sembuf[] | Unmapped, nsops?: number): Ret<M, void>;
  semctl(semid: number, semnum: number, cmd: typeof IPC_STAT): Ret<M, SemidDs>;
  semctl(semid: number, semnum: number, cmd: typeof IPC_SET, arg: PermSet | Unmapped): Ret<M, void>;
  semctl(semid: number, semnum: number, cmd: typeof IPC_RMID): Ret<M, void>;
  semctl(semid: number, semnum: number, cmd: typeof GETALL): Ret<M, number[]>;
  semctl(
    semid: number,
    semnum: number,
    cmd: typeof SETALL,
    arg: readonly number[] | Unmapped,
  ): Ret<M, void>;
  semctl(semid: number, semnum: number, cmd: typeof SETVAL, arg: number): Ret<M, void>;
  /** The first argument is an index of the table; the id is in the result. [SEM-37] */
  semctl(ix: number, semnum: number, cmd: typeof SEM_STAT): Ret<M, SemidDs & { id: Semid }>;
  semctl(
    semid: number,
    semnum: number,
    cmd: typeof GETVAL | typeof GETPID | typeof GETNCNT | typeof GETZCNT,
  ): Ret<M, number>;
  semctl(semid: number, semnum: number, cmd: number, arg?: unknown): Ret<M, unknown>;

  /** `size` in bytes; below 0 it is taken as unsigned, that is, huge. */
  shmget(key: number, size: number, shmflg: number): Ret<M, Shmid>;
  shmat(shmid: number, addr?: number | null, shmflg?: number): Ret<M, Attachment>;
  shmdt(addr: number | Attachment): Ret<M, void>;
  shmctl(shmid: number, cmd: typeof IPC_STAT): Ret<M, ShmidDs>;
  shmctl(shmid: number, cmd: typeof IPC_SET, buf: PermSet | Unmapped): Ret<M, void>;
  shmctl(shmid: number, cmd: typeof IPC_RMID): Ret<M, void>;
  shmctl(shmid: number, cmd: number, buf?: unknown): Ret<M, unknown>;

  msgget(key: number, msgflg: number): Ret<M, Msqid>;
  /** `msgsz` only if it is to differ from the length of the text. Text is UTF-8. */
  msgsnd(
    msqid: number,
    msg: { readonly mtype: number; readonly mtext: string | Uint8Array } | Unmapped,
    msgflg?: number,
    msgsz?: number,
  ): Ret<M, void>;
  msgrcv(
    msqid: number,
    msgsz: number,
    msgtyp?: number,
    msgflg?: number,
    into?: Unmapped,
  ): Ret<M, Message>;
  msgctl(msqid: number, cmd: typeof IPC_STAT): Ret<M, MsqidDs>;
  msgctl(
    msqid: number,
    cmd: typeof IPC_SET,
    buf: (PermSet & { msg_qbytes?: number }) | Unmapped,
  ): Ret<M, void>;
  msgctl(msqid: number, cmd: typeof IPC_RMID): Ret<M, void>;
  msgctl(msqid: number, cmd: number, buf?: unknown): Ret<M, unknown>;

  /**
   * kern.ipc.msqids, sema, shmsegs as this process may see them; `everywhere`: those of all name
   * spaces, which is for the host alone.
   */
  ipcs<F extends Facility>(which: F, everywhere?: boolean): Ret<M, ListRow<F>[]>;
  /** Objects that were removed, oldest first, of those that this process might have seen. Ours. */
  ipcs_history(which: Facility, everywhere?: boolean): Ret<M, RemovedRow[]>;

  /**
   * What statistics call semaphore `num` of a set, or a queue: at most LABEL_MAX characters; "" is no
   * name. Whoever may alter the object may. Ours.
   */
  label(id: number, num: number, name: string, which?: "sem" | "msg"): Ret<M, void>;
  /** A new name space for this process and its children from now on. @returns its id */
  ipcns_create(which: Facility, name: string): Ret<M, number>;
  /** Into the name space called `name`, as ipcns_list has it. @returns its id */
  ipcns_enter(which: Facility, name: string): Ret<M, number>;
  /** IPC_RMID of an object in the name space called `name`, without going there. */
  ipcns_rmid(which: Facility, name: string, id: number): Ret<M, void>;
  /** The name spaces that this process can name; none under a model without names. */
  ipcns_list(): Ret<M, IpcnsRow[]>;

  /** AF_UNIX and SOCK_STREAM, with SOCK_NONBLOCK or without. @returns the descriptor */
  socket(domain: number, type: number, protocol?: number): Ret<M, number>;
  /** A path begins at the root of the process's jail. */
  bind(fd: number, path: string): Ret<M, void>;
  listen(fd: number, backlog: number): Ret<M, void>;
  connect(fd: number, path: string): Ret<M, void>;
  /** @returns a descriptor for the connection */
  accept(fd: number): Ret<M, number>;
  /** @returns how many bytes are sent: of a long text the first 4 KiB, if not more */
  send(fd: number, msg: string | Uint8Array, flags?: number): Ret<M, number>;
  /** Up to `len` bytes of what has come, once something has; none once the peer has closed. */
  recv(fd: number, len: number, flags?: number): Ret<M, Uint8Array>;
  close(fd: number): Ret<M, void>;
  unlink(path: string): Ret<M, void>;

  /** Booleans as `persist` / `nopersist`; sysv* as 0, 1, 2. @returns jid. */
  /** `changes`: refuse with EBUSY if the jail is not as it was when jail_get gave this number. */
  jail_set(params: JailParams, flags: number, changes?: number): Ret<M, Jid>;
  /** By jid or name; `lastjid` walks. Throws ENOENT at the end of the walk. */
  jail_get(query: JailParams, flags?: number): Ret<M, JailInfo>;
  jail_attach(jid: number): Ret<M, void>;
  jail_remove(jid: number): Ret<M, void>;

  kldload(file: string): Ret<M, number>;
  kldunload(file: string): Ret<M, void>;
  kldstat(): Ret<M, KldStat[]>;
  sysctl(name: string): Ret<M, number | string>;
  sysctl(name: string, value: number): Ret<M, number | string>;
  sysctlnames(): Ret<M, string[]>;
  /** How a name may be written, and what `sysctl -d` says of it. */
  sysctlabout(name: string): Ret<M, SysctlAbout>;
  /** kern.proc: the processes that this one may see, by pid. */
  kinfo_procs(): Ret<M, KinfoProc[]>;

  /** `subject:id:resource:action=amount[/per]`; the others take a rule with parts left off. */
  rctl_add_rule(rule: string): Ret<M, void>;
  rctl_remove_rule(filter: string): Ret<M, void>;
  rctl_get_rules(filter: string): Ret<M, string[]>;
  /** The rules that bind `process:pid`. */
  rctl_get_limits(filter: string): Ret<M, string[]>;
  /** What `subject:id` uses, by resource. */
  rctl_get_racct(filter: string): Ret<M, [resource: string, amount: number][]>;
}

export interface Process<M extends Mode = "awaited"> extends Calls<M> {
  readonly pid: Pid;
  /** Arguments after the program's name. */
  readonly args: readonly string[];
  /** Name of the program, and of the jail it was started in. */
  readonly comm: string;
  readonly jail: string;

  /** ftok(3) of a path of the jail, which need not exist: it has a made-up inode. [COM-32] */
  ftok(path: string, id: number): Key;
  /** This process's own attachments, in the order of its attach table. */
  readonly attachments: readonly Attachment[];
  /** Read and write memory by address, as a load and a store would. @throws SegvError */
  peek(addr: number, bytes: number): Uint8Array;
  poke(addr: number, bytes: Uint8Array): void;
  /** Run `handler` when the signal comes; null restores the default. It ends a sleep with EINTR. */
  signal(signal: SignalName, handler: ((signal: SignalName) => void) | null): Ret<M, void>;
  /**
   * Sleep for `ms`, or until a signal that is caught. Infinity waits for a signal.
   * @returns milliseconds not slept
   */
  sleep(ms: number): Ret<M, number>;
  /**
   * From now on the process waits for `event`, in the words of its program, until the process of pid
   * `owner` goes on (0: whose that is, nobody knows); as PostgreSQL's pgstat_report_wait_start.
   * Statistics count such waits by name, and lay waits for semaphores and queues that nobody holds
   * to `owner`. No system call; a second one ends the first. Ours.
   */
  waitStart(event: string, owner?: number): void;
  waitEnd(): void;
  /** End this process. Never returns. */
  exit(status?: number): never;
  /**
   * Make a child that runs `child`: the name of an entry of the program, or, when awaited, a
   * function. It inherits credentials, jail, attachments (at the same addresses) and handlers,
   * not SEM_UNDO. @returns the child's pid
   */
  fork(child: M extends "awaited" ? Child | string : string, arg?: unknown): Ret<M, Pid>;
  /** Replace the program: attachments go, SEM_UNDO and pid stay. Never returns. */
  exec(child: M extends "awaited" ? Child | string : string, arg?: unknown): Ret<M, never>;
  /** A line of output, marked with the jail and pid where several print. */
  print(line: string): void;
  /** A structured record for whoever started the program; must be cloneable. */
  emit(record: unknown): void;
}

export type Child = (p: Process<"awaited">, arg: unknown) => unknown;
export type { Addr };
