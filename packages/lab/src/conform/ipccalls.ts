/** Placement `kernel`: the calls of System V IPC, from a script's arguments to its results. */
import type { Errno } from "@jailyard/abi/errno";
import { IPC_STAT, type IpcPerm } from "@jailyard/abi/ipc";
import { type Msgbuf, type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import {
  GETALL,
  GETPID,
  SEM_STAT,
  type Sembufs,
  type SemidDs,
  type Semun,
  sembufs,
  semidDs,
} from "@jailyard/abi/sem";
import { SHMSEG_REMOVED, type ShmidDs, shmidDs } from "@jailyard/abi/shm";
import type { Key, Semid } from "@jailyard/abi/types";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import type {
  ArgsOf,
  MsgctlArgs,
  MsgsndArgs,
  Out,
  PermSet,
  SemctlArgs,
  SemopArgs,
} from "./case.ts";
import { spelled } from "./compare.ts";
import { commandNumber, flagBits, IPC_COMMANDS, SEM_COMMANDS, SHM_COMMANDS } from "./names.ts";
import { pidName, type Stage } from "./stage.ts";
import type { Ending } from "./target.ts";

/** A call that was made: its verdict, and what it gives once it has succeeded, now or later. */
export interface Begun {
  readonly error: Errno;
  readonly done: () => Ending;
}
export type Carry<A> = (stage: Stage, td: Thread, args: A) => Begun;
type Args = ArgsOf<number>;

const returns = (td: Thread, error: Errno): Begun => ({
  error,
  done: () => ({ ret: td.td_retval }),
});

const keyOf = (key: number | "IPC_PRIVATE"): Key => (key === "IPC_PRIVATE" ? 0 : key | 0) as Key;

/** size_t: what is negative is huge. */
const sizeT = (size: number): number => (size < 0 ? size + 2 ** 64 : size);
/** As much of a size as a buffer here needs; no message is longer. */
const room = (size: number): number => Math.min(sizeT(size), 0x10000);

const BYTES = "latin1"; // a character a byte
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(text, BYTES));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString(BYTES);

const octal = (mode: number, digits: number): string => mode.toString(8).padStart(digits, "0");

/** uid to key, as each ds structure begins. */
function permOut({ uid, gid, cuid, cgid, mode, key }: IpcPerm): Out {
  const modes = { mode: octal(mode & 0o777, 4), mode_raw: octal(mode, 6) };
  return { uid, gid, cuid, cgid, ...modes, key };
}

function setPerm(perm: IpcPerm, set: PermSet | undefined): void {
  if (set === undefined) return;
  perm.uid = set.uid;
  perm.gid = set.gid;
  perm.mode = Number.parseInt(set.mode, 8);
}

function sopsOf({ sops, repeat = 1 }: SemopArgs<number>): Sembufs | null {
  if (sops === "bad") return null;
  const vector = sembufs(sops.length * repeat);
  for (let round = 0; round < repeat; round++) {
    for (const { num, op, flags } of sops) {
      const at = vector.count++;
      vector.sem_num[at] = num;
      vector.sem_op[at] = op;
      vector.sem_flg[at] = flagBits(flags);
    }
  }
  return vector;
}

const carrySemop: Carry<Args["semop"]> = ({ k }, td, args) => {
  const sops = sopsOf(args);
  const nsops = sops === null ? args.nsops! : sops.count;
  return returns(td, semop(k, td, args.semid as Semid, sops, nsops));
};

/** Values of a vector that is too short are 0, as memory behind it would be. */
function semunOf(stage: Stage, { semid, val = 0, vals = [], set, buf }: SemctlArgs<number>): Semun {
  if (buf === "bad") return { val, buf: null, array: null };
  const nsems = stage.k.sem.at(semid)?.page.nsems ?? 0;
  const array = new Uint16Array(Math.max(nsems, vals.length));
  array.set(vals);
  const ds = semidDs();
  setPerm(ds.sem_perm, set);
  return { val, buf: ds, array };
}

const semOut = ({ sem_perm, sem_nsems, sem_otime, sem_ctime }: SemidDs): Out => ({
  ...permOut(sem_perm),
  nsems: sem_nsems,
  otime_set: sem_otime !== 0,
  ctime_set: sem_ctime !== 0,
});

const carrySemctl: Carry<Args["semctl"]> = (stage, td, args) => {
  const cmd = commandNumber(SEM_COMMANDS, args.cmd);
  const arg = semunOf(stage, args);
  const error = semctl(stage.k, td, args.semid, args.semnum ?? 0, cmd, arg);
  return { error, done: () => semctlGave(stage, cmd, td.td_retval, arg) };
};

function semctlGave(stage: Stage, cmd: number, ret: number, { buf, array }: Semun): Ending {
  switch (cmd) {
    case IPC_STAT:
    case SEM_STAT:
      return { ret, out: semOut(buf!) };
    case GETALL:
      return { ret, out: { semvals: [...array!] } };
    case GETPID:
      return { ret: ret === 0 ? 0 : "pid", out: { sempid: pidName(stage, ret) } };
    default:
      return { ret };
  }
}

