/** A program that spoils what the stressors of its jail work on: their checks have to notice. */
import { IPC_NOWAIT } from "@jailyard/abi/ipc";
import { GETVAL, SETVAL } from "@jailyard/abi/sem";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";

const ROUNDS = 40;

export default program("intruder", async (p) => {
  for (let round = 0; round < ROUNDS; round++) {
    await raiseSemaphores(p).catch(() => {});
    await scribble(p).catch(() => {});
    await steal(p).catch(() => {});
    await p.sleep(5);
  }
});

/** One more may hold every lock. */
async function raiseSemaphores(p: Process): Promise<void> {
  for (const { id, ds } of await p.ipcs("sem")) {
    for (let n = 0; n < ds.sem_nsems; n++) {
      await p.semctl(id, n, SETVAL, (await p.semctl(id, n, GETVAL)) + 1);
    }
  }
}

async function scribble(p: Process): Promise<void> {
  for (const { id } of await p.ipcs("shm")) {
    const at = await p.shmat(id);
    for (let word = 3; word < at.i32.length; word += 5) at.i32[word] ^= 0x55;
    await p.shmdt(at);
  }
}

async function steal(p: Process): Promise<void> {
  for (const { id } of await p.ipcs("msg")) await p.msgrcv(id, 4096, 0, IPC_NOWAIT);
}
