/** Programs of the thread tests: each entry does one thing and tells of it. */
import { IPC_CREAT, program, SEM_UNDO, UNMAPPED } from "jailyard";

const KEY = 7;

export default program(
  "worker",
  async (p, arg) => {
    const { entry, ...rest } = arg as { entry: string };
    await p.exec(entry, rest);
  },
  {
    /** Hold a semaphore with SEM_UNDO and a segment, then wait for a signal for ever. */
    async hold(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      await p.semctl(id, 0, 8, 1);
      await p.semop(id, [[0, -1, SEM_UNDO]]);
      await p.shmat(await p.shmget(KEY, 4096, IPC_CREAT | 0o600));
      p.emit({ id });
      await p.sleep(Number.POSITIVE_INFINITY);
    },
    /** Wait for the semaphore. */
    async wait(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      p.emit("waiting");
      await p.semop(id, [[0, -1]]);
      p.emit("got it");
    },
    async sleeper(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      p.emit({ id });
      await p.semop(id, [[0, -1]]);
    },
    /** A loop that no signal reaches. */
    spin(p) {
      p.emit("spinning");
      for (;;);
    },
    async throws(p) {
      await p.semget(KEY, 1, IPC_CREAT | 0o600);
      throw new Error("the program's own mistake");
    },
    async rejectsLater() {
      void Promise.reject(new Error("nobody awaits this"));
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    },
    async exits() {
      process.exit(3);
    },
    async many(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      for (let i = 0; i < 200; i++) {
        await p.fork(async (child) => {
          await child.semop(id, [[0, -1]]);
          return 5;
        });
      }
      for (let n = 0; n < 200; n = await p.semctl(id, 0, 3)) await p.sleep(1);
      await p.semop(id, [[0, 200]]);
      let sum = 0;
      for (let i = 0; i < 200; i++) sum += (await p.wait())?.status ?? 0;
      p.emit(sum);
    },
    /** One process sleeps in a call; another waits for what no call tells of, then wakes it. */
    async hidden(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      const words = new Int32Array(new SharedArrayBuffer(4));
      await p.fork(async (child) => {
        for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
        await crypto.subtle.digest("SHA-256", new Uint8Array(8));
        setImmediate(() => Atomics.notify(words, 0));
        await Atomics.waitAsync(words, 0, 0).value;
        await child.semop(id, [[0, 1]]);
      });
      await p.semop(id, [[0, -1]]);
      p.emit("woken");
    },
    /** What a child prints, and its end. */
    async family(p) {
      await p.fork((child) => {
        child.print("child says hello");
        return 4;
      });
      p.emit((await p.wait())?.status);
    },
    /** Store a word in shared memory that another jail shows. */
    async store(p, arg) {
      const { shmid, value } = arg as { shmid: number; value: number };
      const at = await p.shmat(shmid);
      const before = Atomics.exchange(at.i32, 0, value);
      p.emit(before);
    },
    /** Which attachments the process has, before and after a detach. */
    async attachments(p) {
      const shmid = await p.shmget(KEY, 4096, IPC_CREAT | 0o600);
      const [one, two] = [await p.shmat(shmid), await p.shmat(shmid)];
      const both = p.attachments[0] === one && p.attachments[1] === two;
      await p.shmdt(one);
      p.emit([both, p.attachments.length === 1 && p.attachments[0] === two, one.attached]);
    },
    async segment(p) {
      const shmid = await p.shmget(KEY, 4096, IPC_CREAT | 0o666);
      const at = await p.shmat(shmid);
      at.i32[0] = 41;
      p.emit(shmid);
      while (Atomics.load(at.i32, 0) === 41) await p.sleep(1);
      p.emit(at.i32[0]);
    },
    /** Rubbish in every call: an errno or a TypeError, and the process lives on. */
    async rubbish(p) {
      const any = p as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      const values = [undefined, null, Number.NaN, -1, 2 ** 40, 1.5, "x", {}, [], [[0]], UNMAPPED];
      const seen = new Set<string>();
      const calls = ["semget", "semop", "semctl", "shmget", "shmat", "shmdt", "shmctl", "msgget"];
      for (const call of [...calls, "msgsnd", "msgrcv", "msgctl", "ipcs", "setcred", "kill"]) {
        for (const a of values) {
          for (const b of values) {
            const made = any[call](a, b, a, b, a);
            await made.catch((error: Error) => seen.add(error.name));
          }
        }
      }
      p.emit([...seen].sort());
    },
    async interrupted(p) {
      const id = await p.semget(KEY, 1, IPC_CREAT | 0o600);
      const seen: string[] = [];
      await p.signal("SIGUSR1", (signal) => seen.push(signal));
      p.emit("ready");
      const code = await p.semop(id, [[0, -1]]).then(
        () => "OK",
        (error: { code: string }) => error.code,
      );
      const left = p.sleep(60_000);
      p.emit("sleeping");
      p.emit({ code, seen, slept: (await left) > 0 });
    },
  },
);
