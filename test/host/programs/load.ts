/** Load to be killed in: a parent that keeps children, who use all three facilities at random. */
import {
  IPC_CREAT,
  IPC_NOWAIT,
  IPC_RMID,
  type Process,
  program,
  SEM_UNDO,
  SysError,
} from "jailyard";
import { Dice } from "../../support/dice.ts";

const CHILDREN = 6;
const KEY = 7;
const SEMS = 4;
const MODE = IPC_CREAT | 0o600;

type Act = (p: Process, dice: Dice) => Promise<unknown>;

/** Semaphores go up and down, each time to be undone; not all at once, or nobody would sleep. */
async function semaphores(p: Process, dice: Dice): Promise<void> {
  const id = await p.semget(KEY, SEMS, MODE);
  const num = dice.below(SEMS);
  await p.semop(id, [[num, 1, SEM_UNDO]]);
  await p.semop(id, [[dice.below(SEMS), -1, SEM_UNDO | (dice.once(2) ? IPC_NOWAIT : 0)]]);
  if (dice.once(4)) await p.semop(id, [[num, 0]]);
}

async function messages(p: Process, dice: Dice): Promise<void> {
  const id = await p.msgget(KEY, MODE);
  const mtext = "x".repeat(dice.below(200));
  await p.msgsnd(id, { mtype: 1 + dice.below(3), mtext }, dice.once(3) ? 0 : IPC_NOWAIT);
  await p.msgrcv(id, 256, dice.below(4), dice.once(3) ? 0 : IPC_NOWAIT);
}

async function memory(p: Process, dice: Dice): Promise<void> {
  const at = await p.shmat(await p.shmget(KEY, 4096, MODE));
  Atomics.add(at.i32, 0, 1);
  if (dice.once(2)) await p.shmdt(at);
}

async function removal(p: Process, dice: Dice): Promise<void> {
  if (dice.once(3)) await p.semctl(await p.semget(KEY, SEMS, MODE), 0, IPC_RMID);
  if (dice.once(3)) await p.msgctl(await p.msgget(KEY, MODE), IPC_RMID);
  if (dice.once(3)) await p.shmctl(await p.shmget(KEY, 4096, MODE), IPC_RMID);
}

const ACTS: readonly Act[] = [semaphores, semaphores, semaphores, messages, messages, memory];

async function child(p: Process, seed: unknown): Promise<void> {
  const dice = new Dice(seed as number);
  for (let i = dice.below(400); i > 0; i--) {
    const act = dice.once(50) ? removal : dice.pick(ACTS);
    try {
      await act(p, dice);
    } catch (error) {
      if (!(error instanceof SysError)) throw error; // limits, removals: as it comes
    }
  }
}

export default program("load", async (p, arg) => {
  const dice = new Dice((arg as { seed: number }).seed);
  p.emit("ready");
  for (let children = 0; ; children--) {
    for (; children < CHILDREN; children++) await p.fork(child, dice.below(2 ** 31));
    await p.wait();
  }
});
