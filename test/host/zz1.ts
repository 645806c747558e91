import { boot } from "@jailyard/host/yard";
const yard = await boot({ placement: (process.argv[2] ?? "direct") as never });
const jail = await yard.jail({ name: "a", sysvsem: "new", sysvmsg: "new" });
const p = await jail.spawn({ module: new URL(process.argv[3]!, "file:///tmp/").href });
p.on("line", (l) => console.log(l));
console.log(await p.exited);
console.log(await yard.stats(), await yard.control.check());
await yard.shutdown();
