/** `jailyard sh` and `jailyard explain`: scripts, a yard in another terminal, a terminal of one's own. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { complete } from "../../packages/cli/src/shell/complete.ts";
import { History } from "../../packages/cli/src/shell/history.ts";
import { expanded, parse, UNFINISHED } from "../../packages/cli/src/shell/parse.ts";
import { embedded, Place as ShellPlace } from "../../packages/cli/src/shell/place.ts";
import { Search } from "../../packages/cli/src/shell/search.ts";
import { Session } from "../../packages/cli/src/shell/session.ts";
import { Place, runHere, type Started } from "../support/cli.ts";
import { tool } from "../support/tool.ts";
import { privateJail, quiet, until } from "../support/yard.ts";

const place = new Place();
afterAll(() => place.remove());

describe("its language", () => {
  const words = (text: string, status = 0): unknown => {
    const steps = parse(text);
    if (steps === UNFINISHED) return "unfinished";
    return steps.map(({ after, pipeline }) =>
      [after, ...pipeline.words.map((word) => expanded(word, status)), pipeline.filter].filter(
        (part) => part !== null,
      ),
    );
  };

  test.each([
    ["", []],
    ["  # nothing", []],
    ["ipcs -sZ", [[";", "ipcs", "-sZ"]]],
    [
      "a;b && c || d",
      [
        [";", "a"],
        [";", "b"],
        ["&&", "c"],
        ["||", "d"],
      ],
    ],
    [
      "a\nb;\n",
      [
        [";", "a"],
        [";", "b"],
      ],
    ],
    [
      "a &&\n\n b",
      [
        [";", "a"],
        ["&&", "b"],
      ],
    ],
    [`echo 'a "b' "c 'd" e\\ f ""`, [[";", "echo", 'a "b', "c 'd", "e f", ""]]],
    [`echo "\\"\\x" a\\\nb`, [[";", "echo", '"\\x', "ab"]]],
    ["echo $? '$?' \"<$?>\" a#b", [[";", "echo", "7", "$?", "<7>", "a#b"]]],
    ["jail -r *", [[";", "jail", "-r", "*"]]],
    [
      "ipcs | grep 'a;b' | wc && jls",
      [
        [";", "ipcs", "grep 'a;b' | wc"],
        ["&&", "jls"],
      ],
    ],
    ["echo 'a", "unfinished"],
    ["a &&", "unfinished"],
    ["a |", "unfinished"],
    ["a \\", "unfinished"],
  ])("%j", (text, meant) => {
    expect(words(text, 7)).toEqual(meant);
  });

  test.each([
    "; a",
    "a && || b",
    "| a",
    "a &",
    "a > f",
    "a < f",
    "a $HOME",
    "a `b`",
    "(a)",
    "a $(b)",
  ])("%j is refused", (text) => {
    expect(() => parse(text)).toThrow(/syntax error|means nothing|only \$\?|no jobs/);
  });
});

describe("a session in a yard of this process", () => {
  let yard: Yard;
  let told: string[] = [];
  beforeAll(async () => {
    yard = await quiet();
    await privateJail(yard, "web");
    await privateJail(yard, "db");
  });
  afterAll(() => yard.shutdown());
  afterEach(() => void vi.restoreAllMocks());

  const shellPlace = (): ShellPlace => new ShellPlace("lab", embedded(yard));
  const session = (): Session => {
    told = [];
    const take = (text: unknown): boolean => told.push(String(text).trimEnd()) > 0;
    vi.spyOn(process.stdout, "write").mockImplementation(take);
    vi.spyOn(process.stderr, "write").mockImplementation(take);
    return new Session(shellPlace());
  };

  test("jexec goes into a jail, exit comes out; tools see what the jail sees", async () => {
    const sh = session();
    expect(sh.place.prompt).toBe("root@lab:/ # ");
    await sh.execute("ipcmk -S 1 -k 9; jexec web");
    expect(sh.place.prompt).toBe("root@web:/ # ");
    await sh.execute("ipcs -s --output key; sysctl -n security.jail.jailed; ipcs -Z || echo $?");
    await sh.execute("exit; ipcs -s --output key; jexec -u postgres db");
    expect(told.slice(1)).toEqual([
      ...["KEY", "1", "ipcs: -Z: only the host sees the jails of objects", "1"],
      ...["KEY", "  9"],
    ]);
    expect(sh.place.prompt).toBe("postgres@db:/ $ ");
    await sh.execute("jexec web");
    expect(told.at(-1)).toBe('jexec: jail "web" not found');
    await sh.execute("exit 3");
    expect([sh.over, sh.status]).toEqual([false, 3]);
    await sh.execute("ipcrm -S 9; exit");
    expect([sh.over, sh.status]).toEqual([true, 0]);
  });

  test("a jail that goes takes the shell out of it", async () => {
    const sh = session();
    await sh.execute("jail -c name=gone persist children.max=1; jexec gone");
    await sh.execute("jail -c name=inner persist; jexec inner");
    expect(sh.place.levels).toHaveLength(2);
    await shellPlace().ask(["jail", "-r", "gone"]);
    await sh.execute("jls");
    expect(told.slice(-2)).toEqual([
      "sh: jail inner is gone; left it",
      "sh: jail gone is gone; left it",
    ]);
    expect(sh.place.prompt).toBe("root@lab:/ # ");
  });

  test("what is no command, and what is not for this shell", async () => {
    const sh = session();
    await sh.execute("nosuch");
    expect(sh.status).toBe(127);
    await sh.execute("./pinger.ts");
    expect(sh.status).toBe(126);
    await sh.execute("ipcs --yard other");
    expect(sh.status).toBe(2);
    await sh.execute("echo 'a' >b");
    expect(sh.status).toBe(2);
    expect(await sh.execute("echo 'a")).toBe(UNFINISHED);
    await sh.execute("jexec nosuch");
    expect(sh.status).toBe(1);
    await sh.execute("false; explain enospx");
    expect(told.at(-1)).toBe("sh: explain: enospx is not known; did you mean ENOSPC?");
  });

  test("Ctrl-C ends the command that runs, and the rest of its line", async () => {
    writeFileSync(
      place.file("waits.ts"),
      `import { program } from "jailyard";
export default program("waits", (p) => { p.print("waits"); return p.sleep(Infinity); });\n`,
    );
    const sh = session();
    expect(sh.interrupt()).toBe(false);
    const done = sh.execute(`jexec web ${place.file("waits.ts")}; echo no`);
    await until(() => told.includes("waits"));
    expect(sh.interrupt()).toBe(true);
    await done;
    expect(told).toEqual(["waits"]);
    expect(sh.status).not.toBe(0);
  });

  test("the tab key offers what there is", async () => {
    const offers = async (line: string): Promise<readonly string[]> =>
      (await complete(shellPlace(), line))[0];
    expect(await offers("kldl")).toEqual(["kldload "]);
    expect(await offers("jls; jexec ")).toEqual(["web", "db"]);
    expect(await offers("jexec web ipcs --us")).toEqual(["--usage "]);
    expect(await offers("sysctl kern.ipc.semmn")).toEqual(
      ["semmni", "semmns", "semmnu"].map((name) => `kern.ipc.${name}`),
    );
    await shellPlace().ask(["ipcmk", "-S", "1", "-k", "77"]);
    expect(await offers("ipcrm -S ")).toEqual(["77 "]);
    expect((await offers("ipcrm -s "))[0]).toMatch(/^\d+ $/);
    expect(await offers("jexec web ipcrm -s ")).toEqual([]);
    await shellPlace().ask(["ipcrm", "-S", "77"]);
    expect(await offers("ipcs | gr")).toEqual([]);
    expect(await offers("jail -r w")).toEqual(["web "]);
    expect(await offers("explain SEM-2")).toContain("SEM-20");
  });
});

/** Typed one after the other; `#` is what the page says. */
const PAGE = [
  ...[
    "# Objects of both jails, seen from the host:",
    "ipcs -sZ",
    "# Into a jail, where its own are seen:",
  ],
  ...["jexec web", "ipcs -s", "jexec db", "echo $?", "ipcrm -S 5432001 && ipcmk -S 4", "exit"],
  ...["# Who removed the set?", "ipcs --history -Z", "# A limit, and what it means:"],
  ...["ipcmk -v -S 400", "explain EINVAL semget"],
];

