/** ps(1) and kill(1): who is seen and reached by whom. */
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lines, tool } from "../support/tool.ts";
import { privateJail, quiet, sleeps, until } from "../support/yard.ts";

const IDLE = new URL("programs/idle.ts", import.meta.url);

let yard: Yard;
let host: Jail;
let web: Jail;
let waiter: ProcessHandle;
let holder: ProcessHandle;
const ps = (...args: string[]) => tool(host, "ps", ...args);
const kill = (...args: string[]) => tool(host, "kill", ...args);
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });
const isThere = async (pid: number) => (await ps("-p", String(pid))).status === 0;

async function idle(jail: Jail, ...args: string[]): Promise<ProcessHandle> {
  const process = await jail.spawn({ module: IDLE, args, uid: jail === host ? 0 : 70 });
  await new Promise((resolve) => process.on("record", resolve));
  return process;
}

beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
  web = await privateJail(yard, "web");
  waiter = await idle(web, "77", "sem");
  holder = await idle(web, "77", "undo", "stay");
  await until(async () => (await sleeps(yard, web)) > 0);
});
afterAll(() => yard.shutdown());

describe("ps", () => {
  test("what each process sleeps on", async () => {
    const { out } = await ps("-J", "web");
    expect(out).toEqual([
      "PID JID STAT WCHAN   COMMAND",
      "101   1 SJ   semwait idle",
      "102   1 RJ   -       idle",
    ]);
    expect((await ps("-l", "-p", "101,102")).out).toEqual([
      "UID PID PPID JID STAT WCHAN   OBJECT   UNDO       COMMAND",
      " 70 101    1   1 SJ   semwait s65536.1 -          idle",
      " 70 102    1   1 RJ   -       -        s65536.0-1 idle",
    ]);
  });

  test("-o, -O, -j, -u, -L, --json", async () => {
    expect((await ps("-o", "pid,jail", "-o", "user", "-J1")).out[1]).toBe("101 web  postgres");
    expect((await ps("-O", "uid", "-p", "101")).out[0]).toBe("PID UID JID STAT WCHAN   COMMAND");
    expect((await ps("-L")).out).toEqual([
      "command gid jail jid object pid ppid ruid ruser stat uid undo user wchan",
    ]);
    const { processes } = JSON.parse((await ps("--json", "-p", "102")).out[0]);
    expect(processes).toMatchObject([{ pid: 102, jail: "web", undo: [[65536, 0, -1]] }]);
  });

  test("-U whose, -J where: 0 is the host; itself is among them", async () => {
    expect((await ps("-U", "postgres")).out).toHaveLength(3);
    expect((await ps("-J", "0")).out[1]).toMatch(/^\d+ +0 R +- +ps$/);
    expect((await ps("-p", "9999")).status).toBe(1); // nobody is found
  });

  test("a jail sees its own processes alone, and says nothing of others", async () => {
    const other = await privateJail(yard, "other");
    expect((await tool(other, "ps", "-ax")).out).toHaveLength(2);
    expect((await tool(other, "ps", "-p", "101")).out).toHaveLength(1);
    expect((await tool(web, "ps", "-o", "pid,jail,comm")).out.slice(0, 2)).toEqual([
      "PID JAIL COMMAND",
      "101 -    idle",
    ]);
    await other.remove();
  });

  test.each([
    [["-p", "x"], ["ps: Invalid process id: x"]],
    [["-p", "123456"], ["ps: process id too large: 123456"]],
    [["-U", "nix"], ["ps: No such user: nix"]],
    [["-J", "nix"], ['ps: jail "nix" not found']],
    [
      ["-o", "tt"],
      [
        "ps: tt: keyword not found",
        "ps: valid keywords: command gid jail jid object pid ppid ruid ruser stat uid undo user wchan",
      ],
    ],
  ])("%j", async (args, err) => {
    const ran = await ps(...args);
    expect(ran).toEqual(refused(...err.map((line) => line.replace(/^ps: valid/, "valid"))));
  });
});

