import { IPC_CREAT, program, SEM_UNDO } from "jailyard";

// Two processes of one jail hand a semaphore back and forth.
export default program("pinger", async (p) => {
  const key = p.ftok("/var/db/app", 1);
  const id = await p.semget(key, 2, IPC_CREAT | 0o600);
  p.print(`key ${key} is id ${id} here`);

  await p.fork(async (child) => {
    for (let i = 0; i < 1000; i++) {
      await child.semop(id, [[0, -1]]);
      await child.semop(id, [[1, +1]]);
    }
  });
  for (let i = 0; i < 1000; i++) {
    await p.semop(id, [[0, +1, SEM_UNDO]]);
    await p.semop(id, [[1, -1, SEM_UNDO]]);
  }
  await p.wait();
  p.print(`${(await p.ipcs("sem")).length} set in sight, 1000 rounds`);
});
