/** One object of each kind under the key 77, for tools to list. */
import { IPC_CREAT, program } from "jailyard";

const KEY = 77;

export default program("objects", async (p) => {
  await p.msgget(KEY, IPC_CREAT | 0o600);
  await p.shmget(KEY, 4096, IPC_CREAT | 0o600);
  await p.semget(KEY, 2, IPC_CREAT | 0o600);
});
