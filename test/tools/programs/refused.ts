/** Makes the call that its argument names, and emits why it was refused. */
import { IPC_PRIVATE, IPC_STAT } from "@jailyard/abi/ipc";
import { SEM_UNDO, SETVAL } from "@jailyard/abi/sem";
import { SysError } from "@jailyard/abi/syserror";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";

async function call(p: Process, what: string): Promise<unknown> {
  if (what === "semget") return p.semget(IPC_PRIVATE, 17, 0o600);
  if (what === "gone") return p.semctl(0x7fff0000, 0, IPC_STAT);
  const id = await p.semget(IPC_PRIVATE, 1, 0o600);
  try {
    if (what === "setval") await p.semctl(id, 0, SETVAL, 101);
    else await p.semop(id, [[0, 60, SEM_UNDO]]);
  } finally {
    await p.semctl(id, 0, 0);
  }
}

export default program("refused", async (p) => {
  try {
    await call(p, p.args[0]);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    p.emit(error.refusal);
  }
});
