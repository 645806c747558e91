/** Two terminals: a yard in one, tools in the other; and a socket that nothing disturbs. */
import { execFileSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toolLine } from "../../packages/cli/src/tool.ts";
import { Place, runHere, type Started } from "../support/cli.ts";

const NOBODY = 65_534;
const place = new Place();
let yard: Started;
const run = (...args: string[]) => place.run(...args);
const socketFile = () => place.file("jailyard/one.sock");

beforeAll(async () => {
  writeFileSync(
    place.file("sleeper.ts"),
    `import { IPC_CREAT, program } from "jailyard";
export default program("sleeper", async (p) => {
  await p.semget(77, 2, IPC_CREAT | 0o600);
  p.print("up");
  await p.sleep(Infinity);
});\n`,
  );
  writeFileSync(
    place.file("waiter.ts"),
    `import { program } from "jailyard";
export default program("waiter", async (p) => {
  p.print("waits");
  await p.sleep(Infinity);
});\n`,
  );
  const args = ["--jails", "web,db", "--yard", "one", "-o", "kern.racct.enable=1"];
  yard = place.start("run", "sleeper.ts", ...args);
  await yard.printed("web[101] up");
  await yard.printed("db[102] up");
});
afterAll(() => place.remove());

describe("an administrator's session", () => {
  test("objects of jails: seen, made, removed", async () => {
    const { out } = await run("ipcs", "-s", "--output", "id,key,jail");
    expect(out).toBe("   ID KEY JAIL\n65536  77 web\n65537  77 db\n");
    expect((await run("jexec", "web", "ipcs", "-s", "--output", "id,key")).out).toBe(
      "   ID KEY\n65536  77\n",
    );
    expect((await run("ipcs", "--in", "db", "-s", "--output", "id,key")).out).toBe(
      "   ID KEY\n65537  77\n",
    );
    expect(await run("ipcrm", "-j", "db", "-S", "77", "--yard", "one")).toEqual({
      ...{ status: 0, out: "" },
      err: "",
    });
    expect(await run("ipcrm", "-s", "65537")).toEqual({
      ...{ status: 1, out: "" },
      err: "ipcrm: semid(65537): : Invalid argument\n",
    });
  });

  test("a jail that a tool makes is entered like any other", async () => {
    expect((await run("jail", "-i", "-c", "name=app", "persist", "sysvmsg=new")).out).toBe("3\n");
    expect((await run("ipcmk", "-Q", "-k", "5", "--in", "app")).out).toBe(
      "Message queue id: 65536\n",
    );
    expect((await run("jls", "name", "sysvmsg", "-j", "app")).status).toBe(1); // options come first
    expect((await run("jls", "-j", "app", "name", "sysvmsg")).out).toBe("app new\n");
    expect((await run("jail", "-rv", "app")).out).toBe("app: removed\n");
    const gone = await run("ipcs", "--in", "app");
    expect(gone).toEqual({
      ...{ status: 3, out: "" },
      err: 'jailyard: jail "app" not found; there are: web, db\n',
    });
  });

  test("processes, rules, limits", async () => {
    expect((await run("ps", "-o", "pid,jail,command", "-J", "web,db")).out).toBe(
      "PID JAIL COMMAND\n101 web  sleeper\n102 db   sleeper\n",
    );
    expect((await run("rctl", "-a", "jail:web:nsem:deny=2")).status).toBe(0);
    expect((await run("ipcmk", "-S", "1", "--in", "web")).err).toBe(
      "ipcmk: create semaphore failed: No space left on device\n",
    );
    expect((await run("rctl", "-r", "jail:web:nsem")).status).toBe(0);
    expect((await run("sysctl", "kern.ipc.semmni=9")).status).toBe(1);
    expect((await run("kill", "-0", "101")).status).toBe(0);
  });

  test("a program of the user's, whose file lies where the user is", async () => {
    const ran = await run("jexec", "-u", "postgres", "web", "./sleeper.ts", "--help");
    expect(ran.err).toContain("semget: Permission denied");
    expect(ran.status).toBe(128 + 6);
  });

  test("Ctrl-C ends the tool, and its process in the yard", async () => {
    const tool = place.start("jexec", "web", "./sleeper.ts");
    await tool.printed("up");
    const inWeb = async () => (await run("ps", "-J", "web", "-o", "pid")).out.split("\n").length;
    expect(await inWeb()).toBe(4);
    tool.interrupt();
    expect((await tool.ended).status).toBe(130);
    while ((await inWeb()) > 3);
  });
});

