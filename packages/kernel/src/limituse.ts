/**
 * The numbers of the limit that has just refused a call: value, use, request, and who uses most.
 *
 * Read after the refusal, by whoever ends the call, so that calls that succeed pay nothing. A caller
 * in a jail is told of what it and the jails below it use: what others have is not its business.
 */
import { type LimitName, limitOf } from "@jailyard/abi/reason";
import type { Holder, LimitUse } from "@jailyard/abi/refusal";
import { SETVAL } from "@jailyard/abi/sem";
import { PAGE_SIZE, roundPage } from "@jailyard/abi/shm";
import { SYS_semctl } from "@jailyard/abi/syscall";
import type { Facility } from "@jailyard/abi/types";
import { unjailed } from "./cred.ts";
import { tableOf } from "./facility.ts";
import type { IpcPage } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { P_CBYTES, P_QBYTES, P_QNUM } from "./msgpage.ts";
import { segsOf } from "./msgpass.ts";
import { msgFind } from "./msgq.ts";
import { nameSeenBy, type Prison, prisonIschild } from "./prison.ts";
import type { Resource } from "./rctl.ts";
import { P_NSEMS } from "./sempage.ts";
import { T_SEGSZ } from "./shmpage.ts";
import type { Thread } from "./thread.ts";

/** What is used of one limit, by prison. */
export type Uses = Map<Prison, number>;

interface Numbers {
  readonly value: number | null;
  readonly request: number | null;
  /** Absent: the limit bounds one call, and nothing is used of it. */
  readonly uses?: Uses;
}

/** Arguments of the call as the frame has them. */
type Args = ArrayLike<number>;
type Measure = (k: Kernel, td: Thread, a: Args, sysno: number) => Numbers;

/** Null: the call was not refused by a limit. */
export function limitUse(k: Kernel, td: Thread, sysno: number, a: Args): LimitUse | null {
  const limit = limitOf(td.td_reason);
  if (limit === "") return null;
  const { value, request, uses } = MEASURES[limit](k, td, a, sysno);
  if (uses === undefined) return { value, request, use: null, holder: null };
  const me = td.p_ucred.cr_prison;
  const seen = [...uses].filter(([pr]) => pr === me || prisonIschild(me, pr));
  const use = seen.reduce((sum, [, amount]) => sum + amount, 0);
  return { value, request, use, holder: most(td, seen) };
}

function most(td: Thread, uses: readonly [Prison, number][]): Holder | null {
  const me = td.p_ucred.cr_prison;
  let found: [Prison, number] | null = null;
  for (const one of uses) if (one[1] > (found?.[1] ?? 0)) found = one;
  if (found === null) return null;
  const [pr, amount] = found;
  const jail = pr !== me ? nameSeenBy(me, pr) : unjailed(td.p_ucred) ? pr.pr_name : "";
  return { jid: pr.pr_id, jail, amount };
}

const amount = (word: number): number | null => (Number.isFinite(word) ? Math.trunc(word) : null);

/** Sum over the objects of a facility, by the jail that each belongs to. */
function byObject(k: Kernel, f: Facility, of: (object: IpcObject<IpcPage>) => number): Uses {
  const uses: Uses = new Map();
  for (const object of tableOf(k, f).slots) {
    if (object === null) continue;
    const { cr_prison } = object.cred;
    uses.set(cr_prison, (uses.get(cr_prison) ?? 0) + of(object));
  }
  return uses;
}

/** The same over processes. */
function byProcess(k: Kernel, of: (td: Thread) => number): Uses {
  const uses: Uses = new Map();
  for (const td of k.procs.values()) {
    const { cr_prison } = td.p_ucred;
    uses.set(cr_prison, (uses.get(cr_prison) ?? 0) + of(td));
  }
  return uses;
}

const own = (td: Thread, use: number): Uses => new Map([[td.p_ucred.cr_prison, use]]);
const nsems = ({ page }: IpcObject<IpcPage>): number => page.hdr[P_NSEMS];
const pages = ({ page }: IpcObject<IpcPage>): number => page.times[T_SEGSZ] / PAGE_SIZE;
const messages = ({ page }: IpcObject<IpcPage>): number => page.hdr[P_QNUM];
const hasUndo = ({ td_undo }: Thread): number => (td_undo?.inUse === true ? 1 : 0);

/** SETVAL says which value it wants; a vector or an array may fail at any of many. */
const wantedValue = (a: Args, sysno: number): number | null =>
  sysno === SYS_semctl && a[2] === SETVAL ? amount(a[4]) : null;

/** Of the deny rule that leaves the caller least. */
const rctl =
  (resource: Resource, request: (a: Args) => number | null): Measure =>
  (k, td, a) => {
    const rule = k.racct?.tightest(td, resource) ?? null;
    const uses = rule === null ? undefined : own(td, rule.used);
    return { value: rule?.amount ?? null, request: request(a), ...(uses && { uses }) };
  };

const one = (): number => 1;

interface Shared {
  readonly value: (k: Kernel) => number;
  readonly uses: (k: Kernel) => Uses;
  /** The tables whose limit it is; absent: there are processes always. */
  readonly facility?: Facility;
}

