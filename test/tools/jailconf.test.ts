/** jail(8) with -f: jails of a jail.conf(5), and the commands around them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const folder = mkdtempSync(join(tmpdir(), "jailyard-jailconf-"));
let yard: Yard;
let host: Jail;

beforeAll(async () => {
  yard = await quiet();
  host = await yard.host;
  writeFileSync(
    join(folder, "say.ts"),
    `import { program } from "jailyard";
export default program("say", async (p) => {
  const { jid, uid } = await p.getcred();
  p.print(\`\${p.args.join(" ")} in \${jid === 0 ? "the host" : "a jail"} by \${uid}\`);
  if (p.args[0] === "hang") await p.sleep(Infinity);
  return p.args[0] === "fail" ? 3 : 0;
});\n`,
  );
});
afterEach(async () => {
  if ((await jls()).length > 0) await tool(host, "jail", "-R", "*");
});
afterAll(async () => {
  await yard.shutdown();
  rmSync(folder, { recursive: true });
});

const jls = async (...args: string[]) => (await tool(host, "jls", "name", ...args)).out;
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

/** `jail -f FILE …` with a file of this text. */
function jail(text: string, ...args: string[]) {
  const file = join(folder, "jail.conf");
  writeFileSync(file, text);
  return tool(host, "jail", "-f", file, ...args);
}

const THREE = `
exec.clean; persist; sysvsem = new;
web { depend = db; }
db { depend = log; path = /db; }
log {}
`;

describe("which, in which order", () => {
  test("all, each after those that it depends on; removed the other way round", async () => {
    expect(await jail(THREE, "-c")).toEqual(done("log: created", "db: created", "web: created"));
    expect(await jls("path", "sysvsem")).toEqual(["log / new", "db /db new", "web / new"]);
    expect(await jail(THREE, "-r")).toEqual(done("web: removed", "db: removed", "log: removed"));
    expect(await jls()).toEqual([]);
  });

  test("one that is named brings those that it depends on, and goes alone", async () => {
    expect(await jail(THREE, "-c", "db")).toEqual(done("log: created", "db: created"));
    expect(await jail(THREE, "-c", "web")).toEqual(done("web: created"));
    expect(await jail(THREE, "-r", "web")).toEqual(done("web: removed"));
    expect(await jls()).toEqual(["log", "db"]);
    expect(await jail(THREE, "-c", "db")).toEqual(refused('jail: "db" already exists'));
    expect(await jail(THREE, "-qr", "*")).toMatchObject({ status: 1, out: [] });
    expect(await jail(THREE, "-c", "nix")).toEqual(refused('jail: "nix" not found'));
  });

  test("-m sets everything again, -rc makes anew, -cm whichever it takes", async () => {
    expect(await jail(THREE, "-m", "log")).toEqual(refused('jail: "log" not found'));
    expect(await jail(THREE, "-cm", "log")).toEqual(done("log: created"));
    const changed = THREE.replace("log {}", "log { host.hostname = l.example; }");
    expect(await jail(changed, "-m", "log")).toEqual(done("log: updated"));
    expect(await jls("host.hostname", "jid")).toEqual([expect.stringMatching(/^log l\.example /)]);
    const [before] = await jls("jid");
    expect(await jail(changed, "-rc", "log")).toEqual(done("log: removed", "log: created"));
    expect(await jls("jid")).not.toEqual([before]);
    expect(await jail(THREE, "-v", "-m", "log")).toEqual(
      done("log: jail_set(JAIL_UPDATE) name=log persist sysvsem=new", "log: updated"),
    );
    expect(await jail(THREE, "-e", ",")).toEqual(done("log,db,web"));
  });
});

