/** Question 5: what the administrator of the host sees and manages, and what root in a jail may. */
import { IPC_CREAT, IPC_RMID, IPC_STAT } from "@jailyard/host/programapi";
import { scenario } from "../scenario.ts";

const KEY = 5432001;

export default scenario({
  question: "What do ipcs and ipcrm of the host see and manage, and what may root in a jail do?",
  jails: { web: {}, db: {} },
  limits: { "kern.ipc.semmni": 3 },
  async run({ host, web, db }) {
    const user = await web.as(70);
    const set = await user.semget(KEY, 1, IPC_CREAT | 0o600);
    await web.tool("ipcs", "-s");
    await db.tool("ipcs", "-s");
    await host.tool("ipcs", "-s");
    await host.tool("ipcs", "-sZ");
    await db.semctl(set, 0, IPC_RMID);
    await db.ipcs("sem", true);
    await web.semctl(set, 0, IPC_STAT);
    for (const key of [1, 2, 3]) await db.semget(key, 1, IPC_CREAT | 0o600);
    await web.semctl(set, 0, IPC_RMID);
    await host.tool("ipcrm", "-W", "-j", "db");
    await host.ipcs("sem", true);
  },
});
