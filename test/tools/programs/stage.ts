/** What the examples of the manual pages find: like a PostgreSQL in `web`, two processes in `db`. */
import { IPC_CREAT, program, SEM_UNDO } from "jailyard";

const KEY = 5432001;

export default program("stage", (p) => p.exec(p.args[0]), {
  /** A server with a segment attached, a set and a queue with a message. */
  async postgres(p) {
    const shmid = await p.shmget(KEY, 56, IPC_CREAT | 0o600);
    await p.shmat(shmid);
    await p.shmget(KEY + 1, 8192, IPC_CREAT | 0o600);
    await p.semget(KEY, 17, IPC_CREAT | 0o600);
    const msqid = await p.msgget(KEY, IPC_CREAT | 0o600);
    await p.msgsnd(msqid, { mtype: 1, mtext: "checkpoint" });
    p.emit("ready");
    await p.sleep(Number.POSITIVE_INFINITY);
  },
  /** Takes a lock that it gives back at its exit. */
  async holder(p) {
    const semid = await p.semget(KEY, 2, IPC_CREAT | 0o600);
    await p.semop(semid, [[0, 1]]);
    await p.semop(semid, [[0, -1, SEM_UNDO]]);
    p.emit("ready");
    await p.sleep(Number.POSITIVE_INFINITY);
  },
  /** Waits for it. */
  async waiter(p) {
    await p.semop(await p.semget(KEY, 2, 0), [[0, -1]]);
  },
});
