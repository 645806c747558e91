/** Coroutines that die: each entry is one way, or whom it must not touch. blocker.ts has threads. */
import { IPC_CREAT, type Process, program, SEM_UNDO } from "jailyard";

const KEY = 7;
const GETVAL = 5;
const SETVAL = 8;

/** Take the semaphore, which is 1 at first, until the process ends. */
async function take(p: Process): Promise<number> {
  const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
  await p.semctl(id, 0, SETVAL, 1);
  await p.semop(id, [[0, -1, SEM_UNDO]]);
  p.emit("ready");
  return id;
}

export default program(
  "victim",
  async (p, arg) => {
    const { entry, ...rest } = arg as { entry: string };
    await p.exec(entry, rest);
  },
  {
    async spins(p) {
      await take(p);
      for (;;);
    },
    async sleeps(p) {
      await p.semop(await take(p), [[0, -1]]);
    },
    /** In something that is no call, and never comes back. */
    async waits(p) {
      await take(p);
      await new Promise(() => {});
    },
    async throws(p) {
      await take(p);
      throw new Error("the program's own mistake");
    },
    async rejects(p) {
      await take(p);
      void Promise.reject(new Error("nobody awaits this"));
      await new Promise(() => {});
    },
    async exits(p) {
      await take(p);
      process.exit(3);
    },
    async recurses(p) {
      await take(p);
      const recurse = (): number => recurse() + 1;
      recurse();
    },
    async hoards(p) {
      await take(p);
      for (const hoard: unknown[] = []; ; ) hoard.push(new Array(1024).fill(0.5));
    },
    /** As root of the host. */
    async panics(p) {
      await p.sysctl("debug.kdb.panic", 1);
    },
    /** Calls all the time, and answers each SIGUSR1. */
    async witness(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      let asked = 0;
      await p.signal("SIGUSR1", () => {
        asked++;
      });
      p.emit("ready");
      for (let told = 0; ; ) {
        await p.semop(id, [[0, 1, SEM_UNDO]]);
        await p.semop(id, [[0, -1, SEM_UNDO]]);
        while (told < asked) p.emit(`pong ${++told}`);
        await p.sleep(1);
      }
    },
    /** What the semaphore is now. */
    async value(p) {
      p.emit(await p.semctl(await p.semget(KEY, 1, 0), 0, GETVAL));
    },
    /** Its child says something when it is gone. */
    async orphans(p) {
      await p.fork(async (child) => {
        while ((await child.getppid()) !== 1) await child.sleep(1);
        child.emit("orphan");
      });
      p.emit("parent");
    },
    /** It is gone before what it began. */
    lingers() {
      setTimeout(() => process.exit(3), 60_000);
    },
    async chatter(p) {
      for (let i = 0; i < 5000; i++) p.emit(i);
      await p.sleep(Number.POSITIVE_INFINITY);
    },
  },
);