describe("ipcs --waits", () => {
  test("who waits, and who probably holds it", async () => {
    expect((await tool(host, "ipcs", "--waits")).out).toEqual([
      "T    ID SEM WAITER       FOR         HOLDER WHY",
      "s 65536   1 101 idle@web an increase -      nobody did anything to it",
    ]);
    const { waits } = JSON.parse((await tool(web, "ipcs", "--waits", "--json")).out[0]);
    expect(waits).toEqual([
      {
        ...{ facility: "sem", id: 65536, semaphore: 1, for: "an increase", because: "none" },
        waiter: { pid: 101, comm: "idle", jail: "-" },
        holders: [],
      },
    ]);
  });

  test("who would give it back at its exit; who worked on a queue last", async () => {
    const zero = await idle(web, "77", "zero");
    const reader = await idle(web, "77", "msg");
    await until(
      async () => (await ps("-o", "wchan", "-J1")).out.filter((w) => w !== "-").length > 3,
    );
    expect((await tool(host, "ipcs", "--waits", "-j", "web")).out.slice(2)).toEqual([
      `s 65536   0 ${zero.pid} idle@web zero        102 idle@web gives it back at exit`,
      `q 65536   - ${reader.pid} idle@web a message   -            nobody did anything to it`,
    ]);
    await kill(String(zero.pid), String(reader.pid));
    await Promise.all([zero.exited, reader.exited]);
  });
});

describe("kill", () => {
  test("-l: names, one of a number, one of an exit status", async () => {
    expect((await kill("-l")).out[0]).toMatch(/^HUP INT QUIT ABRT KILL /);
    expect(await kill("-l", "15")).toEqual(done("TERM"));
    expect(await kill("-l", "137")).toEqual(done("KILL"));
  });

  test.each([
    [["1"], "kill: 1: Operation not permitted"],
    [["99"], "kill: 99: No such process"],
    [["--", "-5"], "kill: -5: No such process"],
    [["pid"], "kill: illegal process id: pid"],
    [["1e2"], "kill: illegal process id: 1e2"],
    [["99999999999"], "kill: illegal process id: 99999999999"],
  ])("%j", async (args, line) => {
    expect(await kill(...args)).toEqual(refused(line));
  });

  test.each([
    ["-NIX", "101"],
    ["-s", "99", "101"],
    ["-32", "101"],
    ["-l", "77"],
  ])("an unknown signal: %j", async (...args) => {
    const { err, status } = await kill(...args);
    expect(err[0]).toMatch(/^kill: unknown signal \w+; valid signals:$/);
    expect(err[1]).toMatch(/^HUP INT /);
    expect(status).toBe(1);
    expect(await isThere(101)).toBe(true);
  });

  test.each([[], ["-TERM"], ["-s"], ["-s", "TERM"]])("the usage: %j", async (...args) => {
    const { err, status } = await kill(...args);
    expect(err.slice(-4)[0]).toBe("usage: kill [-s signal_name] pid ...");
    expect(status).toBe(1);
  });

  test("from a jail: no process of another exists; somebody else's is not permitted", async () => {
    const other = await privateJail(yard, "other");
    expect(await tool(other, "kill", "-9", "101")).toEqual(refused("kill: 101: No such process"));
    await other.remove();
    const module = import.meta.resolve("@jailyard/tools/kill");
    const somebody = await web.spawn({ module, args: ["-0", "101"], uid: 1001, comm: "kill" });
    expect(await lines(somebody)).toEqual(refused("kill: 101: Operation not permitted"));
  });

  test("the host ends what runs in a jail, and goes on after a failure", async () => {
    expect(await kill("-0", "101", "102")).toEqual(done());
    expect(await kill("-s", "TERM", "99", "101")).toEqual(refused("kill: 99: No such process"));
    expect((await waiter.exited).signal).toBe(15);
    expect(await kill("-KILL", "102")).toEqual(done());
    expect((await holder.exited).signal).toBe(9);
    expect(await isThere(102)).toBe(false);
  });
});
