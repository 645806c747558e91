/**
 * Placement `central`: an order of the driver as a call of libc, and its result in the words of a
 * script. One table for both flavours: a call is made, and what it gave, now or later, is told.
 */
import { IPC_STAT } from "@jailyard/abi/ipc";
import type { Process } from "@jailyard/host/programapi";
import * as api from "@jailyard/host/programapi";
import type { ArgsOf, SemctlArgs, SopSpec } from "./case.ts";
import { spelled } from "./compare.ts";
import { commandNumber, flagBits, IPC_COMMANDS, SEM_COMMANDS, SHM_COMMANDS } from "./names.ts";
import {
  bytesOf,
  keyOf,
  msgOut,
  permOf,
  semOut,
  shmOut,
  sizeT,
  textBytes,
  textOf,
} from "./structs.ts";
import type { Ending } from "./target.ts";

type Args = ArgsOf<number>;

/** What a process needs to take orders; its argument. */
export interface AgentArg {
  readonly memory: SharedArrayBuffer;
  readonly box: number;
  /** Signals that have a handler. */
  readonly signals: readonly api.SignalName[];
  /** Told when the process is ready. */
  readonly greeting: Ending;
}

/** An order: a call of a script whose jails and children are numbers. */
export type Order =
  | { [C in IpcCall]: { readonly call: C; readonly args: Args[C] } }[IpcCall]
  | { readonly call: "fork"; readonly args: { readonly box: number } }
  | { readonly call: "exec" | "exit" | "quit"; readonly args: object }
  | { readonly call: "jail_set"; readonly args: { params: api.JailParams; flags: number } }
  | {
      readonly call: "jail_get" | "jail_remove" | "jail_attach";
      readonly args: { readonly jid: number };
    };
type IpcCall =
  | "semget"
  | "semop"
  | "semctl"
  | "msgget"
  | "msgsnd"
  | "msgrcv"
  | "msgctl"
  | "shmget"
  | "shmat"
  | "shmdt"
  | "shmctl"
  | "peek"
  | "poke"
  | "ipcs";

/** A reply: how the call ended, or that the agent itself has failed. */
export type Reply = Ending | { readonly threw: string };

/** Of either flavour: calls give results, or promises of them, into which nobody looks here. */
type AnyProcess = Process<"blocking">;

interface AgentCall<A, R> {
  make(p: AnyProcess, args: A): R;
  done(result: R, args: A): Ending;
}

const returned = { done: (ret: number): Ending => ({ ret }) };
const zero = { done: (): Ending => ({ ret: 0 }) };
const pid = (value: number): number => value; // the driver knows the names

const semget: AgentCall<Args["semget"], number> = {
  make: (p, { key, nsems, flags, mode }) => p.semget(keyOf(key), nsems, flagBits(flags, mode)),
  ...returned,
};

const sopOf = ({ num, op, flags }: SopSpec): api.Sembuf => [num, op, flagBits(flags)];

const semop: AgentCall<Args["semop"], void> = {
  make(p, { semid, sops, repeat = 1, nsops }) {
    if (sops === "bad") return p.semop(semid, api.UNMAPPED, nsops);
    const vector = Array.from({ length: repeat }, () => sops.map(sopOf)).flat();
    return p.semop(semid, vector);
  },
  ...zero,
};

function semctlArg({ cmd, val, vals, set, buf }: SemctlArgs<number>): unknown {
  if (buf === "bad") return api.UNMAPPED;
  if (cmd === "SETVAL") return val;
  return cmd === "SETALL" ? vals : permOf(set);
}

const semctl: AgentCall<Args["semctl"], unknown> = {
  make: (p, args) =>
    p.semctl(args.semid, args.semnum ?? 0, commandNumber(SEM_COMMANDS, args.cmd), semctlArg(args)),
  done(result, { cmd }) {
    switch (commandNumber(SEM_COMMANDS, cmd)) {
      case IPC_STAT:
        return { ret: 0, out: semOut(result as api.SemidDs) };
      case api.SEM_STAT:
        return {
          ret: (result as { id: number }).id,
          out: semOut(result as api.SemidDs),
        };
      case api.GETALL:
        return { ret: 0, out: { semvals: result as number[] } };
      case api.GETPID:
        return { ret: result === 0 ? 0 : "pid", out: { sempid: result as number } };
      default:
        return { ret: result as number };
    }
  },
};

const msgget: AgentCall<Args["msgget"], number> = {
  make: (p, { key, flags, mode }) => p.msgget(keyOf(key), flagBits(flags, mode)),
  ...returned,
};

const msgsnd: AgentCall<Args["msgsnd"], void> = {
  make(p, { msqid, type, text = "", size, flags, buf }) {
    const msgsz = sizeT(size ?? spelled(text).length);
    const mtext = textBytes(spelled(text), size);
    const msg = buf === "bad" ? api.UNMAPPED : { mtype: type, mtext };
    return p.msgsnd(msqid, msg, flagBits(flags), msgsz);
  },
  ...zero,
};

