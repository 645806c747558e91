/** Processes that own their threads and die there: each entry is one way, or a victim of it. */
import { blocking, IPC_CREAT, type Process, SEM_UNDO } from "jailyard";

type P = Process<"blocking">;
const KEY = 7;
const SETVAL = 8;

/** Take the semaphore, which is 1 at first, until the process ends. */
function take(p: P): number {
  const id = p.semget(KEY, 1, IPC_CREAT | 0o600);
  p.semctl(id, 0, SETVAL, 1);
  p.semop(id, [[0, -1, SEM_UNDO]]);
  p.emit("ready");
  return id;
}

let calls = 0;

/** To the end of the stack, and calls on the way back: the first find it too short on their own. */
function recurse(p: P, id: number): number {
  try {
    return recurse(p, id) + 1;
  } catch (error) {
    if (calls++ < 100) p.semop(id, [[0, 0]]);
    throw error;
  }
}

export default blocking(
  "blocker",
  (p, arg) => {
    const { entry, ...rest } = arg as { entry: string };
    p.exec(entry, rest);
  },
  {
    spins(p) {
      take(p);
      for (;;);
    },
    sleeps(p) {
      p.semop(take(p), [[0, -1]]);
    },
    /** It catches the end of its process, and goes on without calls. */
    stubborn(p) {
      const id = take(p);
      try {
        p.semop(id, [[0, -1]]);
      } catch {
        for (;;);
      }
    },
    throws(p) {
      take(p);
      throw new Error("the program's own mistake");
    },
    exits(p) {
      take(p);
      process.exit(3);
    },
    recurses(p) {
      recurse(p, take(p));
    },
    hoards(p) {
      take(p);
      for (const hoard: unknown[] = []; ; ) hoard.push(new Array(1024).fill(0.5));
    },
    /** Sleeps until the semaphore is given back. */
    waiter(p) {
      p.semop(p.semget(KEY, 1, IPC_CREAT | 0o600), [[0, -1]]);
      p.emit("got it");
    },
    /** Its child says something when it is gone. */
    orphans(p) {
      p.fork("orphan");
      p.emit("parent");
    },
    orphan(p) {
      while (p.getppid() !== 1) p.sleep(1);
      p.emit("orphan");
    },
    /** Waits for a child that dies in the way that is said; tells of it once it has SIGUSR1. */
    parent(p, arg) {
      let asked = false;
      p.signal("SIGUSR1", () => {
        asked = true;
      });
      const pid = p.fork((arg as { child: string }).child);
      p.emit({ child: pid });
      while (!asked) p.sleep(Number.POSITIVE_INFINITY);
      const { status, signal } = p.wait(pid)!;
      p.emit({ status, signal });
    },
  },
);
