/** Started by settled.test.ts in a Node of its own: jails that make every call for a while. */
import { privateJail, quiet } from "../../support/yard.ts";
import type { EveryCallArg } from "./everycall.ts";

const [placement, ms] = [process.argv[2] as "direct" | "central", Number(process.argv[3])];
await using stack = new AsyncDisposableStack();
const yard = await quiet({ placement });
stack.defer(() => yard.shutdown());
const module = new URL("everycall.ts", import.meta.url);
const processes = [];
for (const name of ["a", "b"]) {
  const jail = await privateJail(yard, name);
  for (const side of [0, 1] as const) {
    const arg: EveryCallArg = { ms, side };
    processes.push(await jail.spawn({ module, arg: { ...arg } }));
  }
}
for (const { exited } of processes) {
  const { status, error } = await exited;
  if (status !== 0) throw error ?? new Error(`status ${status}`);
}
