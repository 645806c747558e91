/** Readers and writers: a reader takes one of a semaphore's units, a writer all of them. */
import { GETVAL } from "@jailyard/abi/sem";
import type { Semid, Shmid } from "@jailyard/abi/types";
import { makeSegment, makeSet, removeAll, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

/** Readers that may be inside at once. */
const UNITS = 10_000;

// Words of the segment: a writer makes both equal, in two steps.
const FIRST = 0;
const SECOND = 1;
const WRITTEN = 2;

interface Shared {
  readonly set: Semid;
  readonly shmid: Shmid;
}

export default stressor<Shared>(
  {
    name: "readers",
    summary: "readers and writers: many read at once, a writer has to be alone",
    operation: "a read or a write",
    verifies:
      "a reader never sees half of a write; no write is lost; all units are back at the end",
    mechanisms: ["sem", "shm"],
    leastProcs: 2,
    leastJails: 1,
    shareable: true,
    expects: [],
    options: {
      writes: { about: "share of writes, in percent", default: 10, min: 0, max: 100 },
      think: {
        about: "microseconds between operations, on average",
        default: 50,
        min: 0,
        max: 1e6,
      },
    },
    needs: () => ({ semmni: 1, semmns: 1, shmmni: 1, shmall: 1 }),
  },
  {
    async setup(p, arg) {
      const { shmid } = await makeSegment(p, arg, 2, 4096);
      return { shmid, set: await makeSet(p, arg, 1, [UNITS], ["readers and writers"]) };
    },

    async work(me, { set }) {
      const words = me.p.attachments[0].i32;
      await me.run(async () => {
        await me.pause(me.option("think"));
        if (me.rng() * 100 < me.option("writes")) await write(me, set, words);
        else await read(me, set, words);
      });
    },

    async verify(p, { set }) {
      const words = p.attachments[0].i32;
      const writes = words[WRITTEN];
      verify(words[FIRST] === writes, `${writes} writes counted ${words[FIRST]}`);
      const units = await p.semctl(set, 0, GETVAL);
      verify(units === UNITS, `${UNITS - units} of ${UNITS} units are not back`);
    },

    teardown: removeAll,
  },
);

async function read(me: Worker, set: Semid, words: Int32Array): Promise<void> {
  await me.wait(() => me.p.semop(set, [[0, -1]]));
  const before = words[FIRST];
  await me.p.semctl(set, 0, GETVAL); // a writer that is let in now is caught in the middle
  const after = words[SECOND];
  await me.p.semop(set, [[0, +1]]);
  verify(before === after, `a reader saw ${before} and ${after}, half of a write`);
}

async function write(me: Worker, set: Semid, words: Int32Array): Promise<void> {
  await me.wait(() => me.p.semop(set, [[0, -UNITS]]));
  const before = words[FIRST];
  words[FIRST] = before + 1;
  await me.p.semctl(set, 0, GETVAL);
  words[SECOND] = before + 1;
  Atomics.add(words, WRITTEN, 1);
  await me.p.semop(set, [[0, +UNITS]]);
}
