/** Semaphores in every way that programs use them, as stress-ng's --sem-sysv does. */
import { IPC_NOWAIT } from "@jailyard/abi/ipc";
import { GETALL, GETPID, SEM_UNDO } from "@jailyard/abi/sem";
import type { Semid, Shmid } from "@jailyard/abi/types";
import { makeSegment, makeSet, removeAll, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

const MUTEX = 0;
const POOL = 1;
/** Semaphore POOL begins with this many, so that a vector of all its takers never waits. */
const POOL_SIZE = 1000;

// Words of the segment.
const COUNTER = 0;
const INSIDE = 1;
const ENTRIES = 2;

interface Shared {
  readonly set: Semid;
  readonly shmid: Shmid;
}

export default stressor<Shared>(
  {
    name: "sem",
    summary: "semaphores: a lock with SEM_UNDO, a try without waiting, a vector of operations",
    operation: "one of the three, drawn by share: lock and unlock, try, vector",
    verifies: "no two hold the lock at once; no entry is lost; the values at the end are the first",
    mechanisms: ["sem", "shm"],
    leastProcs: 1,
    leastJails: 1,
    shareable: true,
    expects: ["EAGAIN"],
    options: {
      lock: { about: "share of lock and unlock, in percent", default: 60, min: 0, max: 100 },
      try: { about: "share of the try, in percent", default: 20, min: 0, max: 100 },
      think: { about: "microseconds between operations, on average", default: 0, min: 0, max: 1e6 },
    },
    needs: (procs) => ({ semmni: 1, semmns: 2, semmnu: procs, shmmni: 1, shmall: 1 }),
  },
  {
    async setup(p, arg) {
      const { shmid } = await makeSegment(p, arg, 2, 4096);
      return { shmid, set: await makeSet(p, arg, 1, [1, POOL_SIZE], ["mutex", "pool"]) };
    },

    async work(me, { set }) {
      const words = me.p.attachments[0].i32;
      await me.run(async () => {
        await me.pause(me.option("think"));
        const drawn = me.rng() * 100;
        if (drawn < me.option("lock")) await locked(me, set, words, SEM_UNDO);
        else if (drawn < me.option("lock") + me.option("try")) {
          await locked(me, set, words, SEM_UNDO | IPC_NOWAIT);
        } else {
          await me.p.semop(set, [
            [POOL, -1],
            [POOL, +1],
          ]);
        }
      });
    },

    async verify(p, { set }, arg) {
      const words = p.attachments[0].i32;
      const [counted, entries] = [words[COUNTER], words[ENTRIES]];
      verify(counted === entries, `${entries} entries under the lock counted ${counted}`);
      const values = await p.semctl(set, 0, GETALL);
      verify(
        values[MUTEX] === 1 && values[POOL] === POOL_SIZE,
        `semaphores are ${values} at the end of ${arg.procs} processes, not 1,${POOL_SIZE}`,
      );
    },

    teardown: removeAll,
  },
);

/** A count under the lock, with a call between load and store, in which others get their chance. */
async function locked(me: Worker, set: Semid, words: Int32Array, flg: number): Promise<void> {
  await me.wait(() => me.p.semop(set, [[MUTEX, -1, flg]]));
  const inside = Atomics.add(words, INSIDE, 1);
  const before = words[COUNTER];
  await me.p.semctl(set, MUTEX, GETPID);
  words[COUNTER] = before + 1;
  Atomics.add(words, ENTRIES, 1);
  Atomics.sub(words, INSIDE, 1);
  await me.p.semop(set, [[MUTEX, +1, flg & ~IPC_NOWAIT]]);
  verify(inside === 0, `${inside + 1} processes held the lock at once`);
}
