/**
 * libc: each call as two halves, arguments into the frame and results out of it. Awaited and
 * blocking calls are bound from the same table by bind.ts; between the halves lies the gate, or a
 * page that the thread has mapped.
 */
import { EGATE } from "@jailyard/abi/errno";
import { IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { msqidDs } from "@jailyard/abi/msg";
import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  SEM_STAT,
  SETALL,
  SETVAL,
  type Sembuf,
  semidDs,
} from "@jailyard/abi/sem";
import { SHM_RDONLY, shmidDs } from "@jailyard/abi/shm";
import * as sys from "@jailyard/abi/syscall";
import { type Addr, FACILITIES, type Facility, type Shmid } from "@jailyard/abi/types";
import {
  getMsqid,
  getSemid,
  getShmid,
  MSG_TEXT_BYTE,
  PTR_DATA,
  PTR_UNMAPPED,
  putMsqid,
  putSemid,
  putShmid,
  putSops,
  RET0,
  RET1,
} from "@jailyard/abi/wire";
import { int, list, record, signalNumber, size, text, unsigned, whole } from "./arguments.ts";
import { Attachment } from "./attachment.ts";
import { bytesOf, type Def, ints, json, none, posted, ret0, withJson } from "./def.ts";
import type { WaitResult } from "./process.ts";
import { SOCKET_DEFS } from "./sockets.ts";
import { UNMAPPED } from "./unmapped.ts";

/** What IPC_SET takes; missing members are 0, as in a zeroed structure. */
function perm(value: Record<string, unknown>): { uid: number; gid: number; mode: number } {
  const id = (name: string) => unsigned(value[name] ?? 0, name);
  return { uid: id("uid"), gid: id("gid"), mode: int(value.mode ?? 0, "mode") };
}

const semget: Def = ints(sys.SYS_semget, ["key", "nsems", "semflg"], ret0);

const semop: Def = {
  sysno: sys.SYS_semop,
  enter({ frame }, [semid, sops, nsops]) {
    const { a } = frame;
    a[0] = int(semid, "semid");
    a[1] = sops === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    if (sops === UNMAPPED) a[2] = size(nsops ?? 1, "nsops");
    else {
      const vector = list(sops, "sops") as readonly Sembuf[];
      checkSops(vector);
      putSops(frame.i16, vector);
      a[2] = vector.length;
    }
  },
  leave: none,
  direct: {
    call(d, [semid, sops]) {
      if (!Array.isArray(sops)) return EGATE; // memory that is not mapped, or no vector at all
      checkSops(sops as readonly Sembuf[]);
      return d.semop(int(semid, "semid"), sops as readonly Sembuf[]);
    },
    leave: none,
  },
};

export function checkSops(sops: readonly Sembuf[]): void {
  for (let i = 0; i < sops.length; i++) {
    const sop = sops[i];
    if (!Array.isArray(sop)) list(sop, `sops[${i}]`);
    if (!Number.isInteger(sop[0])) whole(sop[0], `sops[${i}] sem_num`);
    if (!Number.isInteger(sop[1])) whole(sop[1], `sops[${i}] sem_op`);
    if (sop[2] !== undefined && !Number.isInteger(sop[2])) whole(sop[2], `sops[${i}] sem_flg`);
  }
}

const semctl: Def = {
  sysno: sys.SYS_semctl,
  enter({ frame }, [semid, semnum, cmd, arg]) {
    const { a } = frame;
    a[0] = int(semid, "semid");
    a[1] = int(semnum, "semnum");
    a[2] = int(cmd, "cmd");
    a[3] = arg === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    a[4] = 0;
    if (arg !== UNMAPPED) semctlArgument(frame.f64, frame.u16, a, arg);
  },
  leave(u, [, , cmd]) {
    const { frame } = u;
    if (cmd === IPC_STAT) return getSemid(frame.f64, semidDs());
    if (cmd === SEM_STAT) return { ...getSemid(frame.f64, semidDs()), id: frame.a[RET0] };
    if (cmd === GETALL) return [...frame.u16.subarray(0, frame.a[RET1])];
    return frame.a[RET0];
  },
  direct: {
    call(d, [semid, semnum, cmd, arg]) {
      const id = int(semid, "semid");
      const num = int(semnum, "semnum");
      if (cmd === GETVAL || cmd === GETPID || cmd === GETNCNT || cmd === GETZCNT) {
        return d.semget(id, num, cmd);
      }
      return cmd === IPC_STAT && arg !== UNMAPPED ? d.semstat(id) : EGATE;
    },
    leave: (d, [, , cmd]) => (cmd === IPC_STAT ? d.semds : d.retval),
  },
};

