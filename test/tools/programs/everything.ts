/** All that the host can see, for tests that compare before and after. */
import { type Process, program } from "jailyard";

const DYING = 8;

export default program("everything", async (p) => {
  const seen: Record<string, unknown> = {};
  for (const f of ["msg", "sem", "shm"] as const) seen[f] = await p.ipcs(f, true);
  seen.jails = await jails(p);
  const others = (await p.kinfo_procs()).filter(({ pid }) => pid !== p.pid);
  seen.procs = others.map(({ wmesg, state, wchan, ...rest }) => rest);
  for (const name of await p.sysctlnames()) seen[name] = await p.sysctl(name);
  seen.klds = await p.kldstat();
  seen.spaces = await p.ipcns_list();
  seen.rules = await p.rctl_get_rules("");
  p.emit(seen);
});

async function jails(p: Process): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let lastjid = 0; ; ) {
    const jail = await p.jail_get({ lastjid }, DYING).catch(() => null);
    if (jail === null) return found;
    found.push(jail);
    lastjid = jail.jid;
  }
}
