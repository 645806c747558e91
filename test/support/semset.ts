/** A semaphore set and one who uses it, as a test of semop(2) wants them. */
import type { Errno } from "@jailyard/abi/errno";
import { IPC_PRIVATE, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  SETALL,
  SETVAL,
  type Sembuf,
  type SemidDs,
  type Semun,
  sembufs,
  semidDs,
} from "@jailyard/abi/sem";
import type { Semid } from "@jailyard/abi/types";
import * as sem from "@jailyard/kernel/sem";
import { semctl, semget } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";
import { ok } from "./calls.ts";
import { type Bench, process } from "./kernel.ts";

export interface Semset {
  readonly id: Semid;
  readonly owner: Thread;
  /** semop(2) by the owner, or by another. */
  semop(...sops: Sembuf[]): Errno;
  semopBy(td: Thread, ...sops: Sembuf[]): Errno;
  ctl(td: Thread, cmd: number, semnum?: number, arg?: Partial<Semun>): Errno;
  getall(): number[];
  getval(num: number): number;
  getpid(num: number): number;
  getncnt(num: number): number;
  getzcnt(num: number): number;
  setval(num: number, val: number): Errno;
  setall(values: readonly number[]): Errno;
  stat(): SemidDs;
  chmod(mode: number): void;
  remove(): Errno;
}

export function vector(sops: readonly Sembuf[]) {
  const out = sembufs(sops.length);
  sops.forEach(([num, op, flg = 0], i) => {
    out.sem_num[i] = num;
    out.sem_op[i] = op;
    out.sem_flg[i] = flg;
  });
  out.count = sops.length;
  return out;
}

/** A set of a user 1001 with these values; everything the caller asks of it goes to the kernel. */
export function semset(b: Bench, values: readonly number[], by?: Thread): Semset {
  const owner = by ?? process(b.k, { uid: 1001, gid: 100 });
  const id = ok(b, owner, semget(b.k, owner, IPC_PRIVATE, values.length, 0o600)) as Semid;
  const ctl: Semset["ctl"] = (td, cmd, semnum = 0, arg = {}) =>
    semctl(b.k, td, id, semnum, cmd, { val: 0, buf: null, array: null, ...arg });
  const get = (cmd: number, num: number): number => ok(b, owner, ctl(owner, cmd, num));
  const set: Semset = {
    id,
    owner,
    ctl,
    semopBy: (td, ...sops) => sem.semop(b.k, td, id, vector(sops), sops.length),
    semop: (...sops) => set.semopBy(owner, ...sops),
    getall() {
      const array = new Uint16Array(values.length);
      ok(b, owner, ctl(owner, GETALL, 0, { array }));
      return [...array];
    },
    getval: (num) => get(GETVAL, num),
    getpid: (num) => get(GETPID, num),
    getncnt: (num) => get(GETNCNT, num),
    getzcnt: (num) => get(GETZCNT, num),
    setval: (num, val) => ctl(owner, SETVAL, num, { val }),
    setall: (all) => ctl(owner, SETALL, 0, { array: Uint16Array.from(all) }),
    stat() {
      const buf = semidDs();
      ok(b, owner, ctl(owner, IPC_STAT, 0, { buf }));
      return buf;
    },
    chmod(mode) {
      const buf = set.stat();
      ok(
        b,
        owner,
        ctl(owner, IPC_SET, 0, { buf: { ...buf, sem_perm: { ...buf.sem_perm, mode } } }),
      );
    },
    remove: () => ctl(owner, IPC_RMID),
  };
  if (values.some((value) => value !== 0)) ok(b, owner, set.setall(values));
  return set;
}
