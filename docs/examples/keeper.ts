import { IPC_CREAT, program } from "jailyard";

// Makes a semaphore set and a segment under the key that it is given, and keeps them.
export default program("keeper", async (p) => {
  const key = Number(p.args[0]);
  await p.semget(key, 4, IPC_CREAT | 0o600);
  await p.shmat(await p.shmget(key, 4096, IPC_CREAT | 0o600));
  p.print(`keeps key ${key}`);
  await p.sleep(Infinity);
});
