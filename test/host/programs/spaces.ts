/** A name space of semaphores made by a call: what this process, its child and a list see of it. */
import { IPC_CREAT, IPC_STAT, program, SysError } from "jailyard";

const KEY = 5432001;

export default program("spaces", async (p) => {
  const before = await p.semget(KEY, 1, IPC_CREAT | 0o600);
  const id = await p.ipcns_create("sem", "pg1");
  const inside = await p.semget(KEY, 2, IPC_CREAT | 0o600);
  await p.fork(async (child) => {
    const { sem_nsems } = await child.semctl(inside, 0, IPC_STAT);
    child.emit({ child: sem_nsems });
  });
  await p.wait();
  const lost = await p.semctl(before, 0, IPC_STAT).catch(codeOf);
  const everywhere = await p.ipcs("sem", true).catch(codeOf);
  const rows = (await p.ipcns_list()).filter(({ facility }) => facility === "sem");
  const names = rows.map(({ name, mine }) => `${name}${mine ? "*" : ""}`);
  p.emit({ made: rows.some((row) => row.id === id), lost, everywhere, names });
  await p.sleep(Number.POSITIVE_INFINITY);
});

function codeOf(error: unknown): string {
  if (error instanceof SysError) return error.code;
  throw error;
}