/** Limits that all jails share. */
export const SHARED = {
  "kern.ipc.semmni": {
    facility: "sem",
    value: (k) => k.seminfo.semmni,
    uses: (k) => byObject(k, "sem", one),
  },
  "kern.ipc.semmns": {
    facility: "sem",
    value: (k) => k.seminfo.semmns,
    uses: (k) => byObject(k, "sem", nsems),
  },
  "kern.ipc.semmnu": {
    facility: "sem",
    value: (k) => k.seminfo.semmnu,
    uses: (k) => byProcess(k, hasUndo),
  },
  "kern.ipc.shmmni": {
    facility: "shm",
    value: (k) => k.shminfo.shmmni,
    uses: (k) => byObject(k, "shm", one),
  },
  "kern.ipc.shmall": {
    facility: "shm",
    value: (k) => k.shminfo.shmall,
    uses: (k) => byObject(k, "shm", pages),
  },
  "kern.ipc.msgmni": {
    facility: "msg",
    value: (k) => k.msginfo.msgmni,
    uses: (k) => byObject(k, "msg", one),
  },
  "kern.ipc.msgtql": {
    facility: "msg",
    value: (k) => k.msginfo.msgtql,
    uses: (k) => byObject(k, "msg", messages),
  },
  "kern.maxproc": { value: (k) => k.threads.length - 1, uses: (k) => byProcess(k, one) },
} as const satisfies Readonly<Partial<Record<LimitName, Shared>>>;
export type SharedLimit = keyof typeof SHARED;

const hostWide =
  (name: SharedLimit, request: (a: Args) => number | null = one): Measure =>
  (k, _td, a) => ({
    value: SHARED[name].value(k),
    request: request(a),
    uses: SHARED[name].uses(k),
  });

const MEASURES: Readonly<Record<Exclude<LimitName, "">, Measure>> = {
  "kern.ipc.semmni": hostWide("kern.ipc.semmni"),
  "kern.ipc.semmns": hostWide("kern.ipc.semmns", (a) => amount(a[1])),
  "kern.ipc.semmnu": hostWide("kern.ipc.semmnu"),
  "kern.ipc.semmsl": (k, _td, a) => ({ value: k.seminfo.semmsl, request: amount(a[1]) }),
  "kern.ipc.semopm": (k, _td, a) => ({ value: k.seminfo.semopm, request: amount(a[2]) }),
  "kern.ipc.semume": (k, td) => ({
    value: k.seminfo.semume,
    request: 1,
    uses: own(td, td.td_undo?.un_cnt ?? 0),
  }),
  "kern.ipc.semvmx": (k, _td, a, sysno) => ({
    value: k.seminfo.semvmx,
    request: wantedValue(a, sysno),
  }),
  "kern.ipc.semaem": (k) => ({ value: k.seminfo.semaem, request: null }),
  "kern.ipc.shmmax": (k, _td, a) => ({ value: k.shminfo.shmmax, request: amount(a[1]) }),
  "kern.ipc.shmmin": (k, _td, a) => ({ value: k.shminfo.shmmin, request: amount(a[1]) }),
  "kern.ipc.shmmni": hostWide("kern.ipc.shmmni"),
  "kern.ipc.shmseg": (k, td) => ({
    value: k.shminfo.shmseg,
    request: 1,
    uses: own(td, td.p_vmspace?.vm_shm.filter((entry) => entry !== null).length ?? 0),
  }),
  "kern.ipc.shmall": hostWide("kern.ipc.shmall", (a) => amount(roundPage(a[1]) / PAGE_SIZE)),
  "kern.ipc.msgmni": hostWide("kern.ipc.msgmni"),
  "kern.ipc.msgmnb": (k, td, a) => {
    const root = k.model.root(k, "msg", td.p_ucred); // the frame may say another id by now
    const hdr = root === null ? undefined : msgFind(k, root, a[0])?.page.hdr;
    const uses = hdr === undefined ? undefined : own(td, hdr[P_CBYTES]);
    return { value: hdr?.[P_QBYTES] ?? null, request: amount(a[2]), ...(uses && { uses }) };
  },
  "kern.ipc.msgtql": hostWide("kern.ipc.msgtql"),
  "kern.ipc.msgseg": (k, _td, a) => ({
    value: k.msginfo.msgseg,
    request: amount(segsOf(k, a[2])),
  }),
  "kern.maxproc": hostWide("kern.maxproc"),
  "children.max": (_k, td) => {
    const { pr_childmax, pr_childcount } = td.p_ucred.cr_prison;
    return { value: pr_childmax, request: 1, uses: own(td, pr_childcount) };
  },
  "rctl nsem": rctl("nsem", (a) => amount(a[1])),
  "rctl nsemop": rctl("nsemop", (a) => amount(a[2])),
  "rctl nshm": rctl("nshm", one),
  "rctl shmsize": rctl("shmsize", (a) => amount(roundPage(a[1]))),
  "rctl nmsgq": rctl("nmsgq", one),
  "rctl msgqqueued": rctl("msgqqueued", one),
  "rctl msgqsize": rctl("msgqsize", (a) => amount(a[2])),
};
