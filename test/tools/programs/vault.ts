/** A jail that has something under lock and key: the key and the text are the arguments. */
import { IPC_CREAT, program } from "jailyard";

export default program("vault", async (p) => {
  const key = Number(p.args[0]);
  const flags = IPC_CREAT | 0o666;
  const shmid = await p.shmget(key, 4096, flags);
  await p.shmat(shmid);
  await p.semget(key, 2, flags);
  const msqid = await p.msgget(key, flags);
  await p.msgsnd(msqid, { mtype: 1, mtext: p.args[1] });
  p.emit("ready");
  await p.sleep(Number.POSITIVE_INFINITY);
});
