/**
 * Each call under a model, made by callers in several places: what docs/models.md says of it is held
 * to this. The places are the same in all models, as far as a model has them:
 *
 *   host   jail0
 *   n      name spaces of its own, path /jails/n     n.x  the same, a jail in n
 *   s      name spaces of its own, path /jails/n     i    shares with the host
 */
import { ENOSYS, type Errno, errnoName, OK } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_NOWAIT, IPC_STAT } from "@jailyard/abi/ipc";
import type { JailParams } from "@jailyard/abi/jail";
import { msqidDs } from "@jailyard/abi/msg";
import { semidDs } from "@jailyard/abi/sem";
import { shmidDs } from "@jailyard/abi/shm";
import { AF_UNIX, SOCK_NONBLOCK, SOCK_STREAM } from "@jailyard/abi/socket";
import { FACILITIES, type Key, type Semid } from "@jailyard/abi/types";
import { close } from "@jailyard/kernel/filedesc";
import { ipcnsCreate, ipcnsEnter, ipcnsList, ipcnsRmid } from "@jailyard/kernel/ipcnscall";
import { type JailGetOut, jailAttach, jailGet, jailRemove } from "@jailyard/kernel/jail";
import { type Kernel, run } from "@jailyard/kernel/kernel";
import { kldload, kldunload } from "@jailyard/kernel/kld";
import { LATE_LOADS, type LateLoad } from "@jailyard/kernel/lateload";
import { listing } from "@jailyard/kernel/listing";
import type { ModelCall, ModelName } from "@jailyard/kernel/model";
import { msgrcv, msgsnd } from "@jailyard/kernel/msg";
import { msgctl, msgget } from "@jailyard/kernel/msgctl";
import { unlink } from "@jailyard/kernel/namei";
import { prisonFind } from "@jailyard/kernel/prison";
import { semop } from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import { shmat, shmdt, shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import { sysctlRead } from "@jailyard/kernel/sysctl";
import type { Thread } from "@jailyard/kernel/thread";
import { accept, bind, connect, listen, recv, send, socket } from "@jailyard/kernel/unix";
import { create, makeSet, update } from "./jail.ts";
import { bench, exit, fork, jail, ok, process } from "./kernel.ts";
import { vector } from "./semset.ts";

const PLACES = ["host", "n", "n.x", "s", "i"] as const;
type Place = (typeof PLACES)[number];

interface World {
  readonly k: Kernel;
  readonly at: Readonly<Record<Place, Thread>>;
}

const sysv = (value: number): JailParams => ({ sysvmsg: value, sysvsem: value, sysvshm: value });

function world(model: ModelName): World {
  const { k } = bench({ model, sysvipc_allowed: true });
  const has = k.model.jailsys !== null;
  const [own, shared] = has ? [sysv(1), sysv(2)] : [{}, {}];
  const inJail = (name: string, params: JailParams): Thread =>
    process(k, { prison: jail(k, name, params) });
  const n = inJail("n", { path: "/jails/n", "children.max": 1, ...own });
  const x = inJail("n.x", { path: "/jails/n/x", ...own });
  const s = inJail("s", { path: "/jails/n", ...own });
  const i = inJail("i", { path: "/jails/i", ...shared });
  return { k, at: { host: process(k), n, "n.x": x, s, i } };
}

const KEY = 77 as Key;
const FLAGS = IPC_CREAT | 0o600;

type Outcome = unknown;
const outcome = (td: Thread, error: Errno): Outcome =>
  error === OK ? td.td_retval : errnoName(error);

/** The call by each, in turn. */
function each({ at }: World, call: (td: Thread) => Outcome): Outcome {
  return PLACES.map((place) => call(at[place]));
}

/** One object made in each place, keys apart; then the call by each on each. */
function onEach(
  w: World,
  make: (td: Thread, key: Key) => Errno,
  call: (td: Thread, id: number) => Outcome,
): Outcome {
  const ids = PLACES.map((place, at) => ok(w.at[place], make(w.at[place], (100 + at) as Key)));
  return each(w, (td) => ids.map((id) => call(td, id)));
}

const makers = {
  sem: (k: Kernel) => (td: Thread, key: Key) => semget(k, td, key, 1, FLAGS),
  shm: (k: Kernel) => (td: Thread, key: Key) => shmget(k, td, key, 4096, FLAGS),
  msg: (k: Kernel) => (td: Thread, key: Key) => msgget(k, td, key, FLAGS),
};

function statSem(k: Kernel, td: Thread, id: number): Outcome {
  const buf = semidDs();
  const error = semctl(k, td, id, 0, IPC_STAT, { val: 0, buf, array: null });
  return [errnoName(error), error === OK ? buf.sem_perm.key : null];
}

function statShm(k: Kernel, td: Thread, id: number): Outcome {
  const buf = shmidDs();
  const error = shmctl(k, td, id, IPC_STAT, buf);
  return [errnoName(error), error === OK ? buf.shm_perm.key : null];
}

function statMsg(k: Kernel, td: Thread, id: number): Outcome {
  const buf = msqidDs();
  const error = msgctl(k, td, id, IPC_STAT, buf);
  return [errnoName(error), error === OK ? buf.msg_perm.key : null];
}

/** Into the name space of jail n, however it is called; true if the model has such a thing. */
function enterN(k: Kernel, td: Thread): boolean {
  return ["n", "/jails/n"].some((name) => ipcnsEnter(k, td, "sem", name) === OK);
}

const text = () => ({ mtype: 1, mtext: new Uint8Array(1) });

/** A jail that a load finds, plain and with allow.sysvipc: none, shared, own, by policy. */
function lateLoads(model: ModelName): Outcome {
  const found = (lateLoad: LateLoad): string[] => {
    const { k } = bench({ model, lateLoad, modules: [] });
    const jails = [{}, { "allow.sysvipc": true }].map((params, at) =>
      jail(k, `j${at}`, { path: `/jails/j${at}`, ...params }),
    );
    kldload(k, null, "sysvsem");
    const ofHost = makeSet(k, process(k));
    return jails.map((prison) => {
      const td = process(k, { prison });
      if (semget(k, td, KEY, 1, 0) === ENOSYS) return "none";
      return (statSem(k, td, ofHost) as string[])[0] === "OK" ? "shared" : "own";
    });
  };
  return LATE_LOADS.map(found);
}

/** The call by each, on a socket that listens in each place by one name. */
function onSockets(w: World, call: (td: Thread, listener: number) => Outcome): Outcome {
  const { k } = w;
  const fds = PLACES.map((place) => {
    const td = w.at[place];
    const fd = ok(td, socket(k, td, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const bound = errnoName(bind(k, td, fd, SOCKET));
    return [fd, bound, errnoName(listen(k, td, fd, 5))] as const;
  });
  return PLACES.map((place, at) => [fds[at], call(w.at[place], fds[at][0])]);
}

/** A connection of a process to whatever listens by the name where it is; -1 if nothing does. */
function connected({ k }: World, td: Thread): number {
  const fd = ok(td, socket(k, td, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  return connect(k, td, fd, SOCKET) === OK ? fd : -1;
}

const SOCKET = "/tmp/mysql.sock";

const PROBES: Readonly<Record<ModelCall, (w: World, model: ModelName) => Outcome>> = {
  semget: (w) => each(w, (td) => outcome(td, semget(w.k, td, KEY, 1, FLAGS))),
  semop: (w) =>
    onEach(w, makers.sem(w.k), (td, id) =>
      outcome(td, semop(w.k, td, id as Semid, vector([[0, 1]]), 1)),
    ),
  semctl: (w) => onEach(w, makers.sem(w.k), (td, id) => statSem(w.k, td, id)),
  shmget: (w) => each(w, (td) => outcome(td, shmget(w.k, td, KEY, 4096, FLAGS))),
  shmat: (w) => onEach(w, makers.shm(w.k), (td, id) => errnoName(shmat(w.k, td, id, 0, 0))),
  shmdt: (w) =>
    each(w, (td) => {
      const id = ok(td, shmget(w.k, td, 0 as Key, 4096, FLAGS));
      const addr = ok(td, shmat(w.k, td, id, 0, 0));
      return [outcome(td, shmdt(w.k, td, addr)), outcome(td, shmdt(w.k, td, addr))];
    }),
  shmctl: (w) => onEach(w, makers.shm(w.k), (td, id) => statShm(w.k, td, id)),
  msgget: (w) => each(w, (td) => outcome(td, msgget(w.k, td, KEY, FLAGS))),
  msgsnd: (w) =>
    onEach(w, makers.msg(w.k), (td, id) => errnoName(msgsnd(w.k, td, id, text(), 1, IPC_NOWAIT))),
  msgrcv: (w) =>
    onEach(w, makers.msg(w.k), (td, id) =>
      errnoName(msgrcv(w.k, td, id, text(), 1, 0, IPC_NOWAIT)),
    ),
  msgctl: (w) => onEach(w, makers.msg(w.k), (td, id) => statMsg(w.k, td, id)),
  ipcs(w) {
    for (const place of PLACES) makeSet(w.k, w.at[place], PLACES.indexOf(place) + 100);
    const seen = each(w, (td) => listing(w.k, td, "sem"));
    return [seen, listing(w.k, w.at.host, "sem", true)];
  },
  fork({ k, at: { host } }) {
    const [before, after] = [makeSet(k, host), makeSet(k, host, 78)];
    const child = fork(k, host);
    return [before, after].map((id) => statSem(k, child, id));
  },
  exit({ k, at: { host } }) {
    enterN(k, host);
    const id = makeSet(k, host);
    for (const jid of [1, 3, 4]) jailRemove(k, null, jid); // n and n.x, s, i
    run(k);
    const held = k.sem.at(id) !== null;
    exit(k, host);
    return [held, k.sem.live];
  },
  jail_set({ k }) {
    const made = create(k, { name: "new", sysvsem: 1 });
    const plain = create(k, { name: "plain" });
    const prison = prisonFind(k, plain.jid!)!;
    const calls = errnoName(semget(k, process(k, { prison }), KEY, 1, 0));
    return [made, plain, calls, update(k, { name: "i", sysvsem: 0 })];
  },
  jail_get({ k }) {
    const out: JailGetOut = { errmsg: "", info: null };
    jail(k, "plain");
    jailGet(k, null, { name: "plain" }, 0, out);
    return FACILITIES.map((f) => out.info![`sysv${f}`]);
  },
  jail_attach({ k, at: { host, n } }) {
    const [mine, theirs] = [makeSet(k, host), makeSet(k, n)];
    ok(host, jailAttach(k, host, 1));
    return [mine, theirs].map((id) => (statSem(k, host, id) as string[])[0]);
  },
  jail_remove(w) {
    const { k, at } = w;
    enterN(k, at.host);
    const ids = (["n", "i"] as const).map((place) => makeSet(k, at[place], 500));
    jailRemove(k, null, 1);
    jailRemove(k, null, 4);
    run(k);
    return ids.map((id) => k.sem.at(id) !== null);
  },
  socket: (w) => each(w, (td) => outcome(td, socket(w.k, td, AF_UNIX, SOCK_STREAM, 0))),
  bind: (w) => onSockets(w, () => null),
  listen: (w) => onSockets(w, (td, fd) => outcome(td, listen(w.k, td, fd, 1))),
  connect: (w) => onSockets(w, (td) => connected(w, td)),
  accept: (w) => onSockets(w, (td, fd) => [connected(w, td), outcome(td, accept(w.k, td, fd))]),
  send: (w) =>
    onSockets(w, (td) => outcome(td, send(w.k, td, connected(w, td), new Uint8Array(3), 0))),
  recv: (w) =>
    onSockets(w, (td, fd) => {
      const own = connected(w, td);
      const sent = outcome(td, send(w.k, td, own, new Uint8Array(3), 0));
      const peer = accept(w.k, td, fd) === OK ? td.td_retval : -1; // who came second has none
      return [sent, outcome(td, recv(w.k, td, peer, new Uint8Array(9), 0))];
    }),
  close: (w) => onSockets(w, (td, fd) => [errnoName(close(w.k, td, fd)), connected(w, td)]),
  unlink: (w) => onSockets(w, (td) => [errnoName(unlink(w.k, td, SOCKET)), connected(w, td)]),
  kldload: (_w, model) => lateLoads(model),
  kldunload(w) {
    const { k, at } = w;
    const id = makeSet(k, at.host);
    const busy = errnoName(kldunload(k, null, "sysvsem"));
    ok(at.host, semctl(k, at.host, id, 0, 0, { val: 0, buf: null, array: null }));
    const unloaded = [kldunload, kldload].map((call) => errnoName(call(k, null, "sysvsem")));
    return [busy, unloaded, each(w, (td) => errnoName(semget(k, td, KEY, 1, 0)))];
  },
  sysctl: (w) => each(w, (td) => sysctlRead(w.k, td, "security.jail.sysvipc_allowed")),
  ipcns_create: ({ k, at: { host } }) => errnoName(ipcnsCreate(k, host, "sem", "pg1")),
  ipcns_enter: ({ k, at: { host } }) => enterN(k, host),
  ipcns_rmid({ k, at: { host, n } }) {
    const id = makeSet(k, n);
    const there = ["n", "/jails/n"].map((name) => errnoName(ipcnsRmid(k, host, "sem", name, id)));
    return [there, k.sem.at(id) !== null];
  },
  ipcns_list: ({ k, at: { host } }) => ipcnsList(k, host).map(({ name }) => name),
};

/** What a call gives in all places, as text to compare. */
export const probe = (model: ModelName, call: ModelCall): string =>
  JSON.stringify(PROBES[call](world(model), model));
