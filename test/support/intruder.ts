/**
 * A jail that has something to hide, and a process that tries every system call there is to find
 * out about it: any number, any words in the frame, any bytes or JSON in the data area, drawn from
 * what would mean something if there were a way in.
 */
import { createHash } from "node:crypto";
import { ESLEEP } from "@jailyard/abi/errno";
import { IPC_CREAT } from "@jailyard/abi/ipc";
import type { JailParams } from "@jailyard/abi/jail";
import { SETALL } from "@jailyard/abi/sem";
import { SIGKILL, SIGNALS, sigmask } from "@jailyard/abi/signal";
import * as sys from "@jailyard/abi/syscall";
import { FACILITIES, type Key, type Msqid, type Semid, type Shmid } from "@jailyard/abi/types";
import { syscall, sysret, type Trapframe, trapframe } from "@jailyard/kernel/dispatch";
import { objectsOf } from "@jailyard/kernel/facility";
import { ipcnsList } from "@jailyard/kernel/ipcnscall";
import { jailGet } from "@jailyard/kernel/jail";
import { run } from "@jailyard/kernel/kernel";
import { kinfoProcs } from "@jailyard/kernel/kinfo";
import { listing } from "@jailyard/kernel/listing";
import type { ModelName } from "@jailyard/kernel/model";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgget } from "@jailyard/kernel/msgctl";
import type { Prison } from "@jailyard/kernel/prison";
import { psignal } from "@jailyard/kernel/proc";
import { rctlAddRule, rctlGetRacct, rctlGetRules } from "@jailyard/kernel/rctl";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmget } from "@jailyard/kernel/shm";
import type { ShmPage } from "@jailyard/kernel/shmpage";
import { sysctlNames, sysctlRead } from "@jailyard/kernel/sysctl";
import { RUNNING, type Thread } from "@jailyard/kernel/thread";
import { bind, listen, socket } from "@jailyard/kernel/unix";
import { GatePage, gateBytes } from "@jailyard/trap/gate";
import { Dice } from "./dice.ts";
import { type Bench, bench, jail, ok, process } from "./kernel.ts";

/** What one jail has that another must not learn; two of them differ in nothing else. */
export interface Secret {
  readonly name: string;
  readonly uid: number;
  readonly key: Key;
  readonly mode: number;
  readonly text: string;
  readonly values: readonly [number, number];
}

export const SECRETS: readonly [Secret, Secret] = [
  { name: "vaulta", uid: 31_337, key: 540_001 as Key, mode: 0o666, text: "aaaa", values: [3, 9] },
  { name: "vaultb", uid: 41_447, key: 640_002 as Key, mode: 0o606, text: "bbbb", values: [8, 2] },
];

/** What the intruder got: errno, results, the data area, and what was posted beside them. */
export type Observation = readonly [sysno: number, errno: number, ...rest: unknown[]];

const SHAPE = { slots: 1, dataBytes: 1024, undoBytes: 0 };
const ZERO = new Uint8Array(SHAPE.dataBytes);
const SYSNOS = Object.entries(sys).flatMap(([name, number]) =>
  name.startsWith("SYS_") && number !== sys.SYS_UNMAPPED ? [number] : [],
);
/** What would end or replace the process again and again is tried, but seldom. */
const RARE = new Set<number>([sys.SYS_exit, sys.SYS_execve, sys.SYS_setcred]);
const FAMILY_MAX = 4;

export class Intrusion {
  readonly bench: Bench;
  readonly victim: Prison;
  readonly #cell: Prison;
  readonly #dice: Dice;
  readonly #numbers: readonly number[];
  readonly #texts: readonly unknown[];
  readonly #arguments: ReadonlyMap<number, Arguments>;
  readonly #host: Thread;
  readonly #uid: number;
  #td: Thread;
  #tf: Trapframe;