function semctlArgument(f64: Float64Array, u16: Uint16Array, a: Float64Array, arg: unknown): void {
  const cmd = a[2];
  if (cmd === SETVAL) a[4] = int(arg, "arg.val");
  else if (cmd === SETALL) {
    const values = list(arg, "arg.array");
    for (const [i, value] of values.entries()) whole(value, `arg.array[${i}]`);
    a[4] = Math.min(values.length, u16.length);
    u16.set(values.slice(0, u16.length) as number[]);
  } else if (cmd === IPC_SET) {
    const ds = semidDs();
    Object.assign(ds.sem_perm, perm(record(arg, "arg.buf")));
    putSemid(f64, ds);
  }
}

const shmget: Def = {
  sysno: sys.SYS_shmget,
  enter({ frame: { a } }, [key, bytes, shmflg]) {
    a[0] = int(key, "key");
    a[1] = size(bytes, "size");
    a[2] = int(shmflg, "shmflg");
  },
  leave: ret0,
};

const shmat: Def = {
  sysno: sys.SYS_shmat,
  enter({ frame: { a } }, [shmid, addr, shmflg]) {
    a[0] = int(shmid, "shmid");
    a[1] = size(addr ?? 0, "addr");
    a[2] = int(shmflg ?? 0, "shmflg");
  },
  leave(u, [shmid, , shmflg]) {
    const buffer = posted(u) as SharedArrayBuffer;
    const readOnly = ((shmflg as number) & SHM_RDONLY) !== 0;
    const addr = u.frame.a[RET0] as Addr;
    const at = new Attachment(addr, shmid as Shmid, buffer.byteLength, readOnly, buffer);
    u.attach(at, buffer);
    return at;
  },
};

const addrOf = (at: unknown): number => (at instanceof Attachment ? at.addr : size(at, "addr"));

const shmdt: Def = {
  sysno: sys.SYS_shmdt,
  enter({ frame: { a } }, [at]) {
    a[0] = addrOf(at);
  },
  leave(u, [at]) {
    u.detach(addrOf(at));
  },
};

const shmctl: Def = {
  sysno: sys.SYS_shmctl,
  enter({ frame: { a, f64 } }, [shmid, cmd, buf]) {
    a[0] = int(shmid, "shmid");
    a[1] = int(cmd, "cmd");
    a[2] = buf === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    if (cmd !== IPC_SET || buf === UNMAPPED) return;
    const ds = shmidDs();
    Object.assign(ds.shm_perm, perm(record(buf, "buf")));
    putShmid(f64, ds);
  },
  leave: ({ frame }, [, cmd]) =>
    cmd === IPC_STAT ? getShmid(frame.f64, shmidDs()) : frame.a[RET0],
};

const msgsnd: Def = {
  sysno: sys.SYS_msgsnd,
  enter({ frame: { a, f64, u8 } }, [msqid, msg, msgflg, msgsz]) {
    a[0] = int(msqid, "msqid");
    a[1] = msg === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    a[3] = int(msgflg ?? 0, "msgflg");
    if (msg === UNMAPPED) {
      a[2] = size(msgsz ?? 0, "msgsz");
      return;
    }
    const { mtype, mtext } = record(msg, "msg");
    f64[0] = whole(mtype, "mtype");
    const bytes = bytesOf(mtext);
    a[2] = size(msgsz ?? bytes.length, "msgsz");
    const room = u8.length - MSG_TEXT_BYTE; // a longer text exceeds msgmnb: EINVAL before it is read
    u8.set(bytes.length > room ? bytes.subarray(0, room) : bytes, MSG_TEXT_BYTE);
  },
  leave: none,
  direct: {
    call(d, [msqid, msg, msgflg, msgsz]) {
      if (msg === UNMAPPED) return EGATE;
      const id = int(msqid, "msqid");
      const { mtype, mtext } = record(msg, "msg");
      const bytes = bytesOf(mtext);
      const length = size(msgsz ?? bytes.length, "msgsz");
      return d.msgsnd(id, whole(mtype, "mtype"), bytes, length, int(msgflg ?? 0, "msgflg"));
    },
    leave: none,
  },
};

