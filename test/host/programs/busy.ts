/** Calls that never sleep, without end: all succeed, or all fail. */
import { IPC_CREAT, IPC_NOWAIT, IPC_PRIVATE, program, SysError } from "jailyard";

export default program("busy", async (p, arg) => {
  const { entry } = arg as { entry: "succeeds" | "fails" };
  const id = await p.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o600);
  p.emit("ready");
  while (entry === "succeeds") {
    await p.semop(id, [[0, 1]]);
    await p.semop(id, [[0, -1]]);
  }
  for (;;) {
    await p.semop(id, [[0, -1, IPC_NOWAIT]]).catch((error) => {
      if (!(error instanceof SysError)) throw error; // the process has ended
    });
  }
});
