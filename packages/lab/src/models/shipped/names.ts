/** Question 4: which key 5432001? */
import { IPC_CREAT, IPC_STAT } from "@jailyard/host/programapi";
import { scenario } from "../scenario.ts";

const KEY = 5432001;
const FLAGS = IPC_CREAT | 0o600;

export default scenario({
  question: "How is a name space named, so that the host can say which key 5432001 it means?",
  jails: { web: {}, db: {} },
  async run({ host, web, db }) {
    const ofWeb = await web.semget(KEY, 1, FLAGS);
    await db.semget(KEY, 1, FLAGS);
    await host.semget(KEY, 1, 0);
    await host.semctl(ofWeb, 0, IPC_STAT);
    await host.ipcs("sem", true);
    await host.ipcns_list();
    await web.ipcns_list();
    await host.tool("ipcrm", "-j", "web", "-S", String(KEY));
    await web.semget(KEY, 1, 0);
    await db.semget(KEY, 1, 0);
    await host.ipcns_enter("sem", "db");
    await host.ipcns_enter("sem", "/jails/db");
    await host.semget(KEY, 1, 0);
  },
});
