/**
 * System calls by number: arguments in from a frame, results out to it.
 *
 * A frame lies in memory that a jail's thread can write at any time: what a sleeping call needs is
 * copied in, and a word is cut to what C would have there, whatever is in it. Strings and objects
 * cross as JSON; an answer that may be large goes beside the frame, as `bulk`, which the transport
 * posts.
 */
import { EFAULT, EINVAL, ENOENT, ENOSYS, EPERM, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import type { JailParams } from "@jailyard/abi/jail";
import { type Msgbuf, type MsqidDs, msqidDs } from "@jailyard/abi/msg";
import { COM, limitOf, PROC, TOOL } from "@jailyard/abi/reason";
import type { Told } from "@jailyard/abi/refusal";
import {
  GETALL,
  SEM_STAT,
  SETALL,
  type Sembufs,
  type SemidDs,
  type Semun,
  sembufs,
  semidDs,
} from "@jailyard/abi/sem";
import { type ShmidDs, shmidDs } from "@jailyard/abi/shm";
import { NSIG, SIGKILL, SIGSYS, sigmask } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import { FACILITIES, type Facility, type Key, type Semid } from "@jailyard/abi/types";
import {
  type Frame,
  getJson,
  getMsqid,
  getSemid,
  getShmid,
  getSops,
  MSG_TEXT_BYTE,
  PTR_UNMAPPED,
  putJson,
  putMsqid,
  putSemid,
  putShmid,
  RET0,
  RET1,
} from "@jailyard/abi/wire";
import { unjailed } from "./cred.ts";
import { msgSleptOn } from "./elsewhere.ts";
import { close } from "./filedesc.ts";
import { removedRows } from "./ipchistory.ts";
import { ipcnsCreate, ipcnsEnter, ipcnsList, ipcnsRmid } from "./ipcnscall.ts";
import { type JailGetOut, jailAttach, jailGet, jailRemove } from "./jail.ts";
import { jailSet } from "./jailset.ts";
import type { Kernel } from "./kernel.ts";
import { kinfoProcs } from "./kinfo.ts";
import { kldload, kldstat, kldunload } from "./kld.ts";
import { label } from "./label.ts";
import { limitUse } from "./limituse.ts";
import { listing } from "./listing.ts";
import { msgrcv, msgsnd, msgsndWoken } from "./msg.ts";
import { msgctl, msgget } from "./msgctl.ts";
import { sizeOf } from "./msgpass.ts";
import { unlink } from "./namei.ts";
import { exec, exit1, fork, kill, psignal, setcred, type WaitStatus, wait4 } from "./proc.ts";
import { rctlAddRule, rctlGetLimits, rctlGetRacct, rctlGetRules, rctlRemoveRule } from "./rctl.ts";
import { semop } from "./sem.ts";
import { semctl, semget } from "./semctl.ts";
import { shmat, shmdt, shmget } from "./shm.ts";
import { shmctl } from "./shmctl.ts";
import { sysctlAbout, sysctlNames, sysctlRead, sysctlWrite } from "./sysctl.ts";
import { deny, type Thread } from "./thread.ts";
import { accept, bind, connect, listen, recv, send, socket } from "./unix.ts";

const COM_30 = COM(30);
const PROC_416 = PROC(416);
const TOOL_43 = TOOL(43);

/** A process at the gate: its thread, its frame, and what its calls keep between in and out. */
export interface Trapframe {
  readonly td: Thread;
  readonly frame: Frame;
  sysno: number;
  /** Posted beside the answer; undefined if the frame says it all. */
  bulk: unknown;
  readonly sops: Sembufs;
  readonly semun: Semun;
  readonly semid: SemidDs;
  readonly shmid: ShmidDs;
  readonly msqid: MsqidDs;
  readonly msg: Msgbuf;
  readonly wait: WaitStatus;
  readonly jail: JailGetOut;
}

/** `semopm` operations at most, and always room for eight. [SEM-42] */
export function trapframe(td: Thread, frame: Frame, semopm: number): Trapframe {
  return {
    td,
    frame,
    sysno: 0,
    bulk: undefined,
    sops: sembufs(Math.max(8, semopm)),
    semun: { val: 0, buf: null, array: null },
    semid: semidDs(),
    shmid: shmidDs(),
    msqid: msqidDs(),
    msg: { mtype: 0, mtext: frame.u8.subarray(MSG_TEXT_BYTE) },
    wait: { status: 0 },
    jail: { errmsg: "", info: null },
  };
}

type Call = (k: Kernel, tf: Trapframe, td: Thread, a: Float64Array) => Errno;
type Return = (k: Kernel, tf: Trapframe, a: Float64Array) => void;

interface Entry {
  readonly call: Call;
  /** Copy out after a success, RET0 apart. */
  readonly ret?: Return;
  /** The module that the call goes away with. [COM-30] */
  readonly module?: Facility;
}

/**
 * Make the call that the frame holds. After ESLEEP, `sysret` belongs to the kernel's hook
 * `complete`; else it is called here.
 */
export function syscall(k: Kernel, tf: Trapframe, sysno: number): Errno {
  const { td } = tf;
  tf.sysno = sysno;
  k.curtid = td.tid;
  k.cursys = sysno;
  td.td_reason = 0 as Thread["td_reason"];
  td.td_retval = 0;
  const entry = ENTRIES.get(sysno);
  if (entry === undefined || (entry.module !== undefined && !k.modules[entry.module].calls)) {
    psignal(k, td, SIGSYS);
    return sysret(k, tf, deny(td, ENOSYS, COM_30));
  }
  const error = entry.call(k, tf, td, tf.frame.a);
  return error === ESLEEP ? ESLEEP : sysret(k, tf, error);
}

/** Results into the frame. @returns `error` */
export function sysret(k: Kernel, tf: Trapframe, error: Errno): Errno {
  const { a } = tf.frame;
  a[RET0] = tf.td.td_retval;
  a[RET1] = 0;
  if (error === OK) ENTRIES.get(tf.sysno)?.ret?.(k, tf, a);
  else if (tf.jail.errmsg !== "" || limitOf(tf.td.td_reason) !== "") putTold(k, tf, a);
  return error;
}

function putTold(k: Kernel, tf: Trapframe, a: Float64Array): void {
  const { errmsg } = tf.jail;
  const limit = limitUse(k, tf.td, tf.sysno, a);
  a[RET1] = putJson(tf.frame.u8, {
    ...(errmsg && { errmsg }),
    ...(limit && { limit }),
  } satisfies Told);
  tf.jail.errmsg = "";
}

/** A long or a size_t; ints are cut by `| 0`. */
const long = (word: number): number => (Number.isNaN(word) ? 0 : Math.trunc(word));

const semopCall: Call = (k, tf, td, a) => {
  const nsops = long(a[2]);
  if (a[1] === PTR_UNMAPPED) return semop(k, td, a[0] as Semid, null, nsops);
  const { sops, frame } = tf;
  const room = Math.min(sops.sem_num.length, Math.trunc(frame.i16.length / 3));
  getSops(frame.i16, Math.max(0, Math.min(nsops, room)), sops);
  return semop(k, td, a[0] as Semid, sops, nsops);
};

const semctlCall: Call = (k, tf, td, a) => {
  const { semun, frame } = tf;
  const [semid, semnum, cmd, val] = [a[0] | 0, a[1] | 0, a[2] | 0, a[4] | 0];
  const ptr = a[3];
  const mapped = ptr !== PTR_UNMAPPED;
  semun.val = val;
  semun.buf = mapped ? tf.semid : null;
  semun.array = !mapped ? null : cmd === SETALL ? frame.u16.slice(0, val) : frame.u16;
  if (cmd === IPC_SET && mapped) getSemid(frame.f64, tf.semid);
  return semctl(k, td, semid, semnum, cmd, semun);
};

const semctlRet: Return = (k, tf, a) => {
  const cmd = a[2];
  if (cmd === IPC_STAT || cmd === SEM_STAT) putSemid(tf.frame.f64, tf.semid);
  if (cmd === GETALL) a[RET1] = k.sem.at(a[0])?.page.nsems ?? 0;
};

/** The memory that the address shows: two attaches may have the same. [SHM-21] */
const shmatRet: Return = (_k, tf, a) => {
  tf.bulk = tf.td.p_vmspace!.map.lookup(a[RET0])!.object.page.data;
};

const shmctlCall: Call = (k, tf, td, a) => {
  const [shmid, cmd, ptr] = [a[0] | 0, a[1] | 0, a[2]];
  if (cmd === IPC_SET && ptr !== PTR_UNMAPPED) getShmid(tf.frame.f64, tf.shmid);
  return shmctl(k, td, shmid, cmd, ptr === PTR_UNMAPPED ? null : tf.shmid);
};

const msgctlCall: Call = (k, tf, td, a) => {
  const [msqid, cmd, ptr] = [a[0] | 0, a[1] | 0, a[2]];
  if (cmd === IPC_SET && ptr !== PTR_UNMAPPED) getMsqid(tf.frame.f64, tf.msqid);
  return msgctl(k, td, msqid, cmd, ptr === PTR_UNMAPPED ? null : tf.msqid);
};

const msgsndCall: Call = (k, tf, td, a) => {
  const [msqid, ptr, msgsz, msgflg] = a;
  tf.msg.mtype = long(tf.frame.f64[0]);
  return msgsnd(k, td, msqid, ptr === PTR_UNMAPPED ? null : tf.msg, long(msgsz), msgflg);
};

/** A msgsnd that slept on a mapped page whose queue is gone goes on here. [MSG-44] */
const msgsndResumeCall: Call = (k, tf, td, a) => {
  const ix = msgSleptOn(k, td);
  if (ix === null) return deny(td, EINVAL, COM_30);
  const mtype = long(tf.frame.f64[0]);
  td.td_interrupted = a[4] === 1;
  td.td_timedout = a[4] === 2;
  const mtext = new Uint8Array(tf.msg.mtext);
  const send = { mtype, mtext, msgsz: sizeOf(long(a[2])), msgflg: a[3] | 0, kept: true };
  const error = msgsndWoken(k, td, ix, send);
  td.td_timedout = false;
  return error;
};

const msgrcvCall: Call = (k, tf, td, a) => {
  const [msqid, ptr, msgsz, msgtyp, msgflg] = a;
  const msg = ptr === PTR_UNMAPPED ? null : tf.msg;
  return msgrcv(k, td, msqid, msg, long(msgsz), long(msgtyp), msgflg);
};

const exitCall: Call = (k, _tf, td, a) => {
  const [status, signal] = a;
  exit1(k, td, signal === 0 ? (status & 0xff) << 8 : signal & 0x7f);
  return OK;
};

const sigactionCall: Call = (_k, _tf, td, [word, caught]) => {
  const sig = word | 0;
  if (sig < 1 || sig >= NSIG || sig === SIGKILL) return deny(td, EINVAL, PROC_416);
  if (caught !== 0) td.p_sigcatch |= sigmask(sig);
  else td.p_sigcatch &= ~sigmask(sig);
  return OK;
};

/** An argument in JSON: `a[0]` bytes of the data area; undefined if it is none of these. */
function argument(tf: Trapframe, bytes: number): string | object | undefined {
  try {
    const value = getJson(tf.frame.u8, bytes) as unknown;
    return typeof value === "string" || isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);

type WithArgument<T> = (k: Kernel, tf: Trapframe, td: Thread, arg: T, a: Float64Array) => Errno;

/** Whatever a thread writes there, the call sees a text, or a record, and nothing else. */
const withText =
  (call: WithArgument<string>): Call =>
  (k, tf, td, a) => {
    const arg = argument(tf, a[0]);
    return typeof arg === "string" ? call(k, tf, td, arg, a) : deny(td, EFAULT, PROC_416);
  };

const withRecord =
  <T extends object>(call: WithArgument<T>): Call =>
  (k, tf, td, a) => {
    const arg = argument(tf, a[0]);
    return isRecord(arg) ? call(k, tf, td, arg as T, a) : deny(td, EFAULT, PROC_416);
  };

interface Cred {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const setcredCall = withRecord<Cred>((k, _tf, td, { uid, gid, groups }) => {
  const error = setcred(k, td, uid, gid, Array.isArray(groups) ? groups : []);
  return error === OK ? OK : deny(td, EPERM, PROC_416);
});

const sysctlCall = withRecord<{ name: string; value?: number }>((k, tf, td, { name, value }) => {
  const old = sysctlRead(k, td, name);
  if (old === null) return deny(td, ENOENT, TOOL_43);
  tf.bulk = old;
  return value === undefined ? OK : sysctlWrite(k, td, name, value);
});

const sysctlAboutCall = withText((k, tf, td, name) => {
  const about = sysctlAbout(k, name);
  if (about === null) return deny(td, ENOENT, TOOL_43);
  tf.bulk = { kind: about.kind, about: about.about };
  return OK;
});

const rctlCall = (call: (k: Kernel, td: Thread, text: string) => Errno): Call =>
  withText((k, _tf, td, text) => call(k, td, text));

const rctlListCall = <T>(call: (k: Kernel, td: Thread, filter: string, out: T[]) => Errno): Call =>
  withText((k, tf, td, filter) => {
    const out: T[] = [];
    tf.bulk = out;
    return call(k, td, filter, out);
  });

const jailSetCall = withRecord<JailParams>((k, tf, td, params, a) =>
  jailSet(k, td, params, a[1], tf.jail, a[2]),
);

const jailGetCall = withRecord<JailParams>((k, tf, td, params, a) =>
  jailGet(k, td, params, a[1], tf.jail),
);

const ipcsCall: Call = (k, tf, td, a) => {
  const f = FACILITIES[a[0]];
  if (f === undefined) return deny(td, EINVAL, TOOL_43);
  if (a[1] !== 0 && !unjailed(td.p_ucred)) return deny(td, EPERM, TOOL_43);
  tf.bulk = listing(k, td, f, a[1] !== 0);
  return OK;
};

const ipcsHistoryCall: Call = (k, tf, td, a) => {
  const f = FACILITIES[a[0]];
  if (f === undefined) return deny(td, EINVAL, TOOL_43);
  if (a[1] !== 0 && !unjailed(td.p_ucred)) return deny(td, EPERM, TOOL_43);
  tf.bulk = removedRows(k, td, f, a[1] !== 0);
  return OK;
};

/** A name in the data area, `a[0]` bytes, the facility by number, and of ipcns_rmid an id. */
const ipcnsCall = (call: typeof ipcnsRmid): Call =>
  withText((k, _tf, td, name, a) => call(k, td, FACILITIES[a[1]], name, a[2] | 0));

/** A path in the data area, `a[0]` bytes, and the descriptor. */
const pathCall = (call: typeof bind): Call =>
  withText((k, _tf, td, path, a) => call(k, td, a[1] | 0, path));

/** As many bytes of the data area as the caller says, and there are. */
const area = ({ frame: { u8 } }: Trapframe, length: number): Uint8Array =>
  u8.subarray(0, Math.max(0, Math.min(long(length), u8.length)));

/** While it sleeps the caller may write what it likes over the data area. */
const sendCall: Call = (k, tf, td, a) => send(k, td, a[0] | 0, area(tf, a[1]).slice(), a[2] | 0);

function result(call: (k: Kernel, tf: Trapframe) => unknown): Call {
  return (k, tf) => {
    tf.bulk = call(k, tf);
    return OK;
  };
}

const retval =
  (value: (td: Thread) => number): Call =>
  (_k, _tf, td) => {
    td.td_retval = value(td);
    return OK;
  };

const credOf = ({ td }: Trapframe): unknown => {
  const { cr_uid, cr_gid, cr_groups, cr_prison } = td.p_ucred;
  return { uid: cr_uid, gid: cr_gid, groups: cr_groups, jid: cr_prison.pr_id };
};

const ENTRIES: ReadonlyMap<number, Entry> = new Map<number, Entry>([
  [sys.SYS_semop, { call: semopCall, module: "sem" }],
  [
    sys.SYS_semget,
    { call: (k, _tf, td, a) => semget(k, td, (a[0] | 0) as Key, a[1] | 0, a[2]), module: "sem" },
  ],
  [sys.SYS_semctl, { call: semctlCall, ret: semctlRet, module: "sem" }],
  [
    sys.SYS_shmget,
    { call: (k, _tf, td, a) => shmget(k, td, (a[0] | 0) as Key, long(a[1]), a[2]), module: "shm" },
  ],
  [
    sys.SYS_shmat,
    { call: (k, _tf, td, a) => shmat(k, td, a[0], long(a[1]), a[2]), ret: shmatRet, module: "shm" },
  ],
  [sys.SYS_shmdt, { call: (k, _tf, td, a) => shmdt(k, td, long(a[0])), module: "shm" }],
  [
    sys.SYS_shmctl,
    {
      call: shmctlCall,
      ret: (_k, tf, a) => a[1] === IPC_STAT && putShmid(tf.frame.f64, tf.shmid),
      module: "shm",
    },
  ],
  [
    sys.SYS_msgget,
    { call: (k, _tf, td, a) => msgget(k, td, (a[0] | 0) as Key, a[1]), module: "msg" },
  ],
  [sys.SYS_msgsnd, { call: msgsndCall, module: "msg" }],
  [sys.SYS_msgsnd_resume, { call: msgsndResumeCall }],
  [
    sys.SYS_msgrcv,
    {
      call: msgrcvCall,
      ret: (_k, tf) => {
        tf.frame.f64[0] = tf.msg.mtype;
      },
      module: "msg",
    },
  ],
  [
    sys.SYS_msgctl,
    {
      call: msgctlCall,
      ret: (_k, tf, a) => a[1] === IPC_STAT && putMsqid(tf.frame.f64, tf.msqid),
      module: "msg",
    },
  ],
  [sys.SYS_exit, { call: exitCall }],
  [sys.SYS_fork, { call: (k, _tf, td) => fork(k, td) }],
  [
    sys.SYS_wait4,
    {
      call: (k, tf, td, a) => wait4(k, td, a[0] | 0, a[1], tf.wait),
      ret: (_k, tf, a) => {
        a[RET1] = tf.wait.status;
      },
    },
  ],
  [sys.SYS_kill, { call: (k, _tf, td, a) => kill(k, td, a[0] | 0, a[1] | 0) }],
  [sys.SYS_getpid, { call: retval((td) => td.p_pid) }],
  [sys.SYS_getppid, { call: retval((td) => td.p_pptr?.p_pid ?? 1) }],
  [sys.SYS_execve, { call: withText((k, _tf, td, comm) => exec(k, td, comm)) }],
  [sys.SYS_sigaction, { call: sigactionCall }],
  [sys.SYS_socket, { call: (k, _tf, td, a) => socket(k, td, a[0] | 0, a[1] | 0, a[2] | 0) }],
  [sys.SYS_bind, { call: pathCall(bind) }],
  [sys.SYS_listen, { call: (k, _tf, td, a) => listen(k, td, a[0] | 0, a[1] | 0) }],
  [sys.SYS_connect, { call: pathCall(connect) }],
  [sys.SYS_accept, { call: (k, _tf, td, a) => accept(k, td, a[0] | 0) }],
  [sys.SYS_sendto, { call: sendCall }],
  [sys.SYS_recvfrom, { call: (k, tf, td, a) => recv(k, td, a[0] | 0, area(tf, a[1]), a[2] | 0) }],
  [sys.SYS_close, { call: (k, _tf, td, a) => close(k, td, a[0] | 0) }],
  [sys.SYS_unlink, { call: withText((k, _tf, td, path) => unlink(k, td, path)) }],
  [sys.SYS_getcred, { call: result((_k, tf) => credOf(tf)) }],
  [sys.SYS_setcred, { call: setcredCall }],
  [sys.SYS_sysctl, { call: sysctlCall }],
  [sys.SYS_ipcs, { call: ipcsCall }],
  [sys.SYS_ipcs_history, { call: ipcsHistoryCall }],
  [
    sys.SYS_jail_get,
    {
      call: jailGetCall,
      ret: (_k, tf) => {
        tf.bulk = tf.jail.info;
      },
    },
  ],
  [sys.SYS_jail_set, { call: jailSetCall }],
  [sys.SYS_jail_attach, { call: (k, _tf, td, a) => jailAttach(k, td, a[0]) }],
  [sys.SYS_jail_remove, { call: (k, _tf, td, a) => jailRemove(k, td, a[0]) }],
  [sys.SYS_kldload, { call: withText((k, _tf, td, file) => kldload(k, td, file)) }],
  [sys.SYS_kldunload, { call: withText((k, _tf, td, file) => kldunload(k, td, file)) }],
  [sys.SYS_kldstat, { call: result((k) => kldstat(k)) }],
  [
    sys.SYS_label,
    {
      call: withText((k, _tf, td, text, a) =>
        label(k, td, FACILITIES[a[1]], a[2] | 0, a[3] | 0, text),
      ),
    },
  ],
  [sys.SYS_ipcns_create, { call: ipcnsCall(ipcnsCreate) }],
  [sys.SYS_ipcns_enter, { call: ipcnsCall(ipcnsEnter) }],
  [sys.SYS_ipcns_rmid, { call: ipcnsCall(ipcnsRmid) }],
  [sys.SYS_ipcns_list, { call: result((k, { td }) => ipcnsList(k, td)) }],
  [sys.SYS_sysctlnames, { call: result((k) => sysctlNames(k)) }],
  [sys.SYS_sysctlabout, { call: sysctlAboutCall }],
  [sys.SYS_kinfo_procs, { call: result((k, { td }) => kinfoProcs(k, td)) }],
  [sys.SYS_rctl_add_rule, { call: rctlCall(rctlAddRule) }],
  [sys.SYS_rctl_remove_rule, { call: rctlCall(rctlRemoveRule) }],
  [sys.SYS_rctl_get_rules, { call: rctlListCall(rctlGetRules) }],
  [sys.SYS_rctl_get_limits, { call: rctlListCall(rctlGetLimits) }],
  [sys.SYS_rctl_get_racct, { call: rctlListCall(rctlGetRacct) }],
]);
