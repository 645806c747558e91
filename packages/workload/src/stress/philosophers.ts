/** Dining philosophers: forks are semaphores, and a meal takes the two beside a seat. */
import { GETALL } from "@jailyard/abi/sem";
import type { Semid, Shmid } from "@jailyard/abi/types";
import { makeSegment, makeSet, removeAll, stressor } from "./stressor.ts";
import { verify, type Worker } from "./worker.ts";

interface Shared {
  readonly set: Semid;
  readonly shmid: Shmid;
  readonly seats: number;
}

export default stressor<Shared>(
  {
    name: "philosophers",
    summary: "dining philosophers: both forks at once, or one after the other until none can eat",
    operation: "a meal",
    verifies: "no neighbours eat at once; every fork is back on the table at the end",
    mechanisms: ["sem", "shm"],
    leastProcs: 2,
    leastJails: 1,
    shareable: true,
    expects: [],
    options: {
      order: {
        about: "both forks in one semop; or left, then right, which can end in a deadlock",
        default: "both",
        choices: ["both", "left"],
      },
      eat: { about: "microseconds of a meal, on average", default: 200, min: 0, max: 1e6 },
      think: { about: "microseconds between meals, on average", default: 200, min: 0, max: 1e6 },
    },
    needs: (procs) => ({ semmni: 1, semmns: procs, shmmni: 1, shmall: Math.ceil(procs / 1024) }),
  },
  {
    async setup(p, arg) {
      const seats = arg.shared ? arg.procs * arg.jails : arg.procs;
      const { shmid } = await makeSegment(p, arg, 2, seats * 4);
      const forks = Array.from({ length: seats }, (_, seat) => `fork ${seat}`);
      const set = await makeSet(p, arg, 1, new Array(seats).fill(1), forks);
      return { set, shmid, seats };
    },

    async work(me, { set, seats }) {
      const seat = me.arg.shared ? me.place : me.ix;
      const right = (seat + 1) % seats;
      const left = (seat + seats - 1) % seats;
      const eating = me.p.attachments[0].i32;
      await me.run(async () => {
        await me.pause(me.option("think"));
        await takeForks(me, set, seat, right);
        Atomics.store(eating, seat, 1);
        const crowded = seats > 2 && Atomics.load(eating, left) + Atomics.load(eating, right) > 0;
        await me.pause(me.option("eat"));
        Atomics.store(eating, seat, 0);
        await me.p.semop(set, [
          [seat, +1],
          [right, +1],
        ]);
        verify(!crowded, `a neighbour of seat ${seat} eats at the same time`);
      });
    },

    async verify(p, { set }) {
      const forks = await p.semctl(set, 0, GETALL);
      const missing = forks.filter((value) => value !== 1).length;
      verify(missing === 0, `${missing} of ${forks.length} forks are not back on the table`);
      const eaters = p.attachments[0].i32.indexOf(1);
      verify(eaters === -1, `seat ${eaters} eats still`);
    },

    teardown: removeAll,
  },
);

async function takeForks(me: Worker, set: Semid, left: number, right: number): Promise<void> {
  if (me.arg.options.order === "both") {
    return me.wait(() =>
      me.p.semop(set, [
        [left, -1],
        [right, -1],
      ]),
    );
  }
  await me.wait(() => me.p.semop(set, [[left, -1]]));
  try {
    await me.pause(me.option("think") / 10); // a neighbour has time to take the other one
    await me.wait(() => me.p.semop(set, [[right, -1]]));
  } catch (error) {
    await me.p.semop(set, [[left, +1]]); // the end of the run is the end of a deadlock
    throw error;
  }
}
