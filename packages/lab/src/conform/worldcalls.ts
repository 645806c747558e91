/** Placement `kernel`: what a script does beside IPC: memory, processes, signals, jails, the clock. */
import { type Errno, OK } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_UPDATE, type JailParams } from "@jailyard/abi/jail";
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";
import type { Facility, Jid, Pid } from "@jailyard/abi/types";
import {
  type JailGetOut,
  type JailOut,
  jailAttach,
  jailGet,
  jailRemove,
} from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { msgList } from "@jailyard/kernel/msgctl";
import { exec, exit1, fork, psignal, setcred } from "@jailyard/kernel/proc";
import { semList } from "@jailyard/kernel/semctl";
import { shmList } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { vmRead, vmWrite } from "@jailyard/kernel/vm";
import type { ArgsOf, JailSetArgs } from "./case.ts";
import { spelled } from "./compare.ts";
import type { Begun, Carry } from "./ipccalls.ts";
import {
  addProc,
  CATCH_ALL,
  dropPersist,
  fullNameOf,
  jailParams,
  nameSeenIn,
  type Stage,
} from "./stage.ts";
import { bytesOf, textOf, uidT } from "./structs.ts";
import type { Ending } from "./target.ts";

type Args = ArgsOf<number>;
/** A call that root of the host may make from outside: no thread then. */
type CarryOutside<A> = (stage: Stage, td: Thread | null, args: A) => Begun;

const gives = (ending: Ending, error: Errno = OK): Begun => ({ error, done: () => ending });
const SIGSEGV: Ending = { fault: "SIGSEGV" };
/** A jid that no jail has. */
const NO_JID = 999_999 as Jid;

const peek: Carry<Args["peek"]> = (_stage, td, { addr, len }) => {
  const bytes = len === 0 ? new Uint8Array(0) : vmRead(td, addr ?? 0, len);
  return gives(bytes === null ? SIGSEGV : { ret: 0, out: { data: textOf(bytes) } });
};

const poke: Carry<Args["poke"]> = (_stage, td, { addr, data }) => {
  const bytes = bytesOf(spelled(data));
  return gives(bytes.length === 0 || vmWrite(td, addr ?? 0, bytes) ? { ret: 0 } : SIGSEGV);
};

const carryFork: Carry<Args["fork"]> = (stage, td, { child }) => {
  const error = fork(stage.k, td);
  if (error === OK) addProc(stage, child, stage.k.procs.get(td.td_retval as Pid)!);
  return gives({ ret: child }, error);
};

const carryExec: Carry<Args["exec"]> = ({ k }, td) => {
  const error = exec(k, td, td.p_comm);
  td.p_sigcatch = CATCH_ALL; // the new program installs its handlers
  return gives({ ret: 0 }, error);
};

const carryExit: Carry<Args["exit"]> = ({ k }, td) => {
  exit1(k, td, 0);
  return gives({ exits: true });
};

/** The handler has run, and returned, once nothing can go on. SA_RESTART changes nothing. [COM-29] */
const signal: Carry<Args["signal"]> = ({ k }, td, { sig }) => {
  psignal(k, td, SIGNALS[`SIG${sig}` as SignalName]);
  run(k);
  td.p_siglist = 0;
  return gives({ ret: 0 });
};

const carrySetcred: Carry<Args["setcred"]> = ({ k }, td, { uid, gid, groups = [] }) =>
  gives({ ret: 0 }, setcred(k, td, uidT(uid), uidT(gid), groups.map(uidT), true));

const jidOf = ({ jails }: Stage, name: string): Jid => jails.get(name)?.jid ?? NO_JID;

const carryJailSet: CarryOutside<Args["jail_set"]> = (stage, td, args) => {
  const out: JailOut = { errmsg: "" };
  if (args.create === true) return gives({ ret: 0 }, createJail(stage, td, args, out));
  const params: JailParams = { jid: jidOf(stage, args.jail), ...jailParams(args) };
  return gives({ ret: 0 }, jailSet(stage.k, td, params, JAIL_UPDATE, out));
};

function createJail(stage: Stage, td: Thread | null, args: JailSetArgs, out: JailOut): Errno {
  const fullName = fullNameOf(stage.jails, args.jail, args.parent ?? "host");
  const name = td === null ? fullName : nameSeenIn(td.p_ucred.cr_prison.pr_name, fullName);
  const params: JailParams = { name, persist: true, ...jailParams(args) };
  const error = jailSet(stage.k, td, params, JAIL_CREATE, out);
  if (error === OK) stage.jails.set(args.jail, { jid: out.jid!, fullName, awaited: false });
  return error;
}

const carryJailGet: CarryOutside<Args["jail_get"]> = (stage, td, { jail }) => {
  const out: JailGetOut = { errmsg: "", info: null };
  const error = jailGet(stage.k, td, { jid: jidOf(stage, jail) }, 0, out);
  const done = (): Ending => {
    const { sysvmsg, sysvsem, sysvshm } = out.info!;
    return { ret: 0, out: { sysvmsg: sysvmsg!, sysvsem: sysvsem!, sysvshm: sysvshm! } };
  };
  return { error, done };
};

const carryJailRemove: CarryOutside<Args["jail_remove"]> = (stage, td, { jail }) =>
  gives({ ret: 0 }, jailRemove(stage.k, td, jidOf(stage, jail)));

const carryJailAttach: Carry<Args["jail_attach"]> = (stage, td, { jail }) => {
  const error = jailAttach(stage.k, td, jidOf(stage, jail));
  if (error === OK) dropPersist(stage, jail);
  return gives({ ret: 0 }, error);
};

/** From one timeout that runs out to the next; each sleeper looks again when its time comes. */
const advance: CarryOutside<Args["advance"]> = ({ k }, _td, { ms }) => {
  const until = k.nowMs + ms;
  for (let at = nextDeadline(k); at <= until; at = nextDeadline(k)) {
    tick(k, at);
    run(k);
  }
  tick(k, until);
  return gives({ ret: 0 });
};

interface ListRow {
  readonly id: number;
  readonly key: number;
}

function listed(k: Kernel, td: Thread, which: Facility): ListRow[] {
  switch (which) {
    case "sem":
      return semList(k, td).map(({ id, ds }) => ({ id, key: ds.sem_perm.key }));
    case "shm":
      return shmList(k, td).map(({ id, ds }) => ({ id, key: ds.shm_perm.key }));
    case "msg":
      return msgList(k, td).map(({ id, ds }) => ({ id, key: ds.msg_perm.key }));
  }
}

const ipcs: Carry<Args["ipcs"]> = ({ k }, td, { which }) =>
  gives({ ret: 0, out: { objects: listed(k, td, which).map(({ id, key }) => ({ id, key })) } });

export const WORLD_CALLS = {
  peek,
  poke,
  fork: carryFork,
  exec: carryExec,
  exit: carryExit,
  signal,
  setcred: carrySetcred,
  jail_set: carryJailSet,
  jail_get: carryJailGet,
  jail_remove: carryJailRemove,
  jail_attach: carryJailAttach,
  advance,
  ipcs,
};
