/** Question 1: a module that comes after the jails, and one that is to go while it is used. */
import { IPC_CREAT } from "@jailyard/host/programapi";
import { scenario } from "../scenario.ts";

const KEY = 5432001;

export default scenario({
  question:
    "A mechanism is loaded after jails have started, and unloaded while it is used. What then?",
  modules: [],
  jails: {
    plain: { sysv: null },
    allowed: { sysv: null, params: { "allow.sysvipc": true } },
  },
  async run({ host, plain, allowed }) {
    await plain.semget(KEY, 1, IPC_CREAT | 0o600);
    await host.kldload("sysvsem");
    await host.semget(KEY, 1, IPC_CREAT | 0o600);
    await plain.semget(KEY, 1, IPC_CREAT | 0o600);
    const shared = await allowed.semget(KEY, 1, IPC_CREAT | 0o600);
    await allowed.ipcs("sem");
    const late = await host.jail("late");
    await late.semget(KEY, 1, IPC_CREAT | 0o600);

    await host.kldunload("sysvsem");
    await allowed.semop(shared, [[0, -1]]);
    await host.kldunload("sysvsem");
    await host.jail_remove(late.jid);
    await host.tool("ipcrm", "-W");
    for (const name of ["plain", "allowed"]) await host.tool("ipcrm", "-W", "-j", name);
    await host.kldunload("sysvsem");
    await host.kldload("sysvsem");
    await plain.semget(KEY, 1, IPC_CREAT | 0o600);
    await allowed.semget(KEY, 1, IPC_CREAT | 0o600);
  },
});
