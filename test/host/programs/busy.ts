/** Calls that never sleep, without end. */
import { IPC_CREAT, IPC_PRIVATE, program } from "jailyard";

export default program("busy", async (p) => {
  const id = await p.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o600);
  p.emit("ready");
  for (;;) {
    await p.semop(id, [[0, 1]]);
    await p.semop(id, [[0, -1]]);
  }
});
