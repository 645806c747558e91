/** kldload(8), kldunload(8), kldstat(8). */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lines, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const OBJECTS = new URL("programs/objects.ts", import.meta.url);

let yard: Yard;
let host: Jail;
const run = (name: string, ...args: string[]) => tool(host, name, ...args);
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
});
afterAll(() => yard.shutdown());

describe("kldstat", () => {
  test("id, references, address, size, name [TOOL-42]", async () => {
    expect(await run("kldstat")).toEqual(
      done(
        "Id Refs Address                Size Name",
        " 1    1 0xffffffff80200000  1d345a0 kernel",
        " 2    1 0xffffffff82c0e000     5a20 sysvmsg.ko",
        " 3    1 0xffffffff82c15000     6710 sysvsem.ko",
        " 4    1 0xffffffff82c1c000     5458 sysvshm.ko",
      ),
    );
    expect((await run("kldstat", "-h", "-i", "4")).out[1]).toBe(
      " 4    1 0xffffffff82c1c000   21K sysvshm.ko",
    );
    expect((await run("kldstat", "-v", "-n", "sysvsem")).out.slice(1)).toEqual([
      " 3    1 0xffffffff82c15000     6710 sysvsem.ko (/boot/kernel/sysvsem.ko)",
      "\tContains modules:",
      "\t\t Id Name",
      "\t\t411 sysvsem",
    ]);
  });

  test("-m asks for a module, -q only whether it is there [TOOL-42]", async () => {
    expect(await run("kldstat", "-m", "sysvshm")).toEqual(
      done("Id  Refs Name", "412    1 sysvshm"),
    );
    expect(await run("kldstat", "-q", "-m", "sysvshm")).toEqual(done());
    expect(await run("kldstat", "-q", "-m", "nix")).toEqual(refused());
  });

  test.each([
    [["-m", "nix"], "kldstat: can't find module nix: No such file or directory"],
    [["-n", "nix.ko"], "kldstat: can't find file nix.ko: No such file or directory"],
    [["-i", "9"], "kldstat: can't stat file id 9: No such file or directory"],
    [["-i", "nine"], "kldstat: Invalid ID nine"],
  ])("%j", async (args, line) => {
    expect(await run("kldstat", ...args)).toEqual(refused(line));
  });
});

describe("kldunload and kldload", () => {
  test("silent; -v tells the id; a module that comes again has another one", async () => {
    expect(await run("kldunload", "sysvshm")).toEqual(done());
    expect((await run("kldstat", "-m", "sysvshm")).status).toBe(1);
    expect(await run("kldload", "-v", "sysvshm")).toEqual(done("Loaded sysvshm, id=5"));
    expect(await run("kldunload", "-v", "-i", "5")).toEqual(done("Unloading sysvshm.ko, id=5"));
    expect(await run("kldload", "sysvshm.ko")).toEqual(done());
  });

  test("there already; missing [TOOL-40]", async () => {
    expect(await run("kldload", "sysvsem")).toEqual(
      refused("kldload: can't load sysvsem: module already loaded or in kernel"),
    );
    expect(await run("kldload", "-n", "sysvsem")).toEqual(done());
    expect(await run("kldload", "-nv", "sysvsem")).toEqual(done("sysvsem is already loaded"));
    expect(await run("kldload", "sysvfoo", "nix", "-v")).toEqual(
      refused(
        "kldload: can't load sysvfoo: No such file or directory",
        "kldload: can't load nix: No such file or directory",
        "kldload: can't load -v: No such file or directory",
      ),
    );
  });

  test("not loaded, busy; it stops at the first failure [TOOL-41]", async () => {
    expect(await run("kldunload", "sysvfoo", "sysvshm")).toEqual(
      refused("kldunload: can't find file sysvfoo"),
    );
    await (await host.spawn({ module: OBJECTS })).exited;
    expect(await run("kldunload", "-fv", "sysvsem")).toEqual({
      out: ["Unloading sysvsem.ko, id=3"], // printed before the attempt
      err: [
        "kldunload: can't unload file: Device busy",
        "kldunload: kldunload: Device busy by SEM-83",
      ],
      status: 1,
    });
    expect(await run("kldunload", "-i", "77")).toEqual(
      refused("kldunload: can't find file with ID 77"),
    );
    expect(await run("kldunload", "-i", "x")).toEqual(refused("kldunload: Invalid ID x"));
    expect(await run("kldstat", "-qm", "sysvsem")).toEqual(done());
  });

  test("not by just anybody, and not in a jail: Operation not permitted", async () => {
    const module = import.meta.resolve("@jailyard/tools/kldunload");
    const somebody = await host.spawn({ module, args: ["sysvsem"], uid: 1001, comm: "kldunload" });
    expect(await lines(somebody)).toEqual(
      refused("kldunload: can't unload file: Operation not permitted"),
    );
    const web = await yard.jail({ name: "web" });
    expect(await tool(web, "kldload", "sysvsem")).toEqual(
      refused("kldload: can't load sysvsem: Operation not permitted"),
    );
    expect((await tool(web, "kldunload", "sysvsem")).status).toBe(1);
    expect(await run("kldstat", "-qm", "sysvsem")).toEqual(done());
  });
});

test.each([
  ["kldload", [], ["usage: kldload [-nqv] file ..."]],
  [
    "kldload",
    ["-z", "sysvsem"],
    ["kldload: illegal option -- z", "usage: kldload [-nqv] file ..."],
  ],
  [
    "kldunload",
    ["-v"],
    ["usage: kldunload [-fv] -i id ...", "       kldunload [-fv] [-n] name ..."],
  ],
  [
    "kldstat",
    ["sysvsem"],
    ["usage: kldstat [-dhqv] [-i id] [-n filename]", "       kldstat [-dq] [-m modname]"],
  ],
])("the usage of %s %j", async (name, args, err) => {
  expect(await run(name, ...args)).toEqual(refused(...err));
});

test("hostile arguments change nothing", async () => {
  const before = await run("kldstat");
  for (const name of ["x".repeat(9000), "", "..", "sysv\0shm", "/boot/kernel/"]) {
    expect((await run("kldload", name)).status).toBe(1);
    expect((await run("kldunload", name)).status).toBe(1);
  }
  expect(await run("kldstat")).toEqual(before);
});