/** The message in user memory; what `size` takes beyond the text is 0. */
function msgbufOf({ type, text = "", size, buf }: MsgsndArgs<number>): Msgbuf | null {
  if (buf === "bad") return null;
  const body = bytesOf(spelled(text));
  if (size === undefined || sizeT(size) <= body.length) return { mtype: type, mtext: body };
  const mtext = new Uint8Array(Math.max(room(size), body.length));
  mtext.set(body);
  return { mtype: type, mtext };
}

const carryMsgsnd: Carry<Args["msgsnd"]> = ({ k }, td, args) => {
  const size = sizeT(args.size ?? spelled(args.text ?? "").length);
  return returns(td, msgsnd(k, td, args.msqid, msgbufOf(args), size, flagBits(args.flags)));
};

const carryMsgrcv: Carry<Args["msgrcv"]> = ({ k }, td, { msqid, size, type, flags, buf }) => {
  const msg: Msgbuf | null = buf === "bad" ? null : { mtype: 0, mtext: new Uint8Array(room(size)) };
  const error = msgrcv(k, td, msqid, msg, sizeT(size), type, flagBits(flags));
  const done = (): Ending => {
    const ret = td.td_retval;
    return { ret, out: { type: msg!.mtype, text: textOf(msg!.mtext.subarray(0, ret)) } };
  };
  return { error, done };
};

const msgOut = (stage: Stage, ds: MsqidDs): Out => ({
  ...permOut(ds.msg_perm),
  qbytes: ds.msg_qbytes,
  qnum: ds.msg_qnum,
  cbytes: ds.msg_cbytes,
  lspid: pidName(stage, ds.msg_lspid),
  lrpid: pidName(stage, ds.msg_lrpid),
  stime_set: ds.msg_stime !== 0,
  rtime_set: ds.msg_rtime !== 0,
  ctime_set: ds.msg_ctime !== 0,
});

function msqidDsOf({ set, buf }: MsgctlArgs<number>): MsqidDs | null {
  if (buf === "bad") return null;
  const ds = msqidDs();
  setPerm(ds.msg_perm, set);
  if (set !== undefined) ds.msg_qbytes = sizeT(set.qbytes);
  return ds;
}

const carryMsgctl: Carry<Args["msgctl"]> = (stage, td, args) => {
  const cmd = commandNumber(IPC_COMMANDS, args.cmd);
  const ds = msqidDsOf(args);
  const error = msgctl(stage.k, td, args.msqid, cmd, ds);
  return {
    error,
    done: () => ({ ret: 0, ...(cmd === IPC_STAT ? { out: msgOut(stage, ds!) } : {}) }),
  };
};

const shmOut = (stage: Stage, ds: ShmidDs): Out => ({
  ...permOut(ds.shm_perm),
  segsz: ds.shm_segsz,
  nattch: ds.shm_nattch,
  removed: (ds.shm_perm.mode & SHMSEG_REMOVED) !== 0,
  lpid: pidName(stage, ds.shm_lpid),
  cpid: pidName(stage, ds.shm_cpid),
  atime_set: ds.shm_atime !== 0,
  dtime_set: ds.shm_dtime !== 0,
  ctime_set: ds.shm_ctime !== 0,
});

const carryShmctl: Carry<Args["shmctl"]> = (stage, td, { shmid, cmd: name, set, buf }) => {
  const cmd = commandNumber(SHM_COMMANDS, name);
  const ds = shmidDs();
  setPerm(ds.shm_perm, set);
  const error = shmctl(stage.k, td, shmid, cmd, buf === "bad" ? null : ds);
  return {
    error,
    done: () => ({ ret: 0, ...(cmd === IPC_STAT ? { out: shmOut(stage, ds) } : {}) }),
  };
};

export const IPC_CALLS = {
  semget: (({ k }, td, { key, nsems, flags, mode }) =>
    returns(td, semget(k, td, keyOf(key), nsems, flagBits(flags, mode)))) as Carry<Args["semget"]>,
  semop: carrySemop,
  semctl: carrySemctl,
  msgget: (({ k }, td, { key, flags, mode }) =>
    returns(td, msgget(k, td, keyOf(key), flagBits(flags, mode)))) as Carry<Args["msgget"]>,
  msgsnd: carryMsgsnd,
  msgrcv: carryMsgrcv,
  msgctl: carryMsgctl,
  shmget: (({ k }, td, { key, size, flags, mode }) =>
    returns(td, shmget(k, td, keyOf(key), sizeT(size), flagBits(flags, mode)))) as Carry<
    Args["shmget"]
  >,
  shmat: (({ k }, td, { shmid, addr, flags }) =>
    returns(td, shmat(k, td, shmid, addr ?? 0, flagBits(flags)))) as Carry<Args["shmat"]>,
  shmdt: (({ k }, td, { addr }) => returns(td, shmdt(k, td, addr ?? 0))) as Carry<Args["shmdt"]>,
  shmctl: carryShmctl,
};
