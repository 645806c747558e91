/** One of many jails: its first process sleeps, others do `rounds` operations on a set of the jail. */
import { IPC_CREAT, IPC_PRIVATE, program } from "jailyard";

const KEY = 0x5ca1e;

export default program("scale", async (p, arg) => {
  const { rounds } = arg as { rounds: number };
  const id = await p.semget(KEY, 2, IPC_CREAT | 0o600);
  if (rounds === 0) {
    p.emit("ready");
    await p.semop(id, [[1, -1]]);
  }
  const own = await p.semget(IPC_PRIVATE, 1, 0o600);
  for (let i = 0; i < rounds; i++) {
    await p.semop(own, [[0, 1]]);
    await p.semop(own, [[0, -1]]);
  }
});
