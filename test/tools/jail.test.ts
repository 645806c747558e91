/** jail(8) and jexec(8): jails made, changed, entered and removed by programs on the host. */
import { fileURLToPath } from "node:url";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { lines, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const file = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));

let yard: Yard;
let host: Jail;
const jail = (...args: string[]) => tool(host, "jail", ...args);
const jexec = (...args: string[]) => tool(host, "jexec", ...args);
const jls = async (...args: string[]) => (await tool(host, "jls", ...args)).out;
const names = () => jls("name");
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
});
afterEach(async () => {
  if ((await names()).length > 0) await jail("-R", "*");
  expect(await names()).toEqual([]);
});
afterAll(() => yard.shutdown());

describe("jail -c", () => {
  test("silent; -i prints the jid; -v shows the call [TOOL-34] [TOOL-37]", async () => {
    expect(await jail("-c", "name=web", "path=/jails/web", "persist", "sysvsem=new")).toEqual(
      done(),
    );
    expect(await jls("name", "path", "sysvsem")).toEqual(["web /jails/web new"]);
    const { out } = await jail("-i", "-c", "name=db", "persist");
    expect(out).toEqual(await jls("-j", "db", "jid"));
    expect(await jail("-vc", "name=app", "persist", "sysvshm", "allow.nosysvipc")).toEqual(
      done(
        "app: jail_set(JAIL_CREATE) name=app persist sysvshm=new allow.nosysvipc",
        "app: created",
      ),
    );
  });

  test("a nameless jail has its jid for a name; later words count", async () => {
    const { out } = await jail("-i", "-c", "nopersist", "persist", "persist=true");
    expect(await names()).toEqual(out);
  });

  test("a command runs in the jail, which lives as long", async () => {
    const ran = await jail("-c", "name=tmp", "sysvsem=new", "command=ipcmk", "-S", "1");
    expect(ran.out[0]).toMatch(/^Semaphore id: \d+$/);
    expect(ran.status).toBe(0);
    expect(await names()).toEqual([]);
    expect((await tool(host, "ipcs", "-s")).out).toHaveLength(3); // it went with its jail
    expect((await jail("-c", "name=web", "persist", "command=jls")).status).toBe(0);
    expect(await names()).toEqual(["web"]);
  });

  test("a command that fails, and one that is not there", async () => {
    expect(await jail("-c", "name=tmp", "command=ipcrm", "-q", "7")).toEqual(
      refused("ipcrm: msqid(7): : Function not implemented", "jail: tmp: ipcrm -q 7: failed"),
    );
    expect(await jail("-c", "name=tmp", "command=nix")).toEqual(
      refused("jail: execvp: nix: No such file or directory", "jail: tmp: nix: failed"),
    );
    expect(await names()).toEqual([]);
  });
});

describe("jail -m, -cm, -rc", () => {
  test("changes what there is, or makes it", async () => {
    await jail("-c", "name=web", "persist", "sysvshm=new");
    expect(await jail("-m", "name=web", "sysvshm=inherit")).toEqual(done());
    expect(await jls("sysvshm")).toEqual(["inherit"]);
    expect(await jail("-vm", "jid=1000", "persist")).toEqual(refused('jail: "1000" not found'));
    expect(await jail("-cm", "name=web", "children.max=3")).toEqual(done());
    expect(await jail("-vcm", "name=db", "persist")).toEqual(
      done("db: jail_set(JAIL_CREATE) name=db persist", "db: created"),
    );
    expect(await jls("name", "sysvshm", "children.max")).toEqual(["web inherit 3", "db disable 0"]);
  });

  test("-rc makes it anew; -mr only if it takes that", async () => {
    const jid = async () => (await jls("-j", "web", "jid"))[0];
    await jail("-c", "name=web", "persist", "sysvshm=new");
    const first = await jid();
    expect(await jail("-mr", "name=web", "sysvsem=new")).toEqual(done());
    expect(await jid()).toBe(first);
    expect(await jail("-vmr", "name=web", "path=/elsewhere", "persist")).toEqual(
      done(
        "web: jail_set(JAIL_UPDATE) name=web path=/elsewhere persist: path cannot be changed after creation",
        "web: removed",
        "web: jail_set(JAIL_CREATE) name=web path=/elsewhere persist",
        "web: created",
      ),
    );
    expect(await jid()).not.toBe(first);
    expect(await jail("-rc", "name=web", "persist")).toEqual(done());
    expect(await jls("sysvsem", "path")).toEqual(["disable /"]);
  });

  test("two administrators at once: one wins, the other is told", async () => {
    const both = await Promise.all([
      jail("-c", "name=web", "persist"),
      jail("-c", "name=web", "persist"),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual([0, 1]);
    expect(both.flatMap(({ err }) => err)).toEqual([expect.stringMatching(/already exists$/)]);
    const removals = await Promise.all([jail("-r", "web"), jail("-r", "web")]);
    expect(removals.map(({ status }) => status).sort()).toEqual([0, 1]);
    expect(removals.flatMap(({ err }) => err)).toEqual(['jail: "web" not found']);
  });
});

describe("jail -r", () => {
  test("one is silent, several and all are told, -q is not [TOOL-34]", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) await jail("-c", `name=${name}`, "persist");
    expect(await jail("-r", "a")).toEqual(done());
    expect(await jail("-r", "b", "nix", "c")).toEqual({
      out: ["b: removed", "c: removed"],
      err: ['jail: "nix" not found'],
      status: 1,
    });
    expect(await jail("-qr", "*")).toEqual(done());
  });

  test("SIGTERM first, so that processes may leave [TOOL-36]", async () => {
    const web = await yard.jail({ name: "web", "children.max": 2 });
    const idle = await web.spawn({ module: file("idle"), args: ["1", "stay"] });
    const ended = idle.exited;
    expect((await jail("-r", "web")).status).toBe(0);
    expect((await ended).signal).not.toBe(null);
    expect(await names()).toEqual([]);
  });

  test("in a jail: its children only, and only if it may have any", async () => {
    const web = await yard.jail({ name: "web", "children.max": 1, path: "/web" });
    const inside = (...args: string[]) => tool(web, "jail", ...args);
    expect(await inside("-r", "web")).toEqual(refused('jail: "web" not found'));
    expect(await inside("-c", "name=sub", "persist")).toEqual(done());
    expect(await names()).toEqual(["web", "web.sub"]);
    expect((await inside("-c", "name=sub2", "persist")).err).toEqual([
      expect.stringMatching(/^jail: sub2: /),
    ]);
    expect(await inside("-r", "*")).toEqual(done("sub: removed"));
    expect(await names()).toEqual(["web"]);
  });
});

