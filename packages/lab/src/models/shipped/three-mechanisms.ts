/** Question 3: three mechanisms, three name spaces, each loaded and permitted on its own. */
import { IPC_CREAT } from "@jailyard/host/programapi";
import { scenario } from "../scenario.ts";

const KEY = 5432001;
const FLAGS = IPC_CREAT | 0o600;

export default scenario({
  question: "Three mechanisms: is each loaded, permitted and private on its own?",
  modules: ["sem", "shm"],
  jails: { web: {} },
  async run({ host, web }) {
    await web.semget(KEY, 1, FLAGS);
    await web.shmget(KEY, 4096, FLAGS);
    await web.msgget(KEY, FLAGS);
    await host.kldload("sysvmsg");
    await web.msgget(KEY, FLAGS);
    await host.jail_get({ name: "web" });
    await host.tool("jail", "-m", "name=web", "sysvshm=disable");
    await web.shmget(KEY, 4096, FLAGS);
    await web.semget(KEY, 1, FLAGS);
    await host.jail_get({ name: "web" });
    await host.kldunload("sysvmsg");
    await host.kldunload("sysvsem");
  },
});
