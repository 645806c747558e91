/** ipcns(8): name spaces by name, and commands in them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { tool } from "../../packages/cli/src/toolrun.ts";
import { stage } from "../support/manpage.ts";

let yard: Awaited<ReturnType<typeof stage>>;
beforeAll(async () => {
  yard = await stage("disjoint");
});
afterAll(() => yard.shutdown());

test("a jail names its own alone", async () => {
  const { out } = await tool(yard, "jexec", "web", "ipcns", "-s", "--json");
  expect(JSON.parse(out[0])).toMatchObject([{ facility: "sem", name: "0", mine: true }]);
  const entered = await tool(yard, "jexec", "web", "ipcns", "-s", "-e", "db", "ipcs");
  expect(entered).toEqual({
    ...{ status: 1, out: [] },
    err: ["ipcns: ipcns_enter(sem, db): No such file or directory"],
  });
});

test.each([
  [["-c"], /option requires an argument -- c/],
  [["-c", "a"], /^usage: ipcns/],
  [["-c", "a", "-e", "b", "ipcs"], /^usage: ipcns/],
  [["ipcs"], /^usage: ipcns/],
  [["-x"], /illegal option -- x/],
  [["-c", "a/b", "ipcs"], /ipcns_create\(msg, a\/b\): Invalid argument/],
  [["-c", "a", "ls"], /execvp: ls: No such file or directory/],
])("%j is refused, and nothing is made", async (args, message) => {
  const before = (await tool(yard, "ipcns")).out;
  const { status, out, err } = await tool(yard, "ipcns", ...args);
  expect({ status, out }).toEqual({ status: 1, out: [] });
  expect(err.join("\n")).toMatch(message);
  expect((await tool(yard, "ipcns")).out).toEqual(before);
});

test("a model without names has none to list or enter", async () => {
  const other = await stage();
  try {
    expect((await tool(other, "ipcns")).out).toEqual(["T ID OBJECTS PROCS MINE NAME"]);
    expect((await tool(other, "ipcns", "-s", "-e", "web", "ipcs")).err).toEqual([
      "ipcns: ipcns_enter(sem, web): Function not implemented",
    ]);
  } finally {
    await other.shutdown();
  }
});
