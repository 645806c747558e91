/** The calls that programs make most, again and again: on pages, asleep, and through the gate. */
import { GETVAL, IPC_CREAT, IPC_PRIVATE, IPC_STAT, program, SEM_UNDO } from "jailyard";

/** Two processes of each jail hand these over. */
const KEY = 1;
const MODE = IPC_CREAT | 0o600;

export interface EveryCallArg {
  readonly ms: number;
  /** Which of the two semaphores it waits for; the other one is its partner's. */
  readonly side: 0 | 1;
}

export default program("everycall", async (p, arg) => {
  const { ms, side } = arg as EveryCallArg;
  const shared = await p.semget(KEY, 2, MODE);
  const own = await p.semget(IPC_PRIVATE, 1, MODE);
  const queue = await p.msgget(IPC_PRIVATE, MODE);
  const message = { mtype: 1, mtext: new Uint8Array(64) };
  const give = [[1 - side, 1]] as const;
  const take = [[side, -1]] as const;
  for (const until = performance.now() + ms; performance.now() < until; ) {
    await p.getpid();
    await p.semop(shared, give);
    await p.semop(shared, take);
    await p.semop(own, [[0, 1, SEM_UNDO]]);
    await p.semop(own, [[0, -1, SEM_UNDO]]);
    await p.semctl(own, 0, GETVAL);
    await p.semctl(own, 0, IPC_STAT);
    await p.msgsnd(queue, message);
    await p.msgrcv(queue, 64);
    const segment = await p.shmget(IPC_PRIVATE, 4096, MODE);
    await p.shmdt(await p.shmat(segment));
    await p.shmctl(segment, 0);
  }
  await p.semop(shared, [[1 - side, 1000]]); // the partner is not left asleep
});