describe("the socket", () => {
  test("is its owner's alone", () => {
    expect(statSync(socketFile()).mode & 0o777).toBe(0o600);
    expect(statSync(place.file("jailyard")).mode & 0o777).toBe(0o700);
  });

  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(socketFile());
      socket.on("connect", () => resolve(socket));
      socket.on("error", reject);
    });

  /** All that is answered to these bytes. */
  async function answer(...chunks: (string | Buffer)[]): Promise<string> {
    const socket = await open();
    let text = "";
    socket.on("error", () => {}); // the yard hung up while we wrote
    socket.on("data", (chunk) => {
      text += chunk;
    });
    const closed = new Promise((resolve) => socket.on("close", resolve));
    for (const chunk of chunks) socket.write(chunk);
    await closed;
    return text;
  }

  const serves = async () => (await answer('{"tool":"jls","args":["name"]}\n')).includes('"web"');
  const NO = '{"problem":"that is not a request"}\n';

  test.each([
    ["rubbish", "hello\n"],
    ["bytes that are no text", Buffer.from([0, 255, 254, 128, 10])],
    ["JSON that is no request", "[1,2]\n"],
    ["null", "null\n"],
    ["a tool that there is not", '{"tool":"sh","args":[]}\n'],
    ["the prototype of an object", '{"tool":"__proto__","args":[]}\n'],
    ["a path", '{"tool":"../ipcs","args":[]}\n'],
    ["arguments that are none", '{"tool":"ipcs","args":[1]}\n'],
    ["no arguments", '{"tool":"ipcs"}\n'],
    ["a jail that is no name", '{"tool":"ipcs","args":[],"jail":{}}\n'],
    ["a message without an end", "x".repeat(20_000)],
    ["a message that is too long", `{"tool":"ipcs","args":["${"x".repeat(20_000)}"]}\n`],
  ])("%s is refused", async (_what, bytes) => {
    expect(await answer(bytes)).toBe(NO);
    expect(await serves()).toBe(true);
  });

  test("lockstat --live has the locks of the yard", async () => {
    const { status, out, err } = await run("lockstat", "--live", "--sort", "count");
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).toMatch(/^ +max +wait_max +total +wait_total +count .* name$/m);
    expect(out).toMatch(/ gate$/m);
    const json = await run("lockstat", "--live", "--json");
    expect((JSON.parse(json.out) as { name: string }[]).map(({ name }) => name)).toContain("gate");
  });

  test("a message in many pieces is one", async () => {
    const pieces = [...'{"tool":"sysctl","args":["-n","kern.ipc.semmni"]}\n'];
    expect(await answer(...pieces)).toBe('{"line":"50"}\n{"status":0}\n');
  });

  test("what follows a request is not heard", async () => {
    const request = '{"tool":"jls","args":["name"]}\n';
    const text = await answer(request, request, "x".repeat(100_000));
    expect(text.match(/"status"/g)).toHaveLength(1);
  });

  test("who says nothing, or a byte now and then, is hung up on after a while", async () => {
    const socket = await open();
    socket.on("error", () => {}); // the yard hung up while we wrote
    const drip = setInterval(() => socket.write("x"), 200);
    const closed = new Promise((resolve) => socket.on("close", resolve));
    expect(await answer("")).toBe("");
    await closed;
    clearInterval(drip);
  });

  test("half a message, then the end", async () => {
    const socket = await open();
    socket.end('{"tool":"jls","ar');
    await new Promise((resolve) => socket.on("close", resolve));
    expect(await serves()).toBe(true);
  });

  test("nobody else gets at it", async () => {
    const attempt = () => open().catch((error: NodeJS.ErrnoException) => error.code);
    const isRoot = process.geteuid!() === 0; // only root can be another for a while
    if (isRoot) process.seteuid!(NOBODY);
    const got = await (isRoot ? attempt() : "EACCES");
    const seen = isRoot ? await runHere(place, ["ipcs", "--yard", "one"]) : null;
    if (isRoot) process.seteuid!(0);
    expect(got).toBe("EACCES");
    expect(seen?.status ?? 3).toBe(3);
  });

  test.each([
    ...[
      "",
      "0",
      "-u",
      "--",
      "-l",
      "web ",
      "web\0",
      "../db",
      "nix",
      "1 ",
      "web.db",
      "-1",
      "__proto__",
    ],
  ])("a tool in the jail %j: there is no such jail", async (jail) => {
    const text = await answer(`${JSON.stringify({ tool: "ipcs", args: ["-s"], jail })}\n`);
    expect(text).toMatch(/^\{"problem":"jail \\".*\\" not found; there are: web, db"\}\n$/);
  });

  test.each([
    ["ipcs", ["-s", "--in", "db"]],
    ["ipcs", ["-sZ"]],
    ["ipcs", ["-j", "db"]],
    ["jexec", ["db", "ipcs", "-s"]],
    ["jexec", ["2", "ipcs", "-s"]],
    ["ipcrm", ["-s", "65537"]],
    ["ipcrm", ["-j", "db", "-W"]],
    ["jail", ["-R", "db"]],
    ["jail", ["-m", "jid=2", "sysvsem=disable"]],
    ["kill", ["-9", "102"]],
  ])("--in cannot be left by what a request says: %s %j", async (tool, args) => {
    const views = ['{"tool":"ipcs","args":["-sZ"]}\n', '{"tool":"ps","args":["-J","db"]}\n'];
    const seen = async () => [await answer(views[0]), await answer(views[1])];
    const before = await seen();
    const text = await answer(`${JSON.stringify({ tool, args, jail: "web", yard: "one" })}\n`);
    expect(text).toMatch(/"status":1\}\n$/);
    expect(text).not.toContain("65537 "); // db's set, as a row
    expect(await seen()).toEqual(before);
  });

  test("more tools than a yard runs at once are told so", async () => {
    const crowd = await Promise.all(Array.from({ length: 64 }, open));
    expect(await answer("")).toMatch(/^\{"problem":"the yard already runs 64 tools; end one/);
    const { status, err } = await run("ipcs");
    expect({ status, err }).toMatchObject({ status: 3 });
    expect(err).toMatch(/^jailyard: the yard already runs 64 tools; end one, or try again/);
    for (const socket of crowd) socket.destroy();
    while (!(await serves()));
  });

  test("a flood of clients, and clients that vanish in the middle", async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => open().catch(() => null)));
    for (const [i, socket] of sockets.entries()) {
      socket?.on("error", () => {});
      socket?.write(i % 2 === 0 ? '{"tool":"ipcs","ar' : '{"tool":"ps","args":[]}\n');
      socket?.destroy();
    }
    while (!(await serves().catch(() => false)));
    expect((await run("jls", "name")).out).toBe("web\ndb\n");
  });

  test("a client that does not read loses its tool, not the yard", async () => {
    writeFileSync(
      place.file("chatty.ts"),
      `import { IPC_CREAT, program } from "jailyard";
export default program("chatty", async (p) => {
  await p.semget(88, 1, IPC_CREAT | 0o600);
  for (;;) { for (let i = 0; i < 50; i++) p.print("x".repeat(1000)); await p.getpid(); await p.sleep(1); }
});\n`,
    );
    const socket = await open();
    socket.on("error", () => {});
    const args = ["web", place.file("chatty.ts")];
    socket.write(`${JSON.stringify({ tool: "jexec", args })}\n`);
    socket.pause();
    const shows = async (text: string, ...argv: string[]) =>
      (await run(...argv)).out.includes(text);
    while (!(await shows(" 88\n", "ipcs", "-s", "--output", "id,key", "-j", "web")));
    while (await shows("chatty", "ps", "-J", "web", "-o", "command"));
    socket.destroy();
    expect(await serves()).toBe(true);
  });
});

