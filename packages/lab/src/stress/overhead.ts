/**
 * What statistics of locks cost on this machine: semop(2) on a kernel of this thread, in each mode. It is
 * the code that all placements run, without the way into the kernel.
 */
import { STATS, type Stats } from "@jailyard/abi/contention";
import { type Errno, ESLEEP, errnoName, OK } from "@jailyard/abi/errno";
import { IPC_PRIVATE } from "@jailyard/abi/ipc";
import { type Sembufs, sembufs } from "@jailyard/abi/sem";
import { epochNow, nanosSince } from "@jailyard/host/nanos";
import { makeKernel, run } from "@jailyard/kernel/kernel";
import { newproc } from "@jailyard/kernel/proc";
import { semop } from "@jailyard/kernel/sem";
import { semget } from "@jailyard/kernel/semctl";
import type { Thread } from "@jailyard/kernel/thread";

/** Nanoseconds of a semop that waits for nobody, and of one that sleeps until another wakes it. */
export interface ModeCost {
  readonly call: number;
  readonly wait: number;
}
export type Overhead = Readonly<Record<Stats, ModeCost>>;

const ROUNDS = 5;
/** Operations of a round: a millisecond or two. */
const CALLS = 4000;
const WAITS = 500;

/** The quickest round of each mode; modes take turns, so that what else the machine does falls on all. */
export function measureOverhead(): Overhead {
  const works = STATS.map((stats) => [stats, workOf(stats)] as const);
  const best = new Map<Stats, ModeCost>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [stats, work] of works) {
      const { call, wait } = best.get(stats) ?? { call: Infinity, wait: Infinity };
      best.set(stats, {
        call: Math.min(call, timed(work.call, CALLS)),
        wait: Math.min(wait, timed(work.wait, WAITS)),
      });
    }
  }
  return Object.fromEntries(best) as Overhead;
}

/** Nanoseconds of one. */
function timed(work: () => void, count: number): number {
  const from = performance.now();
  for (let i = 0; i < count; i++) work();
  return ((performance.now() - from) * 1e6) / count;
}

interface Work {
  readonly call: () => void;
  readonly wait: () => void;
}

function workOf(stats: Stats): Work {
  const k = makeKernel({ stats, nanos: nanosSince(epochNow()) });
  const spec = { uid: 0, gid: 0, prison: k.prison0, comm: "overhead" };
  const [holder, waiter] = [newproc(k, spec)!, newproc(k, spec)!];
  semget(k, holder, IPC_PRIVATE, 1, 0o600);
  const id = holder.td_retval as Parameters<typeof semop>[2];
  const [down, up] = [change(-1), change(+1)];
  const must = (td: Thread, sops: Sembufs, wanted: Errno): void => {
    const error = semop(k, td, id, sops, 1);
    if (error !== wanted) throw new Error(`semop: ${errnoName(error)}`);
  };
  let isUp = false;
  return {
    /** Up, then down, and so on: half of the calls are increments. */
    call() {
      must(holder, isUp ? down : up, OK);
      isUp = !isUp;
    },
    wait() {
      must(waiter, down, ESLEEP);
      must(holder, up, OK);
      run(k);
    },
  };
}

function change(op: number): Sembufs {
  const sops = sembufs(1);
  sops.sem_op[0] = op;
  sops.count = 1;
  return sops;
}