const msgrcv: AgentCall<Args["msgrcv"], ReturnType<AnyProcess["msgrcv"]>> = {
  make: (p, { msqid, size, type, flags, buf }) =>
    buf === "bad"
      ? p.msgrcv(msqid, size, type, flagBits(flags), api.UNMAPPED)
      : p.msgrcv(msqid, size, type, flagBits(flags)),
  done: ({ mtype, mtext }) => ({
    ret: mtext.length,
    out: { type: mtype, text: textOf(mtext) },
  }),
};

const msgctl: AgentCall<Args["msgctl"], unknown> = {
  make(p, { msqid, cmd, set, buf }) {
    const fields = { ...permOf(set), msg_qbytes: set?.qbytes ?? 0 };
    const arg = buf === "bad" ? api.UNMAPPED : fields;
    return p.msgctl(msqid, commandNumber(IPC_COMMANDS, cmd), arg);
  },
  done: (result, { cmd }) =>
    commandNumber(IPC_COMMANDS, cmd) === IPC_STAT
      ? { ret: 0, out: msgOut(result as api.MsqidDs, pid) }
      : { ret: 0 },
};

const shmget: AgentCall<Args["shmget"], number> = {
  make: (p, { key, size, flags, mode }) => p.shmget(keyOf(key), size, flagBits(flags, mode)),
  ...returned,
};

const shmat: AgentCall<Args["shmat"], { addr: number }> = {
  make: (p, { shmid, addr, flags }) => p.shmat(shmid, addr, flagBits(flags)),
  done: ({ addr }) => ({ ret: addr }),
};

const shmdt: AgentCall<Args["shmdt"], void> = {
  make: (p, { addr }) => p.shmdt(addr ?? 0),
  ...zero,
};

const shmctl: AgentCall<Args["shmctl"], unknown> = {
  make: (p, { shmid, cmd, set, buf }) =>
    p.shmctl(shmid, commandNumber(SHM_COMMANDS, cmd), buf === "bad" ? api.UNMAPPED : permOf(set)),
  done: (result, { cmd }) =>
    commandNumber(SHM_COMMANDS, cmd) === IPC_STAT
      ? { ret: 0, out: shmOut(result as api.ShmidDs, pid) }
      : { ret: 0 },
};

const peek: AgentCall<Args["peek"], Uint8Array> = {
  make: (p, { addr, len }) => p.peek(addr ?? 0, len),
  done: (bytes) => ({ ret: 0, out: { data: textOf(bytes) } }),
};

const poke: AgentCall<Args["poke"], void> = {
  make: (p, { addr, data }) => p.poke(addr ?? 0, bytesOf(spelled(data))),
  ...zero,
};

const PERMS = { sem: "sem_perm", shm: "shm_perm", msg: "msg_perm" } as const;

const ipcs: AgentCall<Args["ipcs"], readonly { id: number; ds: unknown }[]> = {
  make: (p, { which }) => p.ipcs(which),
  done(rows, { which }) {
    const keyIn = (ds: unknown) => (ds as Record<string, api.IpcPerm>)[PERMS[which]].key;
    return { ret: 0, out: { objects: rows.map(({ id, ds }) => ({ id, key: keyIn(ds) })) } };
  },
};

const jail_set: AgentCall<{ params: api.JailParams; flags: number }, number> = {
  make: (p, { params, flags }) => p.jail_set(params, flags),
  ...returned,
};

const jail_get: AgentCall<{ jid: number }, api.JailInfo> = {
  make: (p, { jid }) => p.jail_get({ jid }),
  done: ({ sysvmsg, sysvsem, sysvshm }) => ({
    ret: 0,
    out: { sysvmsg: sysvmsg!, sysvsem: sysvsem!, sysvshm: sysvshm! },
  }),
};

const jail_attach: AgentCall<{ jid: number }, void> = {
  make: (p, { jid }) => p.jail_attach(jid),
  ...zero,
};

const jail_remove: AgentCall<{ jid: number }, void> = {
  make: (p, { jid }) => p.jail_remove(jid),
  ...zero,
};

const CALLS: Readonly<Record<string, AgentCall<never, unknown>>> = {
  semget,
  semop,
  semctl,
  msgget,
  msgsnd,
  msgrcv,
  msgctl,
  shmget,
  shmat,
  shmdt,
  shmctl,
  peek,
  poke,
  ipcs,
  jail_set,
  jail_get,
  jail_attach,
  jail_remove,
};

/** Make the call of an order that comes back. @returns its result, or the promise of it */
export function make(p: unknown, { call, args }: Order): unknown {
  return CALLS[call].make(p as AnyProcess, args as never);
}

/** What the call gave, in the words of a script. */
export function told({ call, args }: Order, result: unknown): Ending {
  return CALLS[call].done(result as never, args as never);
}

/** How a call failed. @throws what is no failure of a call: the process goes */
export function failed(error: unknown): Reply {
  if (error instanceof api.SysError) {
    return { errno: error.code, ...(error.reason === "" ? {} : { reason: error.reason }) };
  }
  if (error instanceof api.SegvError) return { fault: error.signal };
  if (error instanceof TypeError || error instanceof RangeError) return { threw: error.stack! };
  throw error;
}
