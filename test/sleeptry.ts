import { boot } from "/work/main/packages/host/src/yard.ts";
const yard = await boot({});
const jail = await yard.jail({ name: "a", sysvsem: "new", sysvshm: "new" });
const proc = await jail.spawn({ module: "/work/main/test/sleepprog.ts", arg: {} } as any);
proc.on("line", (r: any) => console.log(r));
await proc.exited;
await yard.shutdown();
