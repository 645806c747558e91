/**
 * A noisy neighbour. Its jail, the first, eats a limit that all jails share, or keeps the kernel's
 * locks busy with large calls; the processes of the other jails do small work and are measured.
 */
import { IPC_CREAT, IPC_PRIVATE, IPC_RMID } from "@jailyard/abi/ipc";
import { GETALL, GETVAL, SETALL, SETVAL } from "@jailyard/abi/sem";
import type { SysError } from "@jailyard/abi/syserror";
import type { Semid } from "@jailyard/abi/types";
import { stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

/** Semaphores of the set that large calls are about. */
const LARGE = 200;
/** Sets of each jail that there is room for when one of them eats all. */
const FEW = 6;

export default stressor<Gone>(
  {
    name: "noisy",
    summary: "noisy neighbour: the first jail eats a host-wide limit, or keeps the locks busy",
    operation: "noise: the limit eaten up once, or a large call; others: a set made, used, removed",
    verifies: "a new set is one's own and begins at 0; no set of its is left at the end",
    mechanisms: ["sem"],
    leastProcs: 1,
    leastJails: 2,
    shareable: false,
    expects: ["ENOSPC"],
    options: {
      noise: {
        about: "limit: all sets that kern.ipc.semmni has; lock: calls on 200 semaphores",
        default: "limit",
        choices: ["limit", "lock"],
      },
      hold: { about: "microseconds that eaten sets are kept", default: 20_000, min: 0, max: 1e7 },
      think: { about: "microseconds a neighbour waits in between", default: 500, min: 0, max: 1e6 },
    },
    // With noise=limit a few sets for each jail, so that there is something to eat beside a workload
    // that takes all it needs. That they do not suffice is the point.
    needs: (procs, { noise }) =>
      noise === "lock" ? { semmni: procs, semmns: procs * LARGE } : { semmni: FEW, semmns: FEW },
  },
  {
    setup: () => Promise.resolve([]),

    async work(me, gone) {
      const noise = me.arg.jailIx > 0 ? quiet : me.arg.options.noise === "lock" ? large : eat;
      await noise(me, gone);
    },

    async verify(p, gone) {
      const left = (await p.ipcs("sem")).filter(({ id }) => gone.includes(id as Semid));
      verify(left.length === 0, `${left.length} semaphore sets are left after all were removed`);
    },

    teardown: () => Promise.resolve(),
  },
);

/** Ids of the last sets that were removed. */
type Gone = Semid[];
const GONE_MAX = 200;

async function remove(me: Worker, set: Semid, gone: Gone): Promise<void> {
  await me.p.semctl(set, 0, IPC_RMID);
  if (gone.push(set) > GONE_MAX) gone.shift();
}

/** A neighbour: its own set from nothing, which it may be refused. */
const quiet = (me: Worker, gone: Gone): Promise<void> =>
  me.run(async () => {
    await me.pause(me.option("think"));
    const set = await me.wait(() => me.p.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o600));
    const first = await me.p.semctl(set, 0, GETVAL);
    await me.p.semctl(set, 0, SETVAL, me.place);
    const then = await me.p.semctl(set, 0, GETVAL);
    await remove(me, set, gone);
    verify(first === 0, `a new semaphore is ${first}, not 0`);
    verify(then === me.place, `a semaphore set to ${me.place} is ${then}`);
  });

/** All sets that are to be had, kept a while, and given back. */
const eat = (me: Worker, gone: Gone): Promise<void> =>
  me.run(async () => {
    const sets: Semid[] = [];
    try {
      while (!me.over) sets.push(await me.p.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o600));
    } catch (error) {
      if ((error as SysError).code !== "ENOSPC") throw error;
    } finally {
      await me.pause(me.option("hold"));
      for (const set of sets) await remove(me, set, gone);
    }
    await me.pause(me.option("hold"));
  });

/** The longest that single calls can take, without a break. */
async function large(me: Worker, gone: Gone): Promise<void> {
  const set = await me.p.semget(IPC_PRIVATE, LARGE, IPC_CREAT | 0o600);
  const values = Array.from({ length: LARGE }, (_, ix) => ix % 100);
  const sops = values.slice(0, 50).map((_, ix) => [ix, 1] as const);
  await me.run(async () => {
    await me.p.semctl(set, 0, SETALL, values);
    await me.p.semop(set, sops);
    const read = await me.p.semctl(set, 0, GETALL);
    verify(read[0] === values[0] + 1, `semaphore 0 of a large set is ${read[0]}`);
  });
  await remove(me, set, gone);
}
