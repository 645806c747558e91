import { boot } from "/work/main/packages/host/src/yard.ts";
const cfg = JSON.parse(process.argv[2] ?? "{}");
const jails = Number(process.argv[3] ?? 1);
const model = (process.argv[4] ?? "jail-keyed") as any;
const yard = await boot({ model, sysvipc_allowed: model === "flat", limits: { "kern.ipc.semmns": 100000, "kern.ipc.semmni": 1000, "kern.ipc.shmall": 10000000 } });
const hs: any[] = [];
for (let i = 0; i < jails; i++) {
  const jail = await yard.jail(model === "flat" ? { name: "pg" + i } : { name: "pg" + i, sysvsem: "new", sysvshm: "new" });
  const proc = await jail.spawn({ module: "/work/main/packages/workload/src/postgres/instance.ts", arg: { version: "15", backends: 8, seconds: 3, ...cfg, inode: cfg.inode ?? 34 }, uid: 70, gid: 70 } as any);
  proc.on("record", (r: any) => {
    if (r.type === "log") console.log(`pg${i}`, r.pid, r.level, r.text.slice(0, 150));
    if (r.type === "result") { const { latency, clients, ...rest } = r; console.log(JSON.stringify({ ...rest, pairsPerTx: r.sleeps / r.transactions })); }
  });
  hs.push(proc);
  if (cfg.stagger) await new Promise((r) => setTimeout(r, cfg.stagger));
}
for (const h of hs) console.log(await h.exited);
console.log(JSON.stringify(await yard.stats()).slice(0, 500));
await yard.shutdown();
