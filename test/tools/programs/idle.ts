/** Makes one object of each kind under a key, says so, and goes on holding what `args` say. */
import { IPC_CREAT, program, SEM_UNDO } from "jailyard";

export default program("idle", async (p) => {
  const [key, ...holds] = p.args;
  const msqid = await p.msgget(Number(key), IPC_CREAT | 0o600);
  const shmid = await p.shmget(Number(key), 8192, IPC_CREAT | 0o600);
  const semid = await p.semget(Number(key), 2, IPC_CREAT | 0o600);
  if (holds.includes("shm")) await p.shmat(shmid);
  if (holds.includes("undo")) await p.semop(semid, [[0, 1, SEM_UNDO]]);
  p.emit({ up: true });
  if (holds.includes("sem")) await p.semop(semid, [[1, -1]]);
  if (holds.includes("zero")) await p.semop(semid, [[0, 0]]);
  if (holds.includes("msg")) await p.msgrcv(msqid, 10);
  if (holds.includes("stay")) await p.sleep(Number.POSITIVE_INFINITY);
});
