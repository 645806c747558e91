/** Processes that sleep in semop on a set of their own until they are killed. */
import { IPC_CREAT, IPC_PRIVATE, program } from "jailyard";

export interface SleeperArg {
  readonly sleepers: number;
}

export default program("sleeper", async (p, arg) => {
  const id = await p.semget(IPC_PRIVATE, 1, IPC_CREAT | 0o600);
  const { sleepers } = arg as SleeperArg;
  for (let i = 1; i < sleepers; i++) await p.fork((child) => child.semop(id, [[0, -1]]));
  await p.semop(id, [[0, -1]]);
});