describe("jailyard's own options among a tool's", () => {
  test.each([
    ["ipcs", ["-q", "--yard", "a", "-Z", "--in=web"], ["-q", "-Z"], { yard: "a", jail: "web" }],
    ["kill", ["-9", "--", "--yard"], ["-9", "--", "--yard"], {}],
    [
      "jexec",
      ["-u", "root", "--yard=a", "web", "ps", "--in", "x"],
      ["-u", "root", "web", "ps", "--in", "x"],
      { yard: "a" },
    ],
    [
      "jail",
      ["-c", "--yard", "a", "command=ps", "--help"],
      ["-c", "command=ps", "--help"],
      { yard: "a" },
    ],
  ] as const)("%s %j", (tool, words, args, own) => {
    expect(toolLine(tool, words)).toEqual({ args, help: false, ...own });
  });
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])("%s knows every command", async (shell) => {
    const { status, out } = await run("completion", shell);
    expect(status).toBe(0);
    for (const word of ["run", "ipcrm", "jexec", "unused", "effective", "postgres"]) {
      expect(out).toContain(word);
    }
  });

  test("bash reads it, and completes", async () => {
    writeFileSync(place.file("completion.bash"), (await run("completion", "bash")).out);
    const complete = (...words: string[]): string[] => {
      const script = `source completion.bash; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _jailyard; echo "\${COMPREPLY[@]}"`;
      const out = execFileSync("bash", ["-c", script], { cwd: place.path, encoding: "utf8" });
      return out.trim().split(" ");
    };
    expect(complete("jailyard", "ipc")).toEqual(["ipcmk", "ipcns", "ipcrm", "ipcs"]);
    expect(complete("jailyard", "ipcrm", "--u")).toEqual(["--unused"]);
  });
});

test("a yard that is killed while a tool runs: said so, status 3", async () => {
  const other = place.start("up", "--yard", "other");
  await other.printed("up: ");
  expect((await run("jail", "-c", "name=app", "persist", "--yard", "other")).status).toBe(0);
  const tool = place.start("jexec", "--yard", "other", "app", "./waiter.ts");
  await tool.printed("waits");
  other.interrupt("SIGKILL");
  expect(await tool.ended).toEqual({
    ...{ status: 3, out: "waits\n" },
    err: "jailyard: the yard went down before it had answered\n",
  });
  await other.ended;
  expect((await run("ps", "--yard", "other")).status).toBe(3);
  rmSync(place.file("jailyard/other.sock"));
});

test("a yard that goes down meanwhile: said so, status 3", async () => {
  const tool = place.start("jexec", "web", "./sleeper.ts");
  await tool.printed("up");
  yard.interrupt();
  const ended = await tool.ended;
  expect({ status: ended.status, out: ended.out }).toEqual({ status: 3, out: "up\n" });
  expect(ended.err).toMatch(/^jailyard: the yard (is|went) down/);
  expect((await yard.ended).status).toBe(130);
  expect((await run("ps")).status).toBe(3);
});
