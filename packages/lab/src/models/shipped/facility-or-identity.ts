/** Question 2: is a name space a thing that processes carry, or what a jail is? */
import { IPC_CREAT, IPC_STAT } from "@jailyard/host/programapi";
import { scenario } from "../scenario.ts";

const KEY = 5432001;

export default scenario({
  question:
    "Is a name space a facility that processes carry and children inherit, or keyed to the jail?",
  jails: { web: {}, db: {} },
  async run({ host, web }) {
    const before = await web.semget(KEY, 1, IPC_CREAT | 0o600);
    const elder = await web.fork("web's elder child");
    await web.ipcns_create("sem", "pg1");
    const after = await web.semget(KEY, 1, IPC_CREAT | 0o600);
    const younger = await web.fork("web's younger child");
    await elder.semget(KEY, 1, 0);
    await younger.semget(KEY, 1, 0);
    await web.semctl(before, 0, IPC_STAT);
    await web.shmget(KEY, 4096, IPC_CREAT | 0o600);
    await elder.shmget(KEY, 4096, 0);

    const visitor = await host.as(0);
    await visitor.jail_attach(web.jid);
    await visitor.semctl(before, 0, IPC_STAT);
    await visitor.semctl(after, 0, IPC_STAT);
  },
});
