/** Making the call of an event, in the process that made it, with the numbers of the yard. */
import { IPC_SET } from "@jailyard/abi/ipc";
import type { Sembuf } from "@jailyard/abi/sem";
import type { Process } from "@jailyard/trap/process";
import { UNMAPPED } from "@jailyard/trap/unmapped";
import type { Emulated } from "./emulated.ts";
import { Mapping } from "./mapping.ts";
import { commandOf, flagsOf, keyOf } from "./names.ts";
import { isInterrupted } from "./order.ts";
import type { RecordedArgs, RecordedEvent, RecordedSop } from "./recording.ts";
import { MSG_53, MSG_64, NO_FORK, type Rule, SEM_40_BAD } from "./rules.ts";

/** Numbers of the recorded machine and of the yard. */
export interface Numbers {
  readonly sem: Mapping;
  readonly shm: Mapping;
  readonly msg: Mapping;
  readonly pid: Mapping;
  readonly uid: Mapping;
  readonly gid: Mapping;
}

export const numbers = (): Numbers => ({
  sem: new Mapping(),
  shm: new Mapping(),
  msg: new Mapping(),
  pid: new Mapping(),
  uid: new Mapping(),
  gid: new Mapping(),
});

/** Longest vector of operations that strace shows whole, and one that no limit allows. */
const STRACE_SOPS = 32;
const TOO_MANY_SOPS = 501;
/** A timeout that Linux refuses: more seconds than a time can have. */
const TIMEOUT_MAX = 4e9;
/** Sizes that are negative as a long. */
const HUGE = 2 ** 62;

/** Why the call cannot be made here as it was there; null if it can. */
export function leftOut({ call, args, errno }: RecordedEvent): Rule | null {
  if (call === "fork" && errno !== undefined) return NO_FORK;
  if (call === "semtimedop" && errno === "EINVAL") {
    return args.timeout! > TIMEOUT_MAX || args.timeout! < 0 ? SEM_40_BAD : null;
  }
  if (call !== "msgrcv") return null;
  if (args.flags!.some((f) => f === "MSG_COPY" || f === "MSG_EXCEPT")) return MSG_64;
  return errno === "EINVAL" && args.size! > HUGE ? MSG_53 : null;
}

/** Was the vector too long for strace to show? */
export const isCutVector = ({ args, errno }: RecordedEvent): boolean =>
  errno === "E2BIG" && args.sops !== undefined && args.sops.length === STRACE_SOPS;

/** Calls that make or place something: what comes after needs the number that they give. */
const GIVERS: ReadonlySet<string> = new Set(["semget", "shmget", "msgget", "shmat", "shmdt"]);
export const givesNumber = ({ call }: RecordedEvent): boolean => GIVERS.has(call);

/** The call of the event. Not for fork, execve, kill and events that are no calls. */
export function perform(n: Numbers, process: Emulated, event: RecordedEvent): Promise<unknown> {
  const p = process.p!;
  const { call, args } = event;
  switch (call) {
    case "semop":
    case "semtimedop":
      if (isCutVector(event)) return p.semop(n.sem.id(args.id!), UNMAPPED, TOO_MANY_SOPS);
      return p.semop(n.sem.id(args.id!), sembufs(args.sops!));
    case "semget":
      return p.semget(keyOf(args.key!), args.nsems!, flagsOf(args.flags, args.mode));
    case "semctl":
      return semctl(n, p, args);
    case "msgget":
      return p.msgget(keyOf(args.key!), flagsOf(args.flags, args.mode));
    case "msgsnd":
      return msgsnd(p, n.msg.id(args.id!), args);
    case "msgrcv":
      return p.msgrcv(n.msg.id(args.id!), args.size!, args.type, flagsOf(args.flags));
    case "msgctl":
      return p.msgctl(n.msg.id(args.id!), ...command(n, "msgctl", args));
    default:
      return performShm(n, process, event);
  }
}

function performShm(
  n: Numbers,
  process: Emulated,
  { call, args }: RecordedEvent,
): Promise<unknown> {
  const p = process.p!;
  if (call === "shmget") {
    return p.shmget(keyOf(args.key!), args.size!, flagsOf(args.flags, args.mode));
  }
  if (call === "shmat")
    return p.shmat(n.shm.id(args.id!), place(process, args), flagsOf(args.flags));
  if (call === "shmdt") return p.shmdt(place(process, args) ?? 0);
  return p.shmctl(n.shm.id(args.id!), ...command(n, "shmctl", args));
}

/** An address of the recording: where its attachment is here, or the number itself. */
const place = (process: Emulated, { addr }: RecordedArgs): number | null =>
  addr == null ? null : (process.attached.get(addr) ?? Number(addr));

const sembufs = (sops: readonly RecordedSop[]): Sembuf[] =>
  sops.map(({ num, op, flg }) => [num & 0xffff, op, (flagsOf(flg) << 16) >> 16]);

/** Message bodies were not recorded: zeroes of the size. */
const BODIES = new Map<number, Uint8Array>();

function body(size: number): Uint8Array {
  const known = BODIES.get(size);
  if (known !== undefined) return known;
  const made = new Uint8Array(size);
  if (BODIES.size < 256) BODIES.set(size, made);
  return made;
}

const BODY_MAX = 65_536;

/** A size that no queue takes is told as a number, without the bytes. */
function msgsnd(p: Process, id: number, { type, size, flags }: RecordedArgs): Promise<void> {
  const mtext = body(Math.min(size!, BODY_MAX));
  const msg = { mtype: type!, mtext };
  return size! <= BODY_MAX
    ? p.msgsnd(id, msg, flagsOf(flags))
    : p.msgsnd(id, msg, flagsOf(flags), size);
}

function semctl(n: Numbers, p: Process, args: RecordedArgs): Promise<unknown> {
  const [cmd, arg] = command(n, "semctl", args);
  const id = args.cmd!.startsWith("SEM_STAT") ? args.id! : n.sem.id(args.id!);
  if (args.cmd === "SETVAL") return p.semctl(id, args.num!, cmd, args.val!);
  if (args.cmd === "SETALL") return p.semctl(id, args.num!, cmd, args.array ?? []);
  return arg === undefined ? p.semctl(id, args.num!, cmd) : p.semctl(id, args.num!, cmd, arg);
}

/** Number of a command, and for IPC_SET what it sets. */
function command(n: Numbers, call: string, args: RecordedArgs): [cmd: number, arg?: unknown] {
  const cmd = commandOf(call, args.cmd!);
  if (cmd !== IPC_SET || args.cmd !== "IPC_SET") return [cmd];
  const buf = args.buf ?? {};
  const perm = (buf.sem_perm ?? buf.shm_perm ?? buf.msg_perm ?? {}) as Record<string, unknown>;
  const set: Record<string, number> = {
    uid: user(n.uid, perm.uid),
    gid: user(n.gid, perm.gid),
    mode: Number.parseInt(String(perm.mode ?? "0"), 8),
  };
  if (typeof buf.msg_qbytes === "number") set.msg_qbytes = buf.msg_qbytes;
  return [cmd, set];
}

/** A user of the recording, if it is one that has been seen to stand for one here. */
const user = (ids: Mapping, there: unknown): number =>
  typeof there === "number" ? (ids.here(there) ?? there) : 0;

/** errno of a recorded call as a program of FreeBSD sees it. */
export const errnoHere = (errno: string): string => (isInterrupted(errno) ? "EINTR" : errno);
