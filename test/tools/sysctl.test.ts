/** sysctl(8): what there is, what can be written when, and by whom. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lines, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

let yard: Yard;
let host: Jail;
let web: Jail;
const sysctl = (...args: string[]) => tool(host, "sysctl", ...args);
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
  web = await yard.jail({ name: "web", "children.max": 3 });
});
afterAll(() => yard.shutdown());

describe("reading", () => {
  test("name: value; -n, -N, -e, -d, -t [TOOL-43]", async () => {
    const name = "kern.ipc.semmni";
    expect(await sysctl(name)).toEqual(done("kern.ipc.semmni: 50"));
    expect(await sysctl("-n", name)).toEqual(done("50"));
    expect(await sysctl("-N", name)).toEqual(done(name));
    expect(await sysctl("-e", name)).toEqual(done("kern.ipc.semmni=50"));
    expect(await sysctl("-d", name)).toEqual(
      done("kern.ipc.semmni: Number of semaphore identifiers"),
    );
    expect(await sysctl("-t", name)).toEqual(done("kern.ipc.semmni: integer"));
  });

  test("all below a name, and -a", async () => {
    expect(await sysctl("kern.features")).toEqual(
      done("kern.features.sysv_msg: 1", "kern.features.sysv_sem: 1", "kern.features.sysv_shm: 1"),
    );
    const { out } = await sysctl("-aN");
    expect(out).toContain("security.jail.param.sysvmsg."); // ends in a dot [TOOL-45]
    expect(out.length).toBeGreaterThan(30);
  });

  test("what can be set at boot only, by the loader too, and now", async () => {
    const names = async (...args: string[]) => (await sysctl("-N", ...args, "-a")).out;
    const boot = await names("--boot");
    expect(boot).toContain("kern.ipc.semmni");
    expect(boot).toContain("kern.racct.enable");
    expect(boot).not.toContain("kern.ipc.shmmax");
    expect(boot).not.toContain("kern.ipc.semusz");
    const tunable = await names("-T");
    expect(tunable).toEqual(expect.arrayContaining([...boot, "kern.ipc.shmmax"]));
    expect(await names("-W")).toEqual(
      expect.arrayContaining(["kern.ipc.shmmax", "security.jail.sysvipc_allowed"]),
    );
    expect(await names("-W")).not.toContain("kern.ipc.semmni");
  });

  test("a jail reads the host's limits, and of jails what concerns it", async () => {
    const inside = (...args: string[]) => tool(web, "sysctl", "-n", ...args);
    expect(await inside("kern.ipc.semmni", "security.jail.jailed")).toEqual(done("50", "1"));
    expect(await inside("security.jail.children.max")).toEqual(done("3"));
    expect(await sysctl("-n", "security.jail.jailed")).toEqual(done("0"));
  });

  test("--json", async () => {
    const { out } = await sysctl("--json", "kern.ipc.semmni");
    expect(JSON.parse(out[0])).toEqual({
      sysctl: [
        {
          ...{ name: "kern.ipc.semmni", value: 50, kind: "boot" },
          about: "Number of semaphore identifiers",
        },
      ],
    });
  });
});

describe("writing", () => {
  test("name: old -> new [TOOL-43]; the next call meets it", async () => {
    expect(await sysctl("kern.ipc.shmmax=4096")).toEqual(
      done("kern.ipc.shmmax: 536870912 -> 4096"),
    );
    expect((await tool(host, "ipcmk", "-M", "4097")).err).toEqual([
      "ipcmk: create shared memory failed: Invalid argument",
    ]);
    expect(await sysctl("-n", "kern.ipc.shmmax=0x20000000")).toEqual(done("4096 -> 536870912"));
    expect(await sysctl("-q", "kern.ipc.shmmin=1")).toEqual(done());
  });

  const unchanged = async () => (await sysctl("-a")).out;

  test.each([
    [
      "kern.ipc.semmni=9",
      "sysctl: oid 'kern.ipc.semmni' is a read only tunable",
      "sysctl: Tunable values are set in /boot/loader.conf",
    ],
    ["kern.ipc.semusz=9", "sysctl: oid 'kern.ipc.semusz' is read only"],
    ["security.jail.jailed=1", "sysctl: oid 'security.jail.jailed' is read only"],
    ["kern.ipc.nix=1", "sysctl: unknown oid 'kern.ipc.nix'"],
    ["nix", "sysctl: unknown oid 'nix'"],
    ["", "sysctl: unknown oid ''"],
    ["kern.ipc=1", "sysctl: oid 'kern.ipc' isn't a leaf node"],
    ["kern.ipc.shmmax=", "sysctl: empty numeric value"],
    ["kern.ipc.shmmax=much", "sysctl: invalid integer 'much'"],
    ["kern.ipc.shmmax=1e3", "sysctl: invalid integer '1e3'"],
    ["kern.ipc.shmmax=99999999999999999999", "sysctl: invalid integer '99999999999999999999'"],
    ["kern.ipc.shmmax=-1", "sysctl: kern.ipc.shmmax=-1: Invalid argument"],
    ["kern.ipc.shm_use_phys=2", "sysctl: kern.ipc.shm_use_phys=2: Invalid argument"],
  ])("%s is refused, and changes nothing", async (operand, ...err) => {
    const before = await unchanged();
    expect(await sysctl(operand)).toEqual(refused(...err));
    expect(await unchanged()).toEqual(before);
  });

  test("others than root of the host may not", async () => {
    const why = "sysctl: kern.ipc.shmmax=1: Operation not permitted";
    expect(await tool(web, "sysctl", "kern.ipc.shmmax=1")).toEqual(refused(why));
    const module = import.meta.resolve("@jailyard/tools/sysctl");
    const args = ["kern.ipc.shmmax=1"];
    const somebody = await host.spawn({ module, args, uid: 1001, comm: "sysctl" });
    expect(await lines(somebody)).toEqual(refused(why));
    expect((await sysctl("-n", "kern.ipc.shmmax")).out).toEqual(["536870912"]);
  });

  test("each operand on its own; -i passes over unknown names", async () => {
    expect(await sysctl("nix", "kern.ipc.semmni")).toEqual({
      out: ["kern.ipc.semmni: 50"],
      err: ["sysctl: unknown oid 'nix'"],
      status: 1,
    });
    expect(await sysctl("-i", "nix", "kern.ipc.semmni")).toEqual(done("kern.ipc.semmni: 50"));
  });
});

test.each([[], ["-a", "kern.ipc"], ["-Z", "kern.ipc"]])("the usage: %j", async (...args) => {
  const { out, err, status } = await sysctl(...args);
  expect({ out, status }).toEqual({ out: [], status: 1 });
  expect(err.at(-2)).toMatch(/^usage: sysctl \[-deiNnqTtW\]/);
});

test("names of an absent module do not exist [JAIL-67]", async () => {
  const bare = await quiet({ modules: ["msg"] });
  try {
    expect((await tool(await bare.host, "sysctl", "kern.ipc.shmmax")).err).toEqual([
      "sysctl: unknown oid 'kern.ipc.shmmax'",
    ]);
  } finally {
    await bare.shutdown();
  }
});
