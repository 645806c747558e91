/** Two administrators at the same jail at once: one wins, the others are told, nothing is half done. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ToolRun, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const ADMINISTRATORS = 6;
let yard: Yard;
let host: Jail;
beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
});
afterAll(() => yard.shutdown());

/** The same command line by all of them at once; `%` is who it is. */
const all = (...args: string[]): Promise<ToolRun[]> =>
  Promise.all(
    Array.from({ length: ADMINISTRATORS }, (_, i) =>
      tool(host, "jail", ...args.map((arg) => arg.replace("%", String(i)))),
    ),
  );
const winners = (runs: readonly ToolRun[]): number[] =>
  runs.flatMap(({ status }, i) => (status === 0 ? [i] : []));
const show = async (...params: string[]): Promise<string> =>
  (await tool(host, "jls", "-j", "web", ...params)).out.join();

test("one makes the jail, the others are told that it is there, and change nothing", async () => {
  const runs = await all("-c", "name=web", "persist", "path=/jails/%", "host.hostname=h%");
  const [winner, ...others] = winners(runs);
  expect(others).toEqual([]);
  expect(await show("path", "host.hostname")).toBe(`/jails/${winner} h${winner}`);
  for (const [i, { err }] of runs.entries()) {
    if (i !== winner) expect(err.join()).toMatch(/^jail: (jail )?"web" already exists$/);
  }
});

test("who changes it at once changes all that he says, or is told that another was faster", async () => {
  const runs = await all("-m", "name=web", "host.hostname=m%", "children.max=%");
  const won = winners(runs);
  expect(won).toContain(Number(await show("children.max")));
  expect(await show("host.hostname")).toBe(`m${await show("children.max")}`);
  for (const { status, err } of runs) {
    if (status === 0) continue;
    expect(status).toBe(1);
    expect(err).toEqual([
      "jail: web: another changed it meanwhile: look at it with jls, and try again",
    ]);
  }
  expect((await tool(host, "jail", "-m", "name=web", "host.hostname=x")).status).toBe(0);
});

test("one removes it, the others are told that it is gone", async () => {
  const runs = await all("-r", "web");
  expect(winners(runs)).toHaveLength(1);
  for (const { status, err } of runs) {
    if (status !== 0) expect(err.join()).toBe('jail: "web" not found');
  }
});

test("a change of what another removes is done before, or told that the jail is gone", async () => {
  for (let i = 0; i < 5; i++) {
    await tool(host, "jail", "-c", "name=web", "persist");
    const [removed, changed] = await Promise.all([
      tool(host, "jail", "-r", "web"),
      tool(host, "jail", "-m", "name=web", "host.hostname=x"),
    ]);
    expect(removed.status).toBe(0);
    if (changed.status !== 0) expect(changed.err.join()).toMatch(/"web" not found$/);
    expect((await tool(host, "jls", "-j", "web")).status).toBe(1);
  }
});