test("docs/shell.md is such a session", async () => {
  const yard = await quiet();
  const shell = new Session(new ShellPlace("lab", embedded(yard)));
  const told: string[] = [];
  const take = (text: unknown): boolean => told.push(String(text)) > 0;
  try {
    for (const name of ["web", "db"]) {
      await tool(await privateJail(yard, name), "ipcmk", "-S", "17", "-k", "5432001", "-p", "0600");
    }
    vi.spyOn(process.stdout, "write").mockImplementation(take);
    vi.spyOn(process.stderr, "write").mockImplementation(take);
    for (const line of PAGE) {
      if (line.startsWith("#")) told.push(`\n${line.slice(2)}\n\n`);
      else {
        told.push(`${shell.place.prompt}${line}\n`);
        await shell.execute(line);
      }
    }
  } finally {
    vi.restoreAllMocks();
    await yard.shutdown();
  }
  const session = told
    .join("")
    .split("\n")
    .map((line) => line.replaceAll(/ [ \d]\d:\d\d:\d\d(?= )/g, "  9:04:11"))
    .map((line) =>
      /^[A-Z][^=]*[:?]$/.test(line) && !SHOWN.has(line) ? line : `    ${line}`.trimEnd(),
    );
  await expect(`${HEAD}${session.join("\n").trimEnd()}\n${TAIL}`).toMatchFileSnapshot(
    "../../docs/shell.md",
  );
});

