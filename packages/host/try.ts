import { boot } from "./src/yard.ts";
const t0 = performance.now();
const yard = await boot({ log: "debug" });
console.log("boot", performance.now() - t0);
const a = await yard.jail({ name: "a", sysvsem: "new", sysvshm: "new" });
console.log("jail", performance.now() - t0);
for (const m of ["/tmp/p1.ts", "/tmp/p2.ts"]) {
  const p = await a.spawn({ module: m });
  p.on("line", (t) => console.log(p.pid, t));
  console.log(await p.exited);
}
console.log(JSON.stringify(await yard.stats()));
await yard.shutdown();
console.log("down", performance.now() - t0);