describe("errors of jail, which change nothing [TOOL-35]", () => {
  test.each([
    [["-c", "name=web"], "jail: web: new jail must persist or attach"],
    [["-c", "name=here", "persist"], 'jail: "here" already exists'],
    [["-m", "name=web", "persist"], 'jail: "web" not found'],
    [["-r", "web"], 'jail: "web" not found'],
    [["-r", "99"], 'jail: "99" not found'],
    [["-r", ""], 'jail: "" not found'],
    [["-c", "name=web", "sysvfoo=new", "persist"], "jail: unknown parameter: sysvfoo"],
    [["-c", "name=web", "dying", "persist"], "jail: unknown parameter: dying"],
    [
      ["-c", "name=web", "persist", "sysvshm=private"],
      'jail: web: sysvshm: unknown jailsys value "private"',
    ],
    [["-c", "name=web", "persist=maybe"], 'jail: web: persist: unknown boolean value "maybe"'],
    [
      ["-c", "name=web", "children.max=many", "persist"],
      'jail: web: children.max: non-integer value "many"',
    ],
    [["-m", "name=here", "path=/x"], "jail: here: path cannot be changed after creation"],
    [["-c", "jid=-3", "persist"], "jail: -3: negative jid"],
    [["-c", "name=a.b", "persist"], 'jail: jail "a" not found'],
    [["-c", "name=web", "path=x", "persist"], "jail: web: jail_set: Not a directory"],
    [["-c", `name=${"x".repeat(300)}`, "persist"], /^jail: x+: jail_set: File name too long$/],
    [["-c", `name=${"x".repeat(9000)}`, "persist"], "jail: Argument list too long"],
    [["-u", "nix", "-c", "name=web", "persist"], "jail: nix: no such user"],
  ])("%j", async (args, line) => {
    await jail("-c", "name=here", "persist");
    const { out, err, status } = await jail(...args);
    expect({ out, status }).toEqual({ out: [], status: 1 });
    expect(err).toEqual([typeof line === "string" ? line : expect.stringMatching(line)]);
    expect(await jls("name", "path", "sysvshm")).toEqual(["here / disable"]);
  });

  test.each([[], ["web"], ["-c"], ["-r"], ["-i", "name=web"], ["-cR", "x"], ["-z", "-c", "x"]])(
    "the usage: %j",
    async (...args) => {
      const { err, status } = await jail(...args);
      expect(err.at(-4)).toMatch(/^usage: jail \[-iqv\]/);
      expect(status).toBe(1);
    },
  );

  test("somebody else than root may not", async () => {
    await jail("-c", "name=here", "persist");
    const module = import.meta.resolve("@jailyard/tools/jail");
    const as = async (...args: string[]) =>
      lines(await host.spawn({ module, args, uid: 1001, comm: "jail" }));
    expect(await as("-c", "name=web", "persist")).toEqual(
      refused("jail: web: jail_set: Operation not permitted"),
    );
    expect(await as("-r", "here")).toEqual(
      refused("jail: here: jail_remove: Operation not permitted"),
    );
    expect(await names()).toEqual(["here"]);
  });
});

