/** Uses a set, a queue and a segment of its jail, so that it is the last that did. */
import { program } from "jailyard";

export default program("user", async (p) => {
  const set = await p.semget(11, 0, 0);
  for (let i = 0; i < 3; i++) {
    await p.semop(set, [[0, 1]]);
    await p.semop(set, [[0, -1]]);
  }
  const queue = await p.msgget(12, 0);
  for (let i = 0; i < 3; i++) {
    await p.msgsnd(queue, { mtype: 1, mtext: "x" });
    await p.msgrcv(queue, 10);
  }
  await p.shmdt(await p.shmat(await p.shmget(13, 0, 0)));
});
