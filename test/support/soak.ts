/**
 * Random calls by random processes in nested jails, from one seed: whoever is awake does anything
 * that a process can do to the tables.
 */
import { OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import {
  JAIL_ATTACH,
  JAIL_CREATE,
  JAIL_SYS_DISABLE,
  JAIL_SYS_INHERIT,
  JAIL_SYS_NEW,
  JAIL_UPDATE,
  type JailParams,
} from "@jailyard/abi/jail";
import { MSG_NOERROR, msqidDs } from "@jailyard/abi/msg";
import {
  GETALL,
  GETNCNT,
  GETVAL,
  SEM_STAT,
  SEM_UNDO,
  SETALL,
  SETVAL,
  type Sembuf,
  semidDs,
} from "@jailyard/abi/sem";
import { PAGE_SIZE, SHM_RDONLY, SHM_REMAP, SHM_RND, shmidDs } from "@jailyard/abi/shm";
import { SIGKILL, SIGNALS, SIGSYS, sigmask } from "@jailyard/abi/signal";
import { FACILITIES, type Facility, type Key, type Semid } from "@jailyard/abi/types";
import { cleanup } from "@jailyard/kernel/facility";
import type { IpcPage } from "@jailyard/kernel/ipcpage";
import type { IpcTable } from "@jailyard/kernel/ipctable";
import { jailAttach, jailRemove } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { exec, exit1, fork, kill, newproc, psignal, setcred, wait4 } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import { sysctlWrite } from "@jailyard/kernel/sysctl";
import { RUNNING, type Thread } from "@jailyard/kernel/thread";
import { vmRead, vmWrite } from "@jailyard/kernel/vm";
import { Dice } from "./dice.ts";
import { vector } from "./semset.ts";

const FEWEST = 8;
const MANY = 24;
const UIDS = [0, 0, 0, 0, 0, 1001, 1001, 1002];
const KEYS = [0, 1, 2, 3, -1].map((key) => key as Key);
const MODES = [0o600, 0o600, 0o660, 0o666, 0o400, 0o777];
const FIXED = 0x10_0000;

export class Soak {
  readonly k: Kernel;
  readonly #dice: Dice;
  /** What was done last, for the message of a failure. */
  last = "";

  constructor(k: Kernel, seed: number) {
    this.k = k;
    this.#dice = new Dice(seed);
  }

  /** One call of one process, and all that comes of it. */
  step(): void {
    const { k } = this;
    const awake = [...k.procs.values()].filter(({ p_state }) => p_state === RUNNING);
    if (awake.length < FEWEST) this.#refresh();
    else {
      const [name, act] = this.#draw();
      const td = this.#dice.pick(awake);
      this.last = `${name} by ${td.p_pid}`;
      act(td);
    }
    run(k);
  }

  #draw(): readonly [string, (td: Thread) => void] {
    let at = this.#dice.below(TOTAL);
    for (const [name, weight] of WEIGHTS) {
      at -= weight;
      if (at < 0) return [name, (td) => this.#acts[name](td)];
    }
    throw new Error("weights do not sum up");
  }

  readonly #acts: Record<ActName, (td: Thread) => void> = {
    semget: (td) => this.#semget(td),
    semop: (td) => this.#semop(td),
    semctl: (td) => this.#semctl(td),
    msgget: (td) => this.#msgget(td),
    msgsnd: (td) => this.#msgsnd(td),
    msgrcv: (td) => this.#msgrcv(td),
    msgctl: (td) => this.#msgctl(td),
    shmget: (td) => this.#shmget(td),
    shmat: (td) => this.#shmat(td),
    shmdt: (td) => this.#shmdt(td),
    shmctl: (td) => this.#shmctl(td),
    memory: (td) => this.#memory(td),
    fork: (td) => void fork(this.k, td),
    exec: (td) => this.#exec(td),
    exit: (td) => exit1(this.k, td, 0),
    wait: (td) => void wait4(this.k, td, -1, this.#dice.below(2), { status: 0 }),
    kill: () => this.#kill(),
    janitor: () => this.#janitor(),
    setcred: (td) => this.#setcred(td),
    create: (td) => this.#create(td),
    modify: (td) => this.#modify(td),
    remove: (td) => this.#remove(td),
    attach: (td) => void jailAttach(this.k, td, this.#prison().pr_id),
    module: (td) => this.#module(td),
    sysctl: () => this.#sysctl(),
    clock: () => this.#clock(this.#dice.below(1500)),
  };

  /** Most are asleep: the clock moves, somebody dies, others come. */
  #refresh(): void {
    this.#clock(this.#dice.below(300));
    if (this.k.procs.size > MANY)
      psignal(this.k, this.#dice.pick([...this.k.procs.values()]), SIGKILL);
    run(this.k);
    this.#spawn();
  }

  #spawn(): void {
    const uid = this.#dice.pick(UIDS);
    const prison = this.#dice.once(3) ? this.k.prison0 : this.#prison();
    const spec = { uid, gid: uid, prison, comm: "soak" };
    const td = newproc(this.k, spec);
    this.last = `spawn ${td?.p_pid}`;
    if (td !== null) td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
  }

  /** Mostly a jail, at times the host. */
  #prison() {
    return this.#dice.pick([...this.k.prisons]);
  }

  /** As the gate does: a call that is absent is SIGSYS. [COM-30] */
  #present(td: Thread, f: Facility): boolean {
    if (this.k.modules[f].calls) return true;
    if (this.#dice.once(8)) psignal(this.k, td, SIGSYS);
    return false;
  }

  /** An id that is used, or was, or is nonsense. */
  #id(table: IpcTable<IpcPage>): number {
    const ix = this.#dice.below(table.slots.length + 1);
    const seq = table.seq[ix] ?? 1;
    return ((this.#dice.once(20) ? seq - 1 : seq) << 16) | ix;
  }

  #flags(): number {
    const { pick, once } = bound(this.#dice);
    return pick(MODES) | (once(6) ? 0 : IPC_CREAT) | (once(6) ? IPC_EXCL : 0);
  }

  #semget(td: Thread): void {
    if (!this.#present(td, "sem")) return;
    semget(this.k, td, this.#dice.pick(KEYS), this.#dice.below(7), this.#flags());
  }

  #semop(td: Thread): void {
    if (!this.#present(td, "sem")) return;
    const id = this.#id(this.k.sem) as Semid;
    const nsems = this.k.sem.at(id)?.page.nsems ?? 1;
    const count = this.#dice.below(5);
    const sops = Array.from({ length: count }, (): Sembuf => this.#sop(nsems));
    semop(this.k, td, id, this.#dice.once(50) ? null : vector(sops), count);
  }

  #sop(nsems: number): Sembuf {
    const { below, once } = bound(this.#dice);
    const flags = (once(2) ? SEM_UNDO : 0) | (once(3) ? IPC_NOWAIT : 0);
    const op = once(60) ? 30_000 : below(6) - 2;
    return [once(60) ? nsems : below(nsems), op, flags];
  }

  #semctl(td: Thread): void {
    if (!this.#present(td, "sem")) return;
    const { below, pick, once } = bound(this.#dice);
    const id = this.#id(this.k.sem);
    const cmd = once(20) ? IPC_RMID : pick([IPC_SET, IPC_STAT, ...SEM_CMDS]);
    const buf = semidDs();
    Object.assign(buf.sem_perm, { uid: pick(UIDS), gid: 0, mode: pick(MODES) });
    const array = new Uint16Array(8).map(() => below(once(9) ? 40_000 : 4));
    semctl(this.k, td, cmd === SEM_STAT ? id & 0xffff : id, below(6), cmd, {
      val: below(4),
      buf: once(30) ? null : buf,
      array: once(30) ? null : array,
    });
  }

  #msgget(td: Thread): void {
    if (this.#present(td, "msg")) msgget(this.k, td, this.#dice.pick(KEYS), this.#flags());
  }

  #msgsnd(td: Thread): void {
    if (!this.#present(td, "msg")) return;
    const { below, once } = bound(this.#dice);
    const msg = { mtype: once(30) ? 0 : 1 + below(4), mtext: once(30) ? null : TEXT };
    const size = once(40) ? -1 : below(60);
    const flags = once(3) ? IPC_NOWAIT : 0;
    msgsnd(this.k, td, this.#id(this.k.msg.table), once(50) ? null : msg, size, flags);
  }

  #msgrcv(td: Thread): void {
    if (!this.#present(td, "msg")) return;
    const { below, once } = bound(this.#dice);
    const msg = { mtype: 0, mtext: once(30) ? null : new Uint8Array(64) };
    const flags = (once(3) ? IPC_NOWAIT : 0) | (once(2) ? MSG_NOERROR : 0);
    const id = this.#id(this.k.msg.table);
    msgrcv(this.k, td, id, once(50) ? null : msg, below(64), below(7) - 3, flags);
  }

  #msgctl(td: Thread): void {
    if (!this.#present(td, "msg")) return;
    const { below, pick, once } = bound(this.#dice);
    const ds = msqidDs();
    Object.assign(ds.msg_perm, { uid: pick(UIDS), gid: 0, mode: pick(MODES) });
    ds.msg_qbytes = below(130);
    const cmd = once(12) ? IPC_RMID : pick([IPC_SET, IPC_STAT, 9]);
    msgctl(this.k, td, this.#id(this.k.msg.table), cmd, once(30) ? null : ds);
  }

  #shmget(td: Thread): void {
    if (!this.#present(td, "shm")) return;
    const size = this.#dice.below(6 * PAGE_SIZE);
    shmget(this.k, td, this.#dice.pick(KEYS), size, this.#flags());
  }

  #shmat(td: Thread): void {
    if (!this.#present(td, "shm")) return;
    const { below, once } = bound(this.#dice);
    const fixed = FIXED + below(10) * PAGE_SIZE + (once(5) ? 8 : 0);
    const flags = (once(4) ? SHM_RDONLY : 0) | (once(3) ? SHM_REMAP : 0) | (once(3) ? SHM_RND : 0);
    shmat(this.k, td, this.#id(this.k.shm.table), once(2) ? 0 : fixed, flags);
  }

  /** An attach of its own, or any address. */
  #address(td: Thread): number {
    const own = (td.p_vmspace?.vm_shm ?? []).filter((entry) => entry !== null);
    if (own.length === 0 || this.#dice.once(5)) return FIXED + this.#dice.below(10) * PAGE_SIZE;
    return this.#dice.pick(own).va;
  }

  #shmdt(td: Thread): void {
    if (this.#present(td, "shm")) shmdt(this.k, td, this.#address(td));
  }

  #shmctl(td: Thread): void {
    if (!this.#present(td, "shm")) return;
    const { pick, once } = bound(this.#dice);
    const ds = shmidDs();
    Object.assign(ds.shm_perm, { uid: pick(UIDS), gid: 0, mode: pick(MODES) });
    const cmd = once(6) ? IPC_RMID : pick([IPC_SET, IPC_STAT, 11]);
    shmctl(this.k, td, this.#id(this.k.shm.table), cmd, once(30) ? null : ds);
  }

  /** What is written can be read back. */
  #memory(td: Thread): void {
    const at = this.#address(td) + this.#dice.below(2) * (PAGE_SIZE - 4);
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, this.#dice.below(256));
    if (!vmWrite(td, at, bytes)) return;
    const read = vmRead(td, at, bytes.length);
    if (read?.join() !== bytes.join()) throw new Error(`wrote ${bytes}, read ${read}`);
  }

  #exec(td: Thread): void {
    exec(this.k, td, "soak");
    td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
  }

  #kill(): void {
    const td = this.#dice.pick([...this.k.procs.values()]);
    psignal(this.k, td, this.#dice.once(5) ? SIGKILL : SIGNALS.SIGUSR1);
    td.p_siglist = 0;
    const other = this.#dice.pick([...this.k.procs.values()]);
    if (other.p_state === RUNNING) kill(this.k, other, td.p_pid, 0);
  }

  /** Root of the host removes an object, whose jail may be dying. */
  #janitor(): void {
    const { k } = this;
    const f = this.#dice.pick(FACILITIES);
    const root = newproc(k, { uid: 0, gid: 0, prison: k.prison0, comm: "ipcrm" });
    if (root === null) return;
    if (!k.modules[f].calls) this.#stuck();
    else if (f === "sem") semctl(k, root, this.#id(k.sem), 0, IPC_RMID, NO_ARG);
    else if (f === "shm") shmctl(k, root, this.#id(k.shm.table), IPC_RMID, null);
    else msgctl(k, root, this.#id(k.msg.table), IPC_RMID, null);
    exit1(k, root, 0);
  }

  /** Queues without calls go by jail teardown alone; the host's would stay for ever. [MSG-73] */
  #stuck(): void {
    if (this.k.modules.msg.loaded) cleanup(this.k, "msg", this.k.prison0);
  }

  #setcred(td: Thread): void {
    const uid = this.#dice.pick(UIDS);
    setcred(this.k, td, uid, uid, [this.#dice.pick(UIDS)], this.#dice.once(2));
  }

  #jailParams(): JailParams {
    const { below, once, pick } = bound(this.#dice);
    const params: Record<string, number | boolean> = {};
    for (const f of FACILITIES) if (once(2)) params[`sysv${f}`] = pick(JAILSYS);
    if (once(4)) params["allow.sysvipc"] = once(2);
    if (once(6)) params["children.max"] = below(6);
    if (once(12)) params["allow.suser"] = !once(3);
    return params;
  }

  /** By a process of any jail, or from outside. */
  #create(td: Thread): void {
    const { below, once } = bound(this.#dice);
    const above = once(2) ? this.#prison().pr_name : "0";
    const name = (above === "0" ? "" : `${above}.`) + "abcd"[below(4)];
    const params: JailParams = { ...this.#jailParams(), name, "children.max": below(6) };
    const by = once(2) ? td : null;
    const attach = by !== null && once(3);
    const persist = attach ? once(2) : true;
    const jid = once(8) ? { jid: 1 + below(30) } : {};
    const flags = JAIL_CREATE | (attach ? JAIL_ATTACH : 0) | (once(8) ? JAIL_UPDATE : 0);
    jailSet(this.k, by, { ...params, persist, ...jid }, flags, { errmsg: "" });
  }

  #modify(td: Thread): void {
    const { below, once } = bound(this.#dice);
    const { pr_id, pr_name } = this.#prison();
    const above = pr_name.includes(".") ? pr_name.slice(0, pr_name.lastIndexOf(".") + 1) : "";
    const renamed = once(6) ? { name: `${above}${"abcd"[below(4)]}` } : {};
    const persist = once(6) ? { persist: once(2) } : {};
    const params = { jid: pr_id, ...this.#jailParams(), ...renamed, ...persist };
    jailSet(this.k, once(3) ? td : null, params, JAIL_UPDATE, { errmsg: "" });
  }

  #remove(td: Thread): void {
    jailRemove(this.k, this.#dice.once(3) ? td : null, this.#prison().pr_id);
  }

  /** All that were away are back, then one may go; at times its objects go before. */
  #module(td: Thread): void {
    const { k } = this;
    const { once, pick } = bound(this.#dice);
    for (const f of FACILITIES) kldload(k, null, `sysv${f}`);
    const f = pick(FACILITIES);
    if (once(2)) for (const pr of k.prisons) cleanup(k, f, pr);
    run(k);
    if (td.p_state === RUNNING && once(2)) kldunload(k, once(2) ? td : null, `sysv${f}`);
  }

  #sysctl(): void {
    const { below, pick, once } = bound(this.#dice);
    const [name, value] = pick([
      ["semvmx", once(2) ? 32_767 : below(20)],
      ["semaem", once(2) ? 16_384 : below(6)],
      ["shm_allow_removed", below(2)],
      ["shmall", 10 + below(60)],
    ] as const);
    sysctlWrite(this.k, null, `kern.ipc.${name}`, value);
  }

  #clock(ms: number): void {
    const until = this.k.nowMs + ms;
    for (let at = nextDeadline(this.k); at <= until; at = nextDeadline(this.k)) {
      tick(this.k, at);
      run(this.k);
    }
    tick(this.k, until);
  }

  /** Everything goes: processes, jails, and what they have left behind. */
  tearDown(): void {
    const { k } = this;
    this.last = "tear down";
    for (const td of [...k.procs.values()]) psignal(k, td, SIGKILL);
    run(k);
    for (const pr of [...k.prisons]) jailRemove(k, null, pr.pr_id);
    run(k);
    const root = newproc(k, { uid: 0, gid: 0, prison: k.prison0, comm: "sh" })!;
    for (const f of FACILITIES) {
      if (!k.modules[f].loaded && kldload(k, null, `sysv${f}`) !== OK) throw new Error(f);
    }
    const { sem, shm, msg } = k;
    sysctlWrite(k, null, "kern.ipc.shm_allow_removed", 1);
    for (const id of idsOf(sem)) semctl(k, root, id, 0, IPC_RMID, NO_ARG);
    for (const id of idsOf(shm.table)) shmctl(k, root, id, IPC_RMID, null);
    for (const id of idsOf(msg.table)) msgctl(k, root, id, IPC_RMID, null);
    exit1(k, root, 0);
    run(k);
  }
}

const SEM_CMDS = [GETALL, GETNCNT, GETVAL, SEM_STAT, SETALL, SETVAL, SETVAL, 99];
const JAILSYS = [JAIL_SYS_NEW, JAIL_SYS_NEW, JAIL_SYS_INHERIT, JAIL_SYS_INHERIT, JAIL_SYS_DISABLE];
const NO_ARG = { val: 0, buf: null, array: null };
const TEXT = new Uint8Array(64).fill(7);

const idsOf = <P extends IpcPage>(table: IpcTable<P>): number[] =>
  table.slots.flatMap((object) => (object === null ? [] : [table.idOf(object)]));

/** The methods of a dice as functions. */
const bound = (dice: Dice) => ({
  below: (count: number) => dice.below(count),
  once: (times: number) => dice.once(times),
  pick: <T>(from: readonly T[]) => dice.pick(from),
});

/** How often each is done. */
const WEIGHTS = [
  ["semget", 20],
  ["semop", 100],
  ["semctl", 16],
  ["msgget", 20],
  ["msgsnd", 70],
  ["msgrcv", 70],
  ["msgctl", 9],
  ["shmget", 20],
  ["shmat", 30],
  ["shmdt", 15],
  ["shmctl", 12],
  ["memory", 10],
  ["fork", 20],
  ["exec", 2],
  ["exit", 5],
  ["wait", 12],
  ["kill", 8],
  ["janitor", 16],
  ["setcred", 5],
  ["create", 10],
  ["modify", 5],
  ["remove", 2],
  ["attach", 4],
  ["module", 3],
  ["sysctl", 2],
  ["clock", 8],
] as const;
type ActName = (typeof WEIGHTS)[number][0];
const TOTAL = WEIGHTS.reduce((total, [, weight]) => total + weight, 0);
