/** A lock convoy: all processes want one lock, and hold it so long that the others queue up. */
import { GETVAL } from "@jailyard/abi/sem";
import type { Semid, Shmid } from "@jailyard/abi/types";
import { makeSegment, makeSet, removeAll, stressor } from "./stressor.ts";
import { verify } from "./worker.ts";

// Words of the segment.
const OWNER = 0; // place of the holder plus one; 0: nobody
const HOLDS = 1;
const DONE = 2;

interface Shared {
  readonly set: Semid;
  readonly shmid: Shmid;
}

export default stressor<Shared>(
  {
    name: "convoy",
    summary: "lock convoy: one lock that everybody holds for a while",
    operation: "the lock taken, held, and released",
    verifies: "the lock has one holder at a time; every hold is counted; it is free at the end",
    mechanisms: ["sem", "shm"],
    leastProcs: 1,
    leastJails: 1,
    shareable: true,
    expects: [],
    options: {
      hold: {
        about: "microseconds that the lock is held, on average",
        default: 100,
        min: 0,
        max: 1e6,
      },
      think: { about: "microseconds between two holds, on average", default: 0, min: 0, max: 1e6 },
    },
    needs: () => ({ semmni: 1, semmns: 1, shmmni: 1, shmall: 1 }),
  },
  {
    async setup(p, arg) {
      const { shmid } = await makeSegment(p, arg, 2, 4096);
      return { shmid, set: await makeSet(p, arg, 1, [1], ["convoy lock"]) };
    },

    async work(me, { set }) {
      const words = me.p.attachments[0].i32;
      await me.run(async () => {
        await me.pause(me.option("think"));
        await me.wait(() => me.p.semop(set, [[0, -1]]));
        const owner = Atomics.exchange(words, OWNER, me.place + 1);
        const holds = words[HOLDS];
        await me.pause(me.option("hold"));
        words[HOLDS] = holds + 1;
        const mine = Atomics.exchange(words, OWNER, 0);
        Atomics.add(words, DONE, 1);
        await me.p.semop(set, [[0, +1]]);
        verify(owner === 0, `process ${me.place} got the lock while process ${owner - 1} held it`);
        verify(mine === me.place + 1, `process ${mine - 1} got the lock that ${me.place} held`);
      });
    },

    async verify(p, { set }) {
      const words = p.attachments[0].i32;
      const [holds, done] = [words[HOLDS], words[DONE]];
      verify(holds === done, `${done} holds of the lock counted ${holds}`);
      const value = await p.semctl(set, 0, GETVAL);
      verify(value === 1, `the lock is ${value} at the end, not 1`);
    },

    teardown: removeAll,
  },
);