/** Lines of output that look like sentences of the page. */
const SHOWN = new Set(["Semaphores:", "What helps:", "In the yard that runs:"]);
const HEAD = `# A shell, and errors that explain themselves

\`jailyard sh\` works in the yard that runs in another terminal, \`jailyard sh --new FILE\` in one of its
own. Every command is a tool, run as a process of the yard; \`jexec\` with nothing but a jail goes into
it, and \`exit\` or Ctrl-D comes out. The tab key completes commands, options, jails, ids, keys and names
of sysctl; Ctrl-R looks for what was typed before, which is kept in \`$XDG_STATE_HOME/jailyard/history\`.
Lists have \`;\`, \`&&\` and \`||\`, \`$?\` is the last status, and what follows \`|\` is a command of the machine.
`;
const TAIL = `
\`-v\` of every tool tells the rule and the limit that refused it; \`jailyard explain\` takes errors by name
or FreeBSD's number, calls, limits and rules. Its causes are in the kernel's order, and limits have the
values of the yard that runs. Without arguments it lists what it knows; \`--json\` is for programs.
`;

describe("history", () => {
  test("is kept for its owner, without repeats and what begins with a blank", () => {
    const file = place.file("state/jailyard/history");
    const history = new History(file);
    for (const line of ["ipcs", "ipcs", " secret", "jls ", ""]) history.add(line);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(new History(file).lines).toEqual(["ipcs", "jls"]);
    expect(new History(join(file, "history")).problem).toMatch(/EEXIST|ENOTDIR/);
  });

  test("Ctrl-R finds the last line that has the text, then those before", () => {
    const search = new Search(["ipcs -s", "jls", "ipcs -m"], "typed");
    expect(search.key("i")).toBeNull();
    expect(search.shown).toBe("(reverse-i-search)`i': ipcs -m");
    expect(search.key("\x12")).toBeNull();
    expect(search.shown).toContain("ipcs -s");
    expect(search.key("\x12")).toBeNull();
    expect(search.shown).toBe("(failed reverse-i-search)`i': ipcs -s");
    expect(search.key("\r")).toEqual({ line: "ipcs -s", key: "\r" });
    expect(search.key("\x07")).toEqual({ line: "typed", key: "" });
  });
});