describe("jexec", () => {
  test("a tool sees what the jail sees; its objects are the jail's [TOOL-39]", async () => {
    await jail("-c", "name=web", "persist", "sysvmsg=new", "sysvsem=new", "sysvshm=new");
    expect((await jexec("web", "ipcmk", "-M", "100", "-k", "5")).status).toBe(0);
    expect((await jexec("web", "ipcs", "-m", "--output", "key")).out).toEqual(["KEY", "  5"]);
    expect((await tool(host, "ipcs", "-m", "--output", "key,jail")).out[1]).toBe("  5 web");
    const jid = (await jls("jid"))[0];
    expect((await jexec(jid, "sysctl", "-n", "security.jail.jailed")).out).toEqual(["1"]);
    expect((await jexec("web", "ps", "-o", "jid,command")).out[1]).toBe(`${jid.padStart(3)} ps`);
  });

  test("no back door: from inside neither -Z, nor the true keys, nor the neighbours", async () => {
    await jail("-c", "name=web", "persist", "sysvsem=new");
    await jail("-c", "name=db", "persist", "sysvsem=new");
    await jexec("db", "ipcmk", "-S", "1", "-k", "9");
    expect((await jexec("web", "ipcs", "-Z")).status).toBe(1);
    expect((await jexec("web", "ipcs", "-j", "db")).status).toBe(1);
    expect((await jexec("web", "ipcs", "-s", "--output", "key")).out).toEqual(["KEY"]);
    expect((await jexec("web", "jexec", "db", "ps")).err).toEqual(['jexec: jail "db" not found']);
    expect((await jexec("web", "ipcrm", "-W", "-v")).out).toEqual([]);
    expect((await tool(host, "ipcs", "-s", "--output", "key,jail")).out[1]).toBe("  9 db");
  });

  test("a program of the user's by its file, with entries of its own; as somebody else", async () => {
    await jail("-c", "jid=40", "name=web", "persist");
    expect(await jexec("-u", "postgres", "web", file("family"), "a", "-b")).toEqual({
      out: ["family a+-b", "heir a+-b in 40 as 70"],
      err: [],
      status: 5, // the command's [TOOL-39]
    });
    const relative = file("family").slice(1); // against the directory of whoever asks: here /
    expect((await jexec("web", relative)).out[0]).toBe("family ");
  });

  test.each([
    [["nix", "ps"], 'jexec: jail "nix" not found'],
    [["9", "ps"], "jexec: jail 9 not found"],
    [["0", "ps"], "jexec: jail 0 not found"],
    [["web", "foo"], "jexec: execvp: foo: No such file or directory"],
    [["web", "../nix.ts"], "jexec: execvp: ../nix.ts: No such file or directory"],
    [["web"], "jexec: execvp: /bin/sh: No such file or directory"],
    [["-u", "nix", "web", "ps"], "jexec: nix: no such user"],
  ])("%j [TOOL-38]", async (args, line) => {
    await jail("-c", "name=web", "persist");
    expect(await jexec(...args)).toEqual(refused(line));
  });

  test("not by just anybody", async () => {
    await jail("-c", "jid=41", "name=web", "persist");
    const module = import.meta.resolve("@jailyard/tools/jexec");
    const args = ["web", "ps"];
    const somebody = await host.spawn({ module, args, uid: 1001, comm: "jexec" });
    expect(await lines(somebody)).toEqual(
      refused("jexec: jail_attach(41): Operation not permitted"),
    );
  });

  test.each([[], ["-x", "web"], ["-u", "a", "-U", "b", "web", "ps"]])(
    "the usage: %j",
    async (...args) => {
      const { err, status } = await jexec(...args);
      expect(err.at(-1)).toMatch(/^usage: jexec \[-l\]/);
      expect(status).toBe(1);
    },
  );

  test("a jail that goes takes the command with it", async () => {
    await jail("-c", "name=web", "persist", "sysvsem=new", "sysvshm=new", "sysvmsg=new");
    const module = import.meta.resolve("@jailyard/tools/jexec");
    const args = ["web", file("idle"), "1", "stay"];
    const process = await host.spawn({ module, args, comm: "jexec", arg: { cwd: "/" } });
    await new Promise((resolve) => process.on("record", resolve));
    await jail("-R", "web");
    expect((await process.exited).signal).toBe(9);
  });
});

test("jls --effective: in whose name space each jail finds itself", async () => {
  await jail("-c", "name=web", "persist", "children.max=2", "sysvsem=new", "sysvshm=inherit");
  await jail("-c", "name=web.sub", "persist", "sysvsem=inherit", "sysvshm=inherit");
  await jail("-m", "name=web.sub", "allow.nosuser");
  const rows = (await jls("--effective")).map((line) => line.trim().split(/ {2,}|(?<!of) /));
  expect(rows.map(([, ...rest]) => rest)).toEqual([
    ["NAME", "QUEUES", "SEGMENTS", "SEMAPHORES", "ALLOW"],
    ["web", "none", "of 0", "own", "suser"],
    ["web.sub", "none", "of 0", "of web", "-"],
  ]);
  const { jails } = JSON.parse((await jls("--effective", "--json", "-j", "web"))[0]);
  expect(jails[0].spaces.shm).toEqual({ kind: "shared", of: "0" });
});
