/** Producers and consumers with a bounded buffer: three semaphores and a ring in a segment. */
import { GETALL } from "@jailyard/abi/sem";
import type { Semid, Shmid } from "@jailyard/abi/types";
import { makeSegment, makeSet, removeAll, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

const MUTEX = 0;
const EMPTY = 1;
const FULL = 2;

// Words of the segment; the ring follows.
const PUT = 0;
const TAKEN = 1;
const SUM = 2; // of the items put, less those taken
const RING = 16;

const LABELS = ["buffer", "free slots", "items"];

interface Shared {
  readonly set: Semid;
  readonly shmid: Shmid;
}

export default stressor<Shared>(
  {
    name: "pipeline",
    summary: "producers and consumers with a bounded buffer in shared memory",
    operation: "an item put into the buffer, or taken from it",
    verifies: "items come out once and in their order; the semaphores agree with the buffer",
    mechanisms: ["sem", "shm"],
    leastProcs: 2,
    leastJails: 1,
    shareable: true,
    expects: [],
    options: {
      slots: { about: "items that the buffer holds", default: 8, min: 1, max: 1000 },
      work: {
        about: "microseconds a producer or consumer needs for an item",
        default: 0,
        min: 0,
        max: 1e6,
      },
    },
    needs: () => ({ semmni: 1, semmns: 3, shmmni: 1, shmall: 2 }),
  },
  {
    async setup(p, arg) {
      const { shmid } = await makeSegment(p, arg, 2, 8192);
      return { shmid, set: await makeSet(p, arg, 1, [1, Number(arg.options.slots), 0], LABELS) };
    },

    async work(me, { set }) {
      const produces = me.place % 2 === 0;
      const words = me.p.attachments[0].i32;
      await me.run(async () => {
        await me.pause(me.option("work"));
        await (produces ? put(me, set, words) : take(me, set, words));
      });
    },

    async verify(p, { set }, arg) {
      const words = p.attachments[0].i32;
      const [mutex, empty, full] = await p.semctl(set, 0, GETALL);
      const held = words[PUT] - words[TAKEN];
      const slots = Number(arg.options.slots);
      verify(mutex === 1, `the buffer's lock is ${mutex} at the end, not 1`);
      verify(full === held, `FULL is ${full}, but the buffer holds ${held} items`);
      verify(empty === slots - held, `EMPTY is ${empty} of ${slots}, with ${held} items there`);
      let sum = 0;
      for (let n = words[TAKEN]; n < words[PUT]; n++) sum = (sum + itemOf(n)) | 0;
      verify(sum === words[SUM], `items left sum up to ${sum}, not ${words[SUM]}`);
    },

    teardown: removeAll,
  },
);

/** An item follows from its number, so that whoever takes it knows what it has to be. */
const itemOf = (n: number): number => Math.imul(n + 1, 0x9e3779b1);

/** Both semaphores in one call: who is interrupted has taken neither. */
async function put(me: Worker, set: Semid, words: Int32Array): Promise<void> {
  await me.wait(() =>
    me.p.semop(set, [
      [EMPTY, -1],
      [MUTEX, -1],
    ]),
  );
  const n = words[PUT]++;
  words[RING + (n % me.option("slots"))] = itemOf(n);
  words[SUM] += itemOf(n);
  await me.p.semop(set, [
    [MUTEX, +1],
    [FULL, +1],
  ]);
}

async function take(me: Worker, set: Semid, words: Int32Array): Promise<void> {
  await me.wait(() =>
    me.p.semop(set, [
      [FULL, -1],
      [MUTEX, -1],
    ]),
  );
  const n = words[TAKEN]++;
  const item = words[RING + (n % me.option("slots"))];
  words[SUM] -= item;
  await me.p.semop(set, [
    [MUTEX, +1],
    [EMPTY, +1],
  ]);
  verify(item === itemOf(n), `item ${n} came out as ${item}`);
}
