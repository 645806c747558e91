/** jls(8): layouts to the blank, parameters by name. */
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

let yard: Yard;
const jls = (...args: string[]) => yard.host.then((jail) => tool(jail, "jls", ...args));
const out = async (...args: string[]): Promise<string[]> => (await jls(...args)).out;

beforeAll(async () => {
  yard = await quiet();
  const host = { "host.hostname": "web.example.org", path: "/jails/web" };
  await yard.jail({ name: "web", ...host, sysvsem: "new", sysvmsg: "new", "children.max": 1 });
  await yard.jail({ name: "db", "host.hostname": "db with blanks", path: "/jails/db" });
});
afterAll(() => yard.shutdown());

describe("tables", () => {
  test("default [TOOL-28]", async () => {
    expect(await out()).toEqual([
      "   JID  IP Address      Hostname                      Path",
      "     1                  web.example.org               /jails/web",
      "     2                  db with blanks                /jails/db",
    ]);
  });

  test("-N: names first; the heading still says JID [TOOL-29]", async () => {
    expect(await out("-N")).toEqual([
      " JID             IP Address      Hostname                      Path",
      " web                             web.example.org               /jails/web",
      " db                              db with blanks                /jails/db",
    ]);
  });

  test("-v: three lines a jail [TOOL-30]", async () => {
    expect(await out("-v", "-j", "web")).toEqual([
      "   JID  Hostname                      Path",
      "        Name                          State",
      "        CPUSetID",
      "        IP Address(es)",
      "     1  web.example.org               /jails/web",
      "        web                           ACTIVE",
      "        2",
    ]);
  });
});

describe("parameters by name", () => {
  test("values with a blank between; -h for a heading [TOOL-31]", async () => {
    expect(await out("jid", "name", "sysvmsg", "sysvsem", "sysvshm")).toEqual([
      "1 web new new disable",
      "2 db disable disable disable",
    ]);
    expect(await out("-h", "-j", "1", "jid", "name")).toEqual(["jid name", "1 web"]);
  });

  test("-n: name=value, booleans as name or noname [TOOL-32]", async () => {
    expect(await out("-n", "-j", "web", "name", "allow.sysvipc", "sysvsem", "persist")).toEqual([
      "name=web allow.nosysvipc sysvsem=new persist",
    ]);
  });

  test("-q quotes values with blanks, -s shows what jail(8) can set [TOOL-32]", async () => {
    expect(await out("-q", "-j", "2", "host.hostname")).toEqual(['"db with blanks"']);
    const [line] = await out("-s", "-j", "db");
    expect(line).toContain('host.hostname="db with blanks"');
    expect(line).not.toMatch(/dying|parent|children\.cur/);
  });

  test("-n alone: all parameters, those without a dot first [TOOL-32]", async () => {
    const [line] = await out("-n", "-j", "web");
    expect(line).toMatch(/^nodying jid=1 name=web parent=0 path=\/jails\/web persist sysvmsg=new /);
    expect(line).toMatch(/allow\.nosysvipc children\.cur=0 children\.max=1 host\.hostname=/);
  });
});

describe("errors", () => {
  test.each([
    [["-j", "nix"], 'jls: jail "nix" not found'],
    [["-j", "7"], "jls: jail 7 not found"],
    [["nix"], "jls: unknown parameter: nix"],
    [["-x"], "jls: usage: jls [-acdhNnqsv] [-j jail] [--json] [--effective] [param ...]"],
  ])("%j [TOOL-27]", async (args, line) => {
    expect(await jls(...args)).toEqual({ out: [], err: [line], status: 1 });
  });

  test("-c only tests whether the jail is there [TOOL-26]", async () => {
    expect(await jls("-c", "-j", "web")).toEqual({ out: [], err: [], status: 0 });
    expect(await jls("-c", "-j", "nix")).toEqual({ out: [], err: [], status: 1 });
  });
});

test("a jail lists its own children only: none, so the heading alone [TOOL-27]", async () => {
  expect((await tool(yard.jails.get("web")!, "jls")).out).toEqual([
    "   JID  IP Address      Hostname                      Path",
  ]);
});
