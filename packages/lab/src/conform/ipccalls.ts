/** Placement `kernel`: the calls of System V IPC, from a script's arguments to its results. */
import type { Errno } from "@jailyard/abi/errno";
import { IPC_STAT, type IpcPerm } from "@jailyard/abi/ipc";
import { type Msgbuf, type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import {
  GETALL,
  GETPID,
  SEM_STAT,
  type Sembufs,
  type Semun,
  sembufs,
  semidDs,
} from "@jailyard/abi/sem";
import { shmidDs } from "@jailyard/abi/shm";
import type { Key, Semid } from "@jailyard/abi/types";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import type { ArgsOf, MsgctlArgs, MsgsndArgs, PermSet, SemctlArgs, SemopArgs } from "./case.ts";
import { spelled } from "./compare.ts";
import { commandNumber, flagBits, IPC_COMMANDS, SEM_COMMANDS, SHM_COMMANDS } from "./names.ts";
import { pidName, type Stage } from "./stage.ts";
import {
  keyOf,
  msgOut,
  permOf,
  room,
  semOut,
  shmOut,
  sizeT,
  textBytes,
  textOf,
} from "./structs.ts";
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

function setPerm(perm: IpcPerm, set: PermSet | undefined): void {
  if (set !== undefined) Object.assign(perm, permOf(set));
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

function msgbufOf({ type, text = "", size, buf }: MsgsndArgs<number>): Msgbuf | null {
  if (buf === "bad") return null;
  return { mtype: type, mtext: textBytes(spelled(text), size) };
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
    done: () => ({
      ret: 0,
      ...(cmd === IPC_STAT ? { out: msgOut(ds!, (pid) => pidName(stage, pid)) } : {}),
    }),
  };
};

const carryShmctl: Carry<Args["shmctl"]> = (stage, td, { shmid, cmd: name, set, buf }) => {
  const cmd = commandNumber(SHM_COMMANDS, name);
  const ds = shmidDs();
  setPerm(ds.shm_perm, set);
  const error = shmctl(stage.k, td, shmid, cmd, buf === "bad" ? null : ds);
  return {
    error,
    done: () => ({
      ret: 0,
      ...(cmd === IPC_STAT ? { out: shmOut(ds, (pid) => pidName(stage, pid)) } : {}),
    }),
  };
};

export const IPC_CALLS = {
  semget: (({ k }, td, { key, nsems, flags, mode }) =>
    returns(td, semget(k, td, keyOf(key) as Key, nsems, flagBits(flags, mode)))) as Carry<
    Args["semget"]
  >,
  semop: carrySemop,
  semctl: carrySemctl,
  msgget: (({ k }, td, { key, flags, mode }) =>
    returns(td, msgget(k, td, keyOf(key) as Key, flagBits(flags, mode)))) as Carry<Args["msgget"]>,
  msgsnd: carryMsgsnd,
  msgrcv: carryMsgrcv,
  msgctl: carryMsgctl,
  shmget: (({ k }, td, { key, size, flags, mode }) =>
    returns(td, shmget(k, td, keyOf(key) as Key, sizeT(size), flagBits(flags, mode)))) as Carry<
    Args["shmget"]
  >,
  shmat: (({ k }, td, { shmid, addr, flags }) =>
    returns(td, shmat(k, td, shmid, addr ?? 0, flagBits(flags)))) as Carry<Args["shmat"]>,
  shmdt: (({ k }, td, { addr }) => returns(td, shmdt(k, td, addr ?? 0))) as Carry<Args["shmdt"]>,
  shmctl: carryShmctl,
};