const msgrcv: Def = {
  sysno: sys.SYS_msgrcv,
  enter({ frame: { a } }, [msqid, msgsz, msgtyp, msgflg, into]) {
    a[0] = int(msqid, "msqid");
    a[1] = into === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    a[2] = size(msgsz, "msgsz");
    a[3] = whole(msgtyp ?? 0, "msgtyp");
    a[4] = int(msgflg ?? 0, "msgflg");
  },
  leave: ({ frame: { a, f64, u8 } }) => ({
    mtype: f64[0],
    mtext: u8.slice(MSG_TEXT_BYTE, MSG_TEXT_BYTE + a[RET0]),
  }),
  direct: {
    call(d, [msqid, msgsz, msgtyp, msgflg, into]) {
      if (into === UNMAPPED) return EGATE;
      const id = int(msqid, "msqid");
      const most = size(msgsz, "msgsz");
      return d.msgrcv(id, most, whole(msgtyp ?? 0, "msgtyp"), int(msgflg ?? 0, "msgflg"));
    },
    leave: (d) => d.message,
  },
};

const msgctl: Def = {
  sysno: sys.SYS_msgctl,
  enter({ frame: { a, f64 } }, [msqid, cmd, buf]) {
    a[0] = int(msqid, "msqid");
    a[1] = int(cmd, "cmd");
    a[2] = buf === UNMAPPED ? PTR_UNMAPPED : PTR_DATA;
    if (cmd !== IPC_SET || buf === UNMAPPED) return;
    const ds = msqidDs();
    const fields = record(buf, "buf");
    Object.assign(ds.msg_perm, perm(fields));
    ds.msg_qbytes = size(fields.msg_qbytes ?? 0, "msg_qbytes");
    putMsqid(f64, ds);
  },
  leave: ({ frame }, [, cmd]) =>
    cmd === IPC_STAT ? getMsqid(frame.f64, msqidDs()) : frame.a[RET0],
  direct: {
    call: (d, [msqid, cmd, buf]) =>
      cmd === IPC_STAT && buf !== UNMAPPED ? d.msgstat(int(msqid, "msqid")) : EGATE,
    leave: (d) => d.msgds,
  },
};

const wait: Def = {
  sysno: sys.SYS_wait4,
  enter({ frame: { a } }, [pid, options]) {
    a[0] = int(pid ?? -1, "pid");
    a[1] = int(options ?? 0, "options");
  },
  leave({ frame: { a } }): WaitResult | null {
    const pid = a[RET0] as WaitResult["pid"];
    const xstat = a[RET1];
    if (pid === 0) return null;
    const signal = xstat & 0x7f;
    return signal === 0 ? { pid, status: xstat >> 8, signal: null } : { pid, status: null, signal };
  },
};

const kill: Def = {
  sysno: sys.SYS_kill,
  enter({ frame: { a } }, [pid, signal]) {
    a[0] = int(pid, "pid");
    a[1] = signalNumber(signal);
  },
  leave: none,
};

const setcred: Def = {
  sysno: sys.SYS_setcred,
  enter(u, [uid, gid, groups]) {
    const list_ = list(groups ?? [], "groups").map((g) => unsigned(g, "groups"));
    json(u, { uid: unsigned(uid, "uid"), gid: unsigned(gid, "gid"), groups: list_ }, "credentials");
  },
  leave: none,
};

function jailCall(sysno: number, leave: Def["leave"]): Def {
  return {
    sysno,
    enter(u, [params, flags, changes]) {
      json(u, record(params, "parameters"), "the parameters");
      u.frame.a[1] = int(flags ?? 0, "flags");
      u.frame.a[2] = int(changes ?? 0, "changes");
    },
    leave,
  };
}

