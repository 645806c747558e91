/** rctl(8): rules and usage. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

const IDLE = new URL("programs/idle.ts", import.meta.url);

let yard: Yard;
let host: Jail;
let web: Jail;
const rctl = (...args: string[]) => tool(host, "rctl", ...args);
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

beforeAll(async () => {
  yard = await quiet({ racct: true });
  host = await yard.host;
  web = await privateJail(yard, "web");
  const program = await web.spawn({ module: IDLE, uid: 70, args: ["77", "stay"] });
  await new Promise((resolve) => program.on("record", resolve));
});
afterEach(() => rctl("-r", ":"));
afterAll(() => yard.shutdown());

describe("rules", () => {
  test("-a adds, none lists, -r removes [TOOL-47]; jails go by name", async () => {
    expect(await rctl("-a", "jail:web:nshm:deny=2", "j:web:nsem:log=5")).toEqual(done());
    expect(await rctl()).toEqual(done("jail:web:nshm:deny=2", "jail:web:nsem:log=5"));
    expect(await rctl("::nsem")).toEqual(done("jail:web:nsem:log=5"));
    expect(await rctl("-r", "jail:web:nshm")).toEqual(done());
    expect(await rctl()).toEqual(done("jail:web:nsem:log=5"));
  });

  test("names of users, -n their numbers; amounts with units, -h short ones", async () => {
    expect(await rctl("-a", "u:postgres:shmsize:deny=64m/jail")).toEqual(done());
    expect(await rctl()).toEqual(done("user:postgres:shmsize:deny=67108864/jail"));
    expect(await rctl("-n")).toEqual(done("user:70:shmsize:deny=67108864/jail"));
    expect(await rctl("-h", "u:postgres")).toEqual(done("user:postgres:shmsize:deny=64M/jail"));
  });

  test("a rule denies [TOOL-49]", async () => {
    await rctl("-a", "jail:web:nshm:deny=1"); // the program that stays has one
    const { err } = await tool(web, "ipcmk", "-M", "1");
    expect(err).toEqual(["ipcmk: create shared memory failed: No space left on device"]);
  });

  test("-l: what binds a process", async () => {
    await rctl("-a", "jail:web:nshm:deny=2", "loginclass:default:nsem:deny=100");
    const { out } = await tool(host, "ps", "-J", "web", "--json");
    const { pid } = JSON.parse(out[0]).processes[0];
    expect(await rctl("-l", `p:${pid}`)).toEqual(
      done("jail:web:nshm:deny=2", "loginclass:default:nsem:deny=100"),
    );
    expect((await rctl("-l", "p:99")).err).toEqual([
      "rctl: failed to get limits for 'p:99': No such process",
    ]);
  });
});

describe("usage", () => {
  test("-u of a jail and of a user: in a fixed order [TOOL-47]", async () => {
    const used = ["nmsgq=1", "nsem=2", "nsemop=0", "nshm=1", "shmsize=8192"];
    const all = done("msgqqueued=0", "msgqsize=0", ...used);
    expect(await rctl("-u", "jail:web")).toEqual(all);
    expect(await rctl("-u", "u:postgres")).toEqual(all);
    expect((await rctl("-u", "user:nix")).status).toBe(1);
  });

  test("--json", async () => {
    await rctl("-a", "jail:web:nshm:deny=2");
    expect(JSON.parse((await rctl("--json")).out[0])).toEqual({
      rctl: [{ filter: "", result: ["jail:web:nshm:deny=2"] }],
    });
  });
});

describe("errors, which change nothing", () => {
  const RULE = "jail:web:nshm:deny=2";

  test.each([
    [["-a", RULE], `rctl: failed to add rule '${RULE}': File exists`],
    [["-a", "jail:web"], "rctl: failed to add rule 'jail:web': Invalid argument"],
    [["-a", "a:b:c:d=e:f"], "rctl: failed to add rule 'a:b:c:d=e:f': Invalid argument"],
    [
      ["-a", "jail:web:nshm:deny=x"],
      "rctl: failed to add rule 'jail:web:nshm:deny=x': Invalid argument",
    ],
    [
      ["-a", "jail:web:nshm:deny=-1"],
      "rctl: failed to add rule 'jail:web:nshm:deny=-1': Result too large",
    ],
    [
      ["-a", "jail:web:nfoo:deny=1"],
      "rctl: failed to add rule 'jail:web:nfoo:deny=1': Invalid argument",
    ],
    [
      ["-a", "user:nix:nshm:deny=1"],
      "rctl: failed to add rule 'user:nix:nshm:deny=1': user 'nix' not found",
    ],
    [
      ["-a", "process:9:nshm:deny=1"],
      "rctl: failed to add rule 'process:9:nshm:deny=1': No such process",
    ],
    [["-r", "jail:db"], "rctl: failed to remove rule 'jail:db': No such process"],
    [["-l", "jail:web"], "rctl: failed to get limits for 'jail:web': Invalid argument"],
    [["-u", "web"], "rctl: failed to show resource consumption for 'web': Invalid argument"],
    [["x:y"], "rctl: failed to show rules for 'x:y': Invalid argument"],
  ])("%j", async (args, line) => {
    await rctl("-a", RULE);
    expect(await rctl(...args)).toEqual(refused(line));
    expect(await rctl()).toEqual(done(RULE));
  });

  test.each([["-a"], ["-a", "-r", "x"], ["-u"], ["-x"]])("the usage: %j", async (...args) => {
    const { err, status } = await rctl(...args);
    expect(status).toBe(1);
    expect(err.slice(-5)[0]).toBe("usage: rctl [-hn] [--json] [filter ...]");
  });

  test("a jail has no part in it", async () => {
    expect(await tool(web, "rctl", "-a", RULE)).toEqual(
      refused(`rctl: failed to add rule '${RULE}': Operation not permitted`),
    );
    expect(await tool(web, "rctl")).toEqual(
      refused("rctl: failed to show rules for '': Operation not permitted"),
    );
    expect(await rctl()).toEqual(done());
  });
});

test("accounting is off by default [TOOL-48]", async () => {
  const plain = await quiet();
  try {
    expect(await tool(await plain.host, "rctl")).toEqual(
      refused("rctl: RACCT/RCTL present, but disabled; enable using kern.racct.enable=1 tunable"),
    );
  } finally {
    await plain.shutdown();
  }
});