describe("the command", () => {
  let yard: Started;
  beforeAll(async () => {
    writeFileSync(place.file("lab.yaml"), "name: lab\njails: {web: {sysvsem: new}}\n");
    yard = place.start("up", "lab.yaml");
    await yard.printed("up: ");
  });

  test("-c, a script and standard input; the status is the last command's", async () => {
    const ran = await place.run("sh", "-c", "jls name; ipcs --in web -s | head -1; nosuch");
    expect(ran).toEqual({ status: 127, out: "web\nSemaphores:\n", err: "sh: nosuch: not found\n" });
    writeFileSync(
      place.file("make.sh"),
      "# a set\njexec web\nipcmk -S 1 -k 5 \\\n  -p 0600\nfalse\njls\n",
    );
    const script = await place.run("sh", "-e", "make.sh");
    expect(script).toEqual({ status: 1, out: "Semaphore id: 65536\n", err: "" });
    const typed = place.start("sh", "--yard", "lab");
    typed.child.stdin!.end("ipcs --output id,key,jail\necho 'x");
    const ended = await typed.ended;
    expect(ended.out).toBe("   ID KEY JAIL\n65536   5 web\n");
    expect([ended.status, ended.err]).toEqual([
      2,
      "sh: the script ends in the middle of a command\n",
    ]);
  });

  test("explain has the values of the yard", async () => {
    const { out, status } = await runHere(place, ["explain", "28", "semget"]);
    expect(status).toBe(0);
    expect(out).toContain("kern.ipc.semmni: 50, 1 in use, most by web: 1");
    const json = JSON.parse((await runHere(place, ["explain", "semmni", "--json"])).out);
    expect(json.live["kern.ipc.semmni"]).toEqual({ value: "50", used: 1, jails: { web: 1 } });
  });

  test("the yard goes: said so, status 3", async () => {
    yard.interrupt();
    await yard.ended;
    const { status, err } = await runHere(place, ["sh", "-c", "jls"]);
    expect([status, err]).toEqual([
      3,
      "jailyard: no yard is running; start one in another terminal, such as `jailyard up`\n",
    ]);
    expect((await runHere(place, ["sh", "--yard", "lab", "-c", "jls"])).status).toBe(3);
    expect((await runHere(place, ["explain", "EINVAL", "--yard", "lab"])).status).toBe(3);
  });

  test.each([
    [["explain", "nosuch"], "explain: nosuch is not known; `jailyard explain` lists what there is"],
    [["explain", "enospc", "semgett"], "explain: semgett is not known; did you mean semget?"],
    [
      ["explain", "EPERM", "semget"],
      "explain: EPERM and semget do not go together; explain one of them",
    ],
    [["sh", "-c", "jls", "x"], "give -c or a script, not both"],
    [["sh", "nosuch.sh"], /^nosuch.sh cannot be read: ENOENT/],
    [
      ["sh", "-o", "kern.ipc.semmni=4", "--yard", "x", "-c", ":"],
      "-o is for a yard that --new boots",
    ],
  ])("%j is refused", async (args, text) => {
    const { status, err } = await runHere(place, args);
    expect(status).toBe(2);
    expect(err.replace("jailyard: ", "").trimEnd()).toMatch(text);
  });

  test("--new boots a yard for the shell alone", async () => {
    const set = ["-o", "kern.ipc.semmni=4"];
    const { status, out } = await runHere(place, [
      "sh",
      "--new",
      ...set,
      "-c",
      "sysctl -n kern.ipc.semmni",
    ]);
    expect([status, out]).toEqual([0, "4\n"]);
  });
});