const HOOKS = `persist; exec.jail_user = postgres; stop.timeout = 1;
web {
  exec.prestart = "say.ts prestart";
  exec.created = "say.ts created";
  exec.start = "say.ts start", 'say.ts "a b"';
  exec.start += "say.ts hang &";
  exec.poststart = "say.ts poststart";
  exec.prestop = "say.ts prestop";
  exec.stop = "say.ts stop";
  exec.poststop = "say.ts poststop";
}`;

describe("commands", () => {
  test("run on the host or in the jail, as whom the file says; & does not wait", async () => {
    const { out, err, status } = await jail(HOOKS, "-c");
    expect({ err, status }).toEqual({ err: [], status: 0 });
    // Who runs in the background speaks when it likes.
    expect(out.filter((line) => !line.startsWith("hang"))).toEqual([
      "prestart in the host by 0",
      "created in the host by 0",
      "start in a jail by 70",
      "a b in a jail by 70",
      "poststart in the host by 0",
      "web: created",
    ]);
    expect(await jail(HOOKS, "-r")).toEqual(
      done(
        "prestop in the host by 0",
        "stop in a jail by 70",
        "poststop in the host by 0",
        "web: removed",
      ),
    );
  });

  test("one that fails takes its jail along, and those that depend on it", async () => {
    const text = `persist; web { exec.start = "say.ts fail"; } app { depend = web; } db {}`;
    expect(await jail(text, "-c")).toEqual({
      out: ["fail in a jail by 0", "db: created"],
      err: ["jail: web: say.ts fail: failed", "jail: app: depends on web"],
      status: 1,
    });
    expect(await jls()).toEqual(["db"]);
  });

  test("a tool; a time limit; nothing is left of a jail that does not persist", async () => {
    expect(
      await jail(`web { nopersist; sysvmsg; exec.start = "ipcmk -Q -k 5", "ipcrm -Q 5"; }`, "-c"),
    ).toEqual(done("Message queue id: 65536", "web: created"));
    expect(await jls()).toEqual([]);
    expect(await jail(`web { exec.timeout = 1; exec.start = "say.ts hang"; }`, "-c")).toEqual({
      out: ["hang in a jail by 0"],
      err: ["jail: web: say.ts hang: timed out"],
      status: 1,
    });
    expect(await jls()).toEqual([]);
  });
});

describe("a file that is refused changes nothing", () => {
  test.each([
    ["log {}\nweb {\n  mount.devfs;\n}", /jail\.conf:3: unknown parameter: mount\.devfs$/],
    ["log {}\nweb { ip4.addr = 192.0.2.1; }", /jail\.conf:2: unknown parameter: ip4\.addr$/],
    ["web {\n sysvsem = private; }", /jail\.conf:2: sysvsem: unknown jailsys value "private"$/],
    ["web {\n path = a, b; }", /jail\.conf:2: path: it takes one value$/],
    ["web { exec.jail_user = nix; }", /jail\.conf:1: exec\.jail_user: nix: no such user$/],
    ["web { stop.timeout = soon; }", /jail\.conf:1: stop\.timeout: non-integer value "soon"$/],
    ["web { exec.start = '/bin/sh /etc/rc | cat'; }", /:1: exec\.start: there is no shell for /],
    ["web { depend = web; }", /jail\.conf:1: depend: jails wait for each other: web -> web$/],
    ["\n.include 'nix.conf';", /nix\.conf: No such file or directory$/],
    ["\n.include 'jail.*';", /jail\.conf:2: .*jail\.conf includes itself$/],
    ["web {", /jail\.conf:1: "web \{" has no "\}"$/],
  ])("%j", async (text, message) => {
    const { out, err, status } = await jail(`persist;${text}`, "-c");
    expect({ out, status }).toEqual({ out: [], status: 1 });
    expect(err).toEqual([expect.stringMatching(message)]);
    expect(await jls()).toEqual([]);
  });

  test("one that is not there", async () => {
    expect(await tool(host, "jail", "-f", "/no/such.conf", "-c")).toEqual(
      refused("jail: /no/such.conf: No such file or directory"),
    );
  });
});
