/** Waits that are known from outside: beats at intervals, a lock handed on in order, and a stall. */
import { GETNCNT, GETVAL, IPC_CREAT, type Process, program, SETALL } from "jailyard";
import { random } from "../../../packages/workload/src/postgres/random.ts";
import { Measure } from "../../../packages/workload/src/stress/measure.ts";
import { type Shift, Worker } from "../../../packages/workload/src/stress/worker.ts";

const KEY = 78;

interface Argument {
  readonly rounds: number;
  readonly ms: number;
  readonly value: number;
}

/** Before and after a call or a pause, by the clock that all threads have. */
export type Span = readonly [from: number, to: number];

const clock = (): number => {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e9 + nanos;
};
const set = (p: Process, { rounds }: Argument): Promise<number> =>
  p.semget(KEY, rounds, IPC_CREAT | 0o666);
const nothing = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function timed(call: () => Promise<unknown>): Promise<Span> {
  const from = clock();
  await call();
  return [from, clock()];
}

/** When so many are seen asleep for a semaphore. */
async function asleep(p: Process, id: number, num: number, count: number): Promise<number> {
  while ((await p.semctl(id, num, GETNCNT)) !== count);
  return clock();
}

export default program(
  "metronome",
  async (p, arg) => {
    const { entry, ...rest } = arg as { entry: string };
    await p.exec(entry, rest);
  },
  {
    async setup(p, arg) {
      const { rounds, value } = arg as Argument;
      await p.semctl(await set(p, arg as Argument), 0, SETALL, new Array(rounds).fill(value));
    },

    /** A beat for each semaphore, so long after somebody waits for it. */
    async beat(p, arg) {
      const { rounds, ms } = arg as Argument;
      const id = await set(p, arg as Argument);
      const [seen, beats]: [number[], Span[]] = [[], []];
      for (let i = 0; i < rounds; i++) {
        seen.push(await asleep(p, id, i, 1));
        await nothing(ms);
        beats.push(await timed(() => p.semop(id, [[i, +1]])));
      }
      p.emit({ seen, beats });
    },

    async listen(p, arg) {
      const { rounds } = arg as Argument;
      const id = await set(p, arg as Argument);
      const waits: Span[] = [];
      for (let i = 0; i < rounds; i++) waits.push(await timed(() => p.semop(id, [[i, -1]])));
      p.emit({ waits });
    },

    /** Has each lock first, and gives it up so long after both others wait for it. */
    async first(p, arg) {
      const { rounds, ms } = arg as Argument;
      const id = await set(p, arg as Argument);
      const [seen, releases]: [number[], Span[]] = [[], []];
      for (let i = 0; i < rounds; i++) {
        await p.semop(id, [[i, -1]]);
        seen.push(await asleep(p, id, i, 2));
        await nothing(ms);
        releases.push(await timed(() => p.semop(id, [[i, +1]])));
      }
      p.emit({ seen, releases });
    },

    /** Has it next. */
    async second(p, arg) {
      const { rounds, ms } = arg as Argument;
      const id = await set(p, arg as Argument);
      const releases: Span[] = [];
      for (let i = 0; i < rounds; i++) {
        while ((await p.semctl(id, i, GETVAL)) !== 0);
        await p.semop(id, [[i, -1]]);
        await nothing(ms);
        releases.push(await timed(() => p.semop(id, [[i, +1]])));
      }
      p.emit({ releases });
    },

    /** And last: it comes when one waits. */
    async third(p, arg) {
      const { rounds } = arg as Argument;
      const id = await set(p, arg as Argument);
      const waits: Span[] = [];
      for (let i = 0; i < rounds; i++) {
        await asleep(p, id, i, 1);
        waits.push(await timed(() => p.semop(id, [[i, -1]])));
      }
      p.emit({ waits });
    },

    /** A stressor's process by a schedule, whose thread stands still once; and its own record of that. */
    async stall(p, arg) {
      const { ms, rate, seconds } = arg as { ms: number; rate: number | null; seconds: number };
      const seed = 5;
      const measure = new Measure();
      const stress = { rate, seed, procs: 1, jailIx: 0, seconds, options: {} };
      const shift = { arg: stress, measure, until: 0, over: false, event: () => {} };
      shift.until = performance.now() + seconds * 1000;
      const began = performance.now();
      const worker = new Worker(p, shift as unknown as Shift, 0);
      const [begins, ends]: [number[], number[]] = [[], []];
      await worker.run(async () => {
        begins.push(performance.now() - began);
        if (begins.length === 10) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
        await p.getpid();
        ends.push(performance.now() - began);
      });
      p.emit({ begins, ends, draw: random(seed)(), ...measure.take() });
    },
  },
);
