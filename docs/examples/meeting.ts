import { IPC_CREAT, scenario } from "jailyard";

export default scenario({
  question: "Do two jails that use one key meet?",
  jails: { web: {}, db: {} },
  async run({ host, web, db }) {
    const set = await web.semget(5432001, 1, IPC_CREAT | 0o600);
    await db.semop(set, [[0, 1]]);
    await host.tool("ipcs", "-sZ");
  },
});