const sysctl: Def = withJson(
  sys.SYS_sysctl,
  ([name, value]) => ({
    name: text(name, "name"),
    ...(value === undefined ? {} : { value: whole(value, "value") }),
  }),
  posted,
);

function facilityNumber(which: unknown): number {
  const f = FACILITIES.indexOf(which as Facility);
  if (f === -1) throw new TypeError(`no facility ${String(which)}: msg, sem or shm`);
  return f;
}

const ipcs: Def = {
  sysno: sys.SYS_ipcs,
  enter({ frame: { a } }, [which, everywhere]) {
    a[0] = facilityNumber(which);
    a[1] = everywhere === true ? 1 : 0;
  },
  leave: posted,
};

const ipcsHistory: Def = { ...ipcs, sysno: sys.SYS_ipcs_history };

const labelCall: Def = {
  sysno: sys.SYS_label,
  enter(u, [id, num, name, which = "sem"]) {
    json(u, text(name, "name"), "the name");
    const { a } = u.frame;
    a[1] = facilityNumber(which);
    a[2] = int(id, "id");
    a[3] = int(num, "number");
  },
  leave: none,
};

/** ipcns_create and ipcns_enter. @returns the id of the name space */
function ipcnsCall(sysno: number): Def {
  return {
    sysno,
    enter(u, [which, name]) {
      json(u, text(name, "name"), "the name");
      u.frame.a[1] = facilityNumber(which);
    },
    leave: ret0,
  };
}

/** Every call of process.ts that goes straight through the gate. */
export const DEFS: Readonly<Record<string, Def>> = {
  getpid: ints(sys.SYS_getpid, [], ret0),
  getppid: ints(sys.SYS_getppid, [], ret0),
  getcred: ints(sys.SYS_getcred, [], posted),
  setcred,
  kill,
  wait,
  semget,
  semop,
  semctl,
  shmget,
  shmat,
  shmdt,
  shmctl,
  msgget: ints(sys.SYS_msgget, ["key", "msgflg"], ret0),
  msgsnd,
  msgrcv,
  msgctl,
  ipcs,
  ipcs_history: ipcsHistory,
  label: labelCall,
  ipcns_create: ipcnsCall(sys.SYS_ipcns_create),
  ipcns_enter: ipcnsCall(sys.SYS_ipcns_enter),
  ipcns_rmid: {
    sysno: sys.SYS_ipcns_rmid,
    enter(u, [which, name, id]) {
      json(u, text(name, "name"), "the name");
      u.frame.a[1] = facilityNumber(which);
      u.frame.a[2] = int(id, "id");
    },
    leave: none,
  },
  ipcns_list: ints(sys.SYS_ipcns_list, [], posted),
  ...SOCKET_DEFS,
  jail_set: jailCall(sys.SYS_jail_set, ret0),
  jail_get: jailCall(sys.SYS_jail_get, posted),
  jail_attach: ints(sys.SYS_jail_attach, ["jid"], none),
  jail_remove: ints(sys.SYS_jail_remove, ["jid"], none),
  kldload: withJson(sys.SYS_kldload, ([file]) => text(file, "file"), ret0),
  kldunload: withJson(sys.SYS_kldunload, ([file]) => text(file, "file"), none),
  kldstat: ints(sys.SYS_kldstat, [], posted),
  sysctl,
  sysctlnames: ints(sys.SYS_sysctlnames, [], posted),
  sysctlabout: withJson(sys.SYS_sysctlabout, ([name]) => text(name, "name"), posted),
  kinfo_procs: ints(sys.SYS_kinfo_procs, [], posted),
  rctl_add_rule: withJson(sys.SYS_rctl_add_rule, ([rule]) => text(rule, "rule"), none),
  rctl_remove_rule: withJson(sys.SYS_rctl_remove_rule, ([rule]) => text(rule, "filter"), none),
  rctl_get_rules: withJson(sys.SYS_rctl_get_rules, ([rule]) => text(rule, "filter"), posted),
  rctl_get_limits: withJson(sys.SYS_rctl_get_limits, ([rule]) => text(rule, "filter"), posted),
  rctl_get_racct: withJson(sys.SYS_rctl_get_racct, ([rule]) => text(rule, "filter"), posted),
};