  /** `inside`: the intruder is in a jail of its own; else it is root of the host. */
  constructor(model: ModelName, secret: Secret, uid: number, seed: number, inside = true) {
    this.#dice = new Dice(seed);
    this.bench = bench({ model, racct: true, maxproc: 64, sysvipc_allowed: true });
    const { k } = this.bench;
    this.#host = process(k, { comm: "host" });
    this.victim = this.#jail(model, secret.name);
    const ids = this.#hide(secret);
    this.#cell = inside ? this.#jail(model, "cell") : k.prison0;
    this.#uid = uid;
    this.#td = this.#enter();
    this.#tf = this.#frame();
    k.hooks = {
      ...k.hooks,
      complete: (td, error) => td === this.#td && sysret(k, this.#tf, error),
    };
    this.#numbers = numbersOf(ids, this.victim.pr_id);
    const texts = textsOf(this.victim.pr_id, ids.pid);
    this.#texts = Object.values(texts).flat();
    this.#arguments = argumentsOf(ids, this.victim.pr_id, texts);
  }

  #jail(model: ModelName, name: string): Prison {
    const own = { sysvmsg: 1, sysvsem: 1, sysvshm: 1 };
    const keyed = model === "jail-keyed" || model === "disjoint";
    const rest: JailParams = { path: `/jails/${name}`, "host.hostname": name, "children.max": 3 };
    return jail(this.bench.k, name, { ...rest, ...(keyed ? own : {}) });
  }

  /** Objects, processes, a socket and rules; every one of them open to all by its mode bits. */
  #hide({ name, uid, key, mode, text, values }: Secret) {
    const { k } = this.bench;
    const td = process(k, { uid, gid: uid, prison: this.victim, comm: name });
    const asleep = process(k, { uid, gid: uid, prison: this.victim, comm: name });
    const flags = IPC_CREAT | mode;
    const sem = ok(td, semget(k, td, key, 2, flags)) as Semid;
    const array = Uint16Array.from(values);
    ok(td, semctl(k, td, sem, 0, SETALL, { val: 2, buf: null, array }));
    const shm = ok(td, shmget(k, td, key, 4096, flags)) as Shmid;
    ok(td, shmat(k, td, shm, 0, 0));
    new Uint8Array(this.#segment(shm).data).fill(values[0]);
    const msq = ok(td, msgget(k, td, key, flags)) as Msqid;
    const mtext = new TextEncoder().encode(text);
    ok(td, msgsnd(k, td, msq, { mtype: values[0], mtext }, mtext.length, 0));
    const wanted = { mtype: 0, mtext: new Uint8Array(8) };
    if (msgrcv(k, asleep, msq, wanted, 8, 99, 0) !== ESLEEP) throw new Error("nobody sleeps");
    const fd = ok(td, socket(k, td, 1, 1, 0));
    ok(td, bind(k, td, fd, `/${name}.sock`));
    ok(td, listen(k, td, fd, 2));
    ok(this.#host, rctlAddRule(k, this.#host, `jail:${name}:nsem:deny=${values[0] + 9}`));
    return { sem, shm, msq, key, uid, pid: td.p_pid };
  }

  #segment(id: Shmid): ShmPage {
    return this.bench.k.shm.table.at(id)!.page as ShmPage;
  }

  #enter(): Thread {
    const uid = this.#uid;
    const td = process(this.bench.k, { uid, gid: uid, prison: this.#cell, comm: "intruder" });
    td.p_sigcatch = sigmask(SIGNALS.SIGUSR1);
    return td;
  }

  #frame(): Trapframe {
    const page = new GatePage(new SharedArrayBuffer(gateBytes(SHAPE)), SHAPE);
    return trapframe(this.#td, page.frame(0), 8);
  }

  /** One call, whatever comes of it. */
  step(): Observation {
    const { k } = this.bench;
    const sysno = this.#sysno();
    this.#fill(sysno);
    let error = syscall(k, this.#tf, sysno);
    if (error === ESLEEP) {
      this.bench.ended.delete(this.#td);
      psignal(k, this.#td, SIGNALS.SIGUSR1);
      this.#td.p_siglist = 0;
      run(k);
      error = ESLEEP;
    }
    run(k);
    const { a, u8 } = this.#tf.frame;
    const bulk = this.#tf.bulk;
    this.#tf.bulk = undefined;
    const posted = bulk instanceof SharedArrayBuffer ? [...new Uint8Array(bulk)] : bulk;
    const seen: Observation = [
      ...([sysno, error] as const),
      [...a].map(String),
      Buffer.from(u8).toString("latin1").replace(/\0+$/, ""),
      JSON.stringify(posted),
    ];
    this.#goOn();
    return seen;
  }

  #sysno(): number {
    if (this.#dice.once(50)) return this.#dice.below(1100);
    const sysno = this.#dice.pick(SYSNOS);
    return RARE.has(sysno) && !this.#dice.once(10) ? sys.SYS_getpid : sysno;
  }

  /** Mostly words of the kind that the call takes, and at times any; so with what lies beside them. */
  #fill(sysno: number): void {
    const { frame } = this.#tf;
    const dice = this.#dice;
    const { words, texts } = this.#arguments.get(sysno) ?? {};
    frame.u8.set(ZERO);
    for (let i = 0; i < frame.a.length; i++) {
      const kind = dice.once(5) ? undefined : words?.[i];
      frame.a[i] = dice.pick(kind ?? this.#numbers);
    }
    if (texts !== undefined || dice.once(4)) {
      const value = dice.pick(texts === undefined || dice.once(4) ? this.#texts : texts);
      const bytes = new TextEncoder().encode(JSON.stringify(value));
      frame.u8.set(bytes);
      frame.a[0] = bytes.length;
    } else if (sysno !== sys.SYS_semop) frame.f64[0] = dice.pick([1, 2, 0, -1]);
    else for (let i = 0; i < 9; i++) frame.i16[i] = dice.pick([0, 1, 0, 1, 0o4000, -1, 2]);
  }

  /** Whoever has ended, or sleeps still, is followed by another; a family does not grow. */
  #goOn(): void {
    const { k } = this.bench;
    const mine = [...k.procs.values()].filter(({ p_comm }) => p_comm === "intruder");
    for (const td of mine) {
      if (td !== this.#td && mine.length > FAMILY_MAX) psignal(k, td, SIGKILL);
    }
    run(k);
    const lives = k.procs.get(this.#td.p_pid) === this.#td && this.#td.p_state === RUNNING;
    if (lives && !this.#dice.once(500)) return;
    if (k.procs.get(this.#td.p_pid) === this.#td) psignal(k, this.#td, SIGKILL);
    run(k);
    this.#td = this.#enter();
    this.#tf = this.#frame();
  }

  /** All that the host knows of the victim, to the byte. */
  treasure(): string {
    const { k } = this.bench;
    const { pr_id: jid, pr_name: name } = this.victim;
    const lists = FACILITIES.map((f) =>
      listing(k, this.#host, f, true).filter(({ owner }) => owner?.jid === jid),
    );
    const pages = FACILITIES.flatMap((f) =>
      [...objectsOf(k, f)].filter(({ cred }) => cred.cr_prison === this.victim),
    ).map(({ page }) => [digest(page.buffer), digest((page as Partial<ShmPage>).data)]);
    const info: Parameters<typeof jailGet>[4] = { errmsg: "", info: null };
    jailGet(k, this.#host, { jid }, 0, info);
    const [racct, rules]: [unknown[], string[]] = [[], []];
    rctlGetRacct(k, this.#host, `jail:${name}`, racct as never);
    rctlGetRules(k, this.#host, "", rules);
    const procs = kinfoProcs(k, this.#host).filter((proc) => proc.jid === jid);
    const limits = sysctlNames(k).map((one) => [one, sysctlRead(k, this.#host, one)]);
    const spaces = ipcnsList(k, this.#host).filter((space) => space.name === name);
    const fixed = limits.filter(([one]) => one !== "security.jail.children.cur");
    return JSON.stringify({ lists, pages, info, racct, rules, procs, fixed, spaces });
  }
}

const digest = (buffer: SharedArrayBuffer | undefined): string =>
  buffer === undefined ? "" : createHash("sha1").update(new Uint8Array(buffer)).digest("hex");

type Ids = { sem: number; shm: number; msq: number; key: number; uid: number; pid: number };

/** Both secrets are in both worlds' hands. */
function numbersOf({ sem, shm, msq, pid }: Ids, jid: number): number[] {
  const named = SECRETS.flatMap(({ key, uid, values }) => [key, uid, ...values]);
  const small = [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, -1, -2];
  const flags = [IPC_CREAT | 0o666, IPC_CREAT | 0o3600, 0o4000, 0o14000, 0x1000];
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, -(2 ** 31), 2 ** 53, 0.5, 65_535];
  const ids = [sem, shm, msq, pid, pid + 1, jid, jid + 1, 4096, 100, 101];
  return [...named, ...small, ...flags, ...odd, ...ids];
}

/** What a call may take: kinds of its words, and of the text or record in the data area. */
interface Arguments {
  readonly words: readonly (readonly number[] | undefined)[];
  readonly texts?: readonly unknown[] | undefined;
}

type Texts = ReturnType<typeof textsOf>;

function argumentsOf(
  { sem, shm, msq, pid }: Ids,
  jid: number,
  texts: Texts,
): Map<number, Arguments> {
  const keys = [...SECRETS.map(({ key }) => key), 0, 7];
  const flags = [IPC_CREAT | 0o666, 0, 0o666, IPC_CREAT | 0o3600];
  /** The hidden one, and those that come after it. */
  const ids = (id: number): number[] => [id, id + 1, id + 2, (2 << 16) | 1, (2 << 16) | 2];
  const pointer = [1, 1, 0];
  const small = [0, 1, 2];
  const commands = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  const pids = [pid, pid + 1, pid + 2, pid + 3, -1];
  const jids = [jid, jid + 1, jid + 2, jid + 3, 0];
  const fds = [0, 1, 2, 3];
  const numbers: readonly [number, ...Arguments["words"]][] = [
    [sys.SYS_semget, keys, [1, 2, 0], flags],
    [sys.SYS_semop, ids(sem), pointer, small],
    [sys.SYS_semctl, ids(sem), small, commands, pointer, small],
    [sys.SYS_msgget, keys, flags],
    [sys.SYS_msgsnd, ids(msq), pointer, [0, 4, 9], [0, 0o4000]],
    [sys.SYS_msgrcv, ids(msq), pointer, [0, 4, 64], [0, 1, 3, -2], [0o14000, 0o4000, 0]],
    [sys.SYS_msgctl, ids(msq), commands, pointer],
    [sys.SYS_shmget, keys, [0, 4096, 4096], flags],
    [sys.SYS_shmat, ids(shm), [0], [0, 0o10000]],
    [sys.SYS_shmdt, [0x1000000, 0]],
    [sys.SYS_shmctl, ids(shm), commands, pointer],
    [sys.SYS_kill, pids, [0, 9, 15]],
    [sys.SYS_wait4, pids, small],
    [sys.SYS_jail_attach, jids],
    [sys.SYS_jail_remove, jids],
    [sys.SYS_ipcs, small, small],
    [sys.SYS_socket, [1], [1], [0]],
    [sys.SYS_listen, fds, small],
    [sys.SYS_accept, fds],
    [sys.SYS_sendto, fds, [1, 9], [0, 0x80]],
    [sys.SYS_recvfrom, fds, [1, 9], [0x80, 0]],
    [sys.SYS_close, fds],
  ];
  const { paths, rules, params, names, credentials, sysctls, files } = texts;
  const written: readonly [number, readonly unknown[], ...Arguments["words"]][] = [
    [sys.SYS_jail_set, params, undefined, [1, 2, 3, 5]],
    [sys.SYS_jail_get, params, undefined, [0, 8]],
    [sys.SYS_bind, paths, undefined, fds],
    [sys.SYS_connect, paths, undefined, fds],
    [sys.SYS_unlink, paths],
    [sys.SYS_setcred, credentials],
    [sys.SYS_sysctl, sysctls],
    [sys.SYS_sysctlabout, sysctls.map(({ name }) => name)],
    [sys.SYS_kldload, files],
    [sys.SYS_kldunload, files],
    [sys.SYS_label, names, undefined, [1, 0], ids(sem), small],
    [sys.SYS_ipcns_create, names, undefined, small],
    [sys.SYS_ipcns_enter, [...names, ...paths], undefined, small],
    [sys.SYS_ipcns_rmid, [...names, ...paths], undefined, small, ids(sem)],
    [sys.SYS_rctl_add_rule, rules],
    [sys.SYS_rctl_remove_rule, rules],
    [sys.SYS_rctl_get_rules, rules],
    [sys.SYS_rctl_get_limits, rules],
    [sys.SYS_rctl_get_racct, rules],
  ];
  return new Map([
    ...numbers.map(([sysno, ...words]) => [sysno, { words }] as const),
    ...written.map(([sysno, of, ...words]) => [sysno, { words, texts: of }] as const),
  ]);
}

function textsOf(jid: number, pid: number) {
  const each = <T>(of: (secret: Secret) => readonly T[]): T[] => SECRETS.flatMap(of);
  const own = { persist: true, sysvmsg: 2, sysvsem: 1 };
  return {
    paths: [
      ...each(({ name }) => [`/${name}.sock`, `/../${name}/${name}.sock`, `/jails/${name}`]),
      ...["/own.sock", "/", "..", "", "/../cell/own.sock"],
    ],
    rules: [
      ...each(({ name }) => [`jail:${name}`, `jail:${name}:nsem:deny=1`, `jail:cell.${name}`]),
      ...each(({ uid }) => [`user:${uid}`, `user:${uid}:nshm:deny=0`, `:${uid}`]),
      ...["", `process:${pid}`, `process:${pid}:nsem:deny=0`, "jail:cell", "jail::nsem"],
    ],
    params: [
      ...each<JailParams>(({ name }) => [
        ...[{ name }, { name, persist: false }, { name, sysvsem: 0 }, { name, sysvshm: 2 }],
        ...[{ name, persist: true, path: "/" }, { name: `../${name}` }],
        { name: `cell.${name}`, persist: true, path: `/jails/${name}`, sysvsem: 1 },
        { name: "kid", ...own, path: `/../${name}`, "host.hostname": name },
        { jid, name, "host.hostname": "taken" },
      ]),
      ...[{ jid }, { jid: 0 }, { lastjid: 0 }, { lastjid: jid - 1 }, { name: "kid" }],
      ...[
        { jid, persist: false },
        { jid, sysvsem: 0, sysvshm: 0, sysvmsg: 0 },
      ],
      ...[
        { jid: jid + 7, persist: true },
        { jid, "allow.sysvipc": true, "children.max": 0 },
      ],
      ...[{ name: "kid", ...own }, { name: "plain", persist: true }, { name: "plain" }],
    ],
    names: [...each(({ name }) => [name, `0/${name}`, `${name}/x`, `cell/${name}`]), "x", "0", ""],
    credentials: [
      ...each(({ uid }) => [
        { uid, gid: uid, groups: [uid] },
        { uid: 0, gid: uid, groups: [] },
      ]),
      { uid: "x", gid: {}, groups: [{}, null] },
    ],
    sysctls: [
      ...each(({ key }) => [{ name: "kern.ipc.shmmax", value: key as number }]),
      ...["security.jail.jailed", "security.jail.children.cur", "kern.ipc.sema", "__proto__"].map(
        (name) => ({ name }),
      ),
      { name: "security.jail.sysvipc_allowed", value: 1 },
      { name: "kern.ipc.semvmx", value: 1 },
      { name: "debug.kdb.panic", value: 1 },
    ],
    files: ["sysvsem", "sysvshm.ko", "kernel", "/boot/../sysvmsg", ""],
    odd: [
      null,
      [],
      {},
      7,
      true,
      { toString: "x" },
      { name: {} },
      [[]],
      { jid: "x" },
      { uid: null },
    ],
  };
}
