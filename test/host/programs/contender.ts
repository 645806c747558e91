/** Two who want one semaphore, in a fixed order and for known times; and ways into a deadlock. */
import { GETNCNT, GETVAL, IPC_CREAT, type Process, program, SETALL } from "jailyard";

const KEY = 77;
/** The lock, and two signals: it is held, the round is over. */
const [LOCK, HELD, OVER] = [0, 1, 2];

interface Argument {
  readonly rounds: number;
  readonly holdMs: number;
}

const set = (p: Process): Promise<number> => p.semget(KEY, 3, IPC_CREAT | 0o666);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export default program(
  "contender",
  async (p, arg) => {
    const { entry, ...rest } = arg as { entry: string };
    await p.exec(entry, rest);
  },
  {
    async setup(p) {
      const id = await set(p);
      await p.semctl(id, 0, SETALL, [1, 0, 0]);
      await p.label(id, LOCK, "WALWriteLock");
    },

    /**
     * Hold the lock for a while in every round; the other is waiting before the while begins. Tells
     * between which times, in milliseconds, all holds and all waits of the other lay.
     */
    async hold(p, arg) {
      const { rounds, holdMs } = arg as Argument;
      const id = await set(p);
      const held = { least: 0, most: 0 };
      let awaited = 0;
      for (let i = 0; i < rounds; i++) {
        const called = performance.now();
        await p.semop(id, [[LOCK, -1]]);
        const taken = performance.now();
        await p.semop(id, [[HELD, +1]]);
        while ((await p.semctl(id, LOCK, GETNCNT)) === 0) await sleep(0);
        const from = performance.now();
        await sleep(holdMs);
        const until = performance.now();
        await p.semop(id, [[LOCK, +1]]);
        held.least += until - taken;
        held.most += performance.now() - called;
        awaited += until - from;
        await p.semop(id, [[OVER, -1]]);
      }
      p.emit({ held, awaited });
    },

    /** Tells how long the waits were at most, all together. */
    async wait(p, arg) {
      const { rounds } = arg as Argument;
      const id = await set(p);
      let waited = 0;
      for (let i = 0; i < rounds; i++) {
        await p.semop(id, [[HELD, -1]]);
        const from = performance.now();
        await p.semop(id, [[LOCK, -1]]);
        waited += performance.now() - from;
        await p.semop(id, [
          [LOCK, +1],
          [OVER, +1],
        ]);
      }
      p.emit({ waited });
    },

    /** Take one semaphore, then the other, once somebody else has that one. */
    async grab(p, arg) {
      const { first, second } = arg as { first: number; second: number };
      const id = await p.semget(KEY + 1, 2, IPC_CREAT | 0o666);
      await p.semop(id, [[first, -1]]);
      while ((await p.semctl(id, second, GETVAL)) !== 0) await sleep(1);
      await p.semop(id, [[second, -1]]);
    },

    /** Calls of eight processes at once: some find the kernel at work. */
    async call(p, arg) {
      const { rounds } = arg as Argument;
      for (let i = 0; i < 8; i++) {
        await p.fork(async (child) => {
          for (let n = 0; n < rounds; n++) await child.getpid();
        });
      }
      for (let i = 0; i < 8; i++) await p.wait();
    },

    async both(p) {
      const id = await p.semget(KEY + 1, 2, IPC_CREAT | 0o666);
      await p.semctl(id, 0, SETALL, [1, 1]);
    },
  },
);
