/**
 * A noisy neighbour. Its jail, the first, eats a limit that all jails share, or keeps a lock busy that
 * FreeBSD has one of for all (`--locks freebsd`); processes of other jails do the same with little.
 */
import { IPC_CREAT, IPC_PRIVATE, IPC_RMID } from "@jailyard/abi/ipc";
import { GETVAL, SETVAL } from "@jailyard/abi/sem";
import type { SysError } from "@jailyard/abi/syserror";
import type { Semid } from "@jailyard/abi/types";
import { stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

/** Bytes of a message that keeps the lock busy: all that a queue takes by default; and of another. */
const LARGE = 2048;
const SMALL = 8;
const SEGMENT = 8;
/** Sets of each jail that there is room for when one of them eats all. */
const FEW = 6;

export default stressor<Gone>(
  {
    name: "noisy",
    summary: "noisy neighbour: the first jail eats a host-wide limit, or keeps a global lock busy",
    operation:
      "limit: all sets taken once; others: a set made, used, removed. lock: a message sent and received",
    verifies:
      "a new set is one's own and begins at 0, texts are as sent; nothing is left at the end",
    mechanisms: ["sem", "msg"],
    leastProcs: 1,
    leastJails: 2,
    shareable: false,
    jailsDiffer: true,
    expects: ["ENOSPC"],
    options: {
      noise: {
        about: "limit: all sets that kern.ipc.semmni has; lock: messages of 2 KB without a break",
        default: "limit",
        choices: ["limit", "lock"],
      },
      hold: { about: "microseconds that eaten sets are kept", default: 20_000, min: 0, max: 1e7 },
      think: { about: "microseconds a neighbour waits in between", default: 500, min: 0, max: 1e6 },
    },
    // With noise=limit a few sets for each jail, so that there is something to eat beside a workload
    // that takes all it needs. That they do not suffice is the point.
    needs: (procs, { noise }) =>
      noise === "lock"
        ? { msgmni: procs, msgtql: procs, msgseg: (procs * LARGE) / SEGMENT }
        : { semmni: FEW, semmns: FEW },
  },
  {
    setup: () => Promise.resolve([]),

    async work(me, gone) {
      const isNoisy = me.arg.jailIx === 0;
      if (me.arg.options.noise === "limit") await (isNoisy ? eat : quiet)(me, gone);
      else if (isNoisy) await messages(me, LARGE, 0, gone);
      else await messages(me, SMALL, me.option("think"), gone);
    },

    async verify(p, gone) {
      const there = [...(await p.ipcs("sem")), ...(await p.ipcs("msg"))];
      const left = there.filter(({ id }) => gone.includes(id));
      verify(left.length === 0, `${left.length} objects are left after all were removed`);
    },

    teardown: () => Promise.resolve(),
  },
);

/** Ids of the last objects that were removed: sets, or queues. */
type Gone = number[];
const GONE_MAX = 200;

function note(gone: Gone, id: number): void {
  if (gone.push(id) > GONE_MAX) gone.shift();
}

async function remove(me: Worker, set: Semid, gone: Gone): Promise<void> {
  await me.p.semctl(set, 0, IPC_RMID);
  note(gone, set);
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

/**
 * Messages through a queue of the process's own. Nobody else uses that queue, so only what all queues
 * have in common can make one jail wait for another: FreeBSD's mutex, which is held while a text is
 * copied, or the processors.
 */
async function messages(me: Worker, bytes: number, think: number, gone: Gone): Promise<void> {
  const queue = await me.p.msgget(IPC_PRIVATE, IPC_CREAT | 0o600);
  const mtext = new Uint8Array(bytes).fill(me.place);
  await me.run(async () => {
    await me.pause(think);
    await me.wait(() => me.p.msgsnd(queue, { mtype: 1, mtext }));
    const got = await me.wait(() => me.p.msgrcv(queue, bytes));
    verify(got.mtext.length === bytes, `${bytes} bytes were sent, ${got.mtext.length} came`);
    verify(got.mtext.at(-1) === mtext.at(-1), `byte ${bytes} is not what was sent`);
  });
  await me.p.msgctl(queue, IPC_RMID);
  note(gone, queue);
}
