/** `jailyard top` beside a yard: in a pipe, in JSON, and on a terminal that is as before afterwards. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Place, runHere, type Started } from "../support/cli.ts";
import { Terminal } from "../support/pty.ts";

const ENTRY = fileURLToPath(new URL("../../packages/cli/src/jailyard.ts", import.meta.url));
const place = new Place();
let yard: Started;

/** Three that wait for a semaphore that their parent has. */
const JAM = `import { IPC_CREAT, program, SETVAL, GETNCNT } from "jailyard";
export default program("jam", async (p) => {
  const id = await p.semget(77, 1, IPC_CREAT | 0o600);
  await p.semctl(id, 0, SETVAL, 1);
  await p.label(id, 0, "WALWriteLock");
  await p.semop(id, [[0, -1]]);
  for (let i = 0; i < 3; i++) await p.fork((child) => child.semop(id, [[0, -1]]));
  while ((await p.semctl(id, 0, GETNCNT)) < 3) await p.sleep(1);
  p.print("jammed");
  await p.sleep(Infinity);
});\n`;

beforeAll(async () => {
  writeFileSync(place.file("jam.ts"), JAM);
  yard = place.start("run", "jam.ts", "--jails", "web,db", "--yard", "lab");
  await yard.printed("web[");
  await yard.printed("db["); // all are asleep by then
});
afterAll(async () => {
  yard.interrupt();
  await yard.ended;
  await place.remove();
});

interface Sample {
  readonly wait: number;
  readonly jails: readonly { jail: string; asleep: number; wait: number; caused: number }[];
  readonly locks: readonly { lock: string; wait: number; asleep: number; holder: string }[];
  readonly sleepers: readonly { jail: string; holder: string }[];
  readonly limits: readonly { limit: string; use: number; value: number }[];
}

describe("in a pipe", () => {
  test("--json: a line a sample; who waits all the time waits a second a second", async () => {
    const { status, out, err } = await place.run("top", "--json", "-n", "2", "-s", "0.3");
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const all = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Sample);
    expect(all).toHaveLength(2);
    for (const { wait, jails, locks, sleepers, limits } of all) {
      const web = jails.find(({ jail }) => jail === "web")!;
      expect(web.asleep).toBe(3);
      for (const figure of [web.wait, web.caused, wait / 2])
        expect(Math.abs(figure - 3)).toBeLessThan(0.15);
      expect(locks[0].lock).toMatch(/^sem \d+\[0\] "WALWriteLock"$/);
      expect(locks[0]).toMatchObject({
        asleep: 3,
        holder: expect.stringMatching(/^\d+ \((web|db)\)$/),
      });
      expect(sleepers).toHaveLength(6);
      expect(limits).toContainEqual(
        expect.objectContaining({ limit: "kern.ipc.semmni", use: 2, value: 50 }),
      );
    }
  });

  test("--batch: plain lines of one view, sorted and filtered", async () => {
    const { status, out, err } = await place.run(
      ...[
        "top",
        "-b",
        "-s",
        "0.1",
        "--view",
        "sleepers",
        "--filter",
        "db",
        "-o",
        "pid",
        "-r",
        "--tree",
      ],
    );
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).not.toContain("\u001b");
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toMatch(
      /^jailyard top - yard lab, up \d+:\d\d:\d\d: jail-keyed, direct, wake herd/,
    );
    expect(lines[1]).toMatch(/^2 jails, 8 processes; 6 asleep for locks, 6 s\/s waited, /);
    expect(lines[4]).toMatch(/^ *\*PID JAIL +SLEPT BLOCKS COMMAND +LOCK +HOLDER$/);
    expect(lines).toHaveLength(9);
    expect(lines[5]).toMatch(/ db +- +3 \(awake\)$/);
    expect(lines[6]).toMatch(/ db .* └ jam +sem \d+\[0\] "WALWriteLock" +\d+ \(db\)$/);
  });

  test.each<[status: number, args: string[], line: RegExp]>([
    [2, ["-s", "0"], /a number of seconds from 0\.1 to 3600/],
    [2, ["-s", "soon"], /a number of seconds from 0\.1 to 3600/],
    [2, ["-n", "0"], /a whole number from 1/],
    [2, ["--view", "cpus"], /Allowed choices are jails, locks, sleepers, limits/],
    [2, ["-b", "-o", "nix"], /--sort nix: jails have no such column; there are jid, jail, procs/],
    [2, ["-b", "--tree"], /--tree goes with --view sleepers/],
    [2, ["lab"], /too many arguments/],
    [3, ["--yard", "none"], /no yard called none is running; there are: lab/],
  ])("status %d: top %j", async (status, args, line) => {
    const ran = await runHere(place, ["top", ...args]);
    expect(ran.err).toMatch(line);
    expect(ran.err).toMatch(/^jailyard: [^\n]*\n$/);
    expect(ran).toMatchObject({ status, out: "" });
  });

  test("help, and completion", async () => {
    expect((await runHere(place, ["top", "--help"])).out).toContain("$ jailyard top --batch -n 3");
    expect((await runHere(place, ["completion", "bash"])).out).toMatch(/ top\) words='.*--samples/);
  });
});

describe("on a terminal", () => {
  let terminal: Terminal;
  afterEach(() => terminal.close());

  /** The command's status and the terminal's mode are said when it is over. */
  function open(args = "", size = {}, more: NodeJS.ProcessEnv = {}): Terminal {
    const env = { XDG_RUNTIME_DIR: place.path, ...more };
    const node = `"${process.execPath}" "${ENTRY}" top ${args}`;
    const line = `sh -c 'echo "top=$$"; exec ${node}'; echo "status=$?"; stty -a`;
    terminal = new Terminal(line, env, size);
    return terminal;
  }

  const send = (signal: NodeJS.Signals): boolean =>
    process.kill(Number(/top=(\d+)/.exec(terminal.raw)![1]), signal);

  /** As it was: the first screen, a cursor, lines that are edited and echoed. */
  async function isRestored(status: number): Promise<void> {
    await terminal.shows(/status=/);
    await terminal.ended;
    expect(terminal.text).toMatch(new RegExp(`status=${status}\\b`));
    expect(terminal.text).toMatch(/ icanon/);
    expect(terminal.text).toMatch(/ echo /);
    expect(terminal.display).toMatchObject({ alternate: false, cursor: true });
  }

  test("views, sorting, a filter, pause and help by keys, and q", async () => {
    open("--yard lab -s 0.2");
    await terminal.shows(/\[1 jails\].*by wait/);
    expect(terminal.display).toMatchObject({ alternate: true, cursor: false });
    await terminal.shows(/ web +4 +3 .* 3\.00 +3\.00/);
    terminal.press("3");
    await terminal.shows(/\[3 sleepers\]/);
    await terminal.shows(/WALWriteLock" +\d+ \(web\)/);
    terminal.press("/db");
    await terminal.shows(/Filter: db/);
    terminal.press("\r");
    await terminal.shows(/filter "db"/);
    expect(terminal.text).not.toMatch(/\d+ \(web\)/);
    terminal.press("t");
    await terminal.shows(/\(awake\)/);
    terminal.press("\u001b[Z"); // back: Shift-Tab
    await terminal.shows(/\[2 locks\]/);
    terminal.press("p");
    await terminal.shows(/PAUSED/);
    terminal.press("?");
    await terminal.shows(/any key goes back/);
    terminal.press("x4");
    await terminal.shows(/no limits with "db"/);
    terminal.press("\u001b");
    await terminal.shows(/kern\.ipc\.semmni/);
    terminal.press("q");
    await isRestored(0);
  });

  test("a window that is pulled smaller and larger", async () => {
    open("--yard lab -s 0.2", { columns: 120, rows: 30 });
    await terminal.shows(/CAUSED +SEM/);
    terminal.resize(50, 9);
    await terminal.shows(/^jailyard top - yard lab.{0,20}…/);
    expect(terminal.display.lines.length).toBeLessThanOrEqual(9);
    expect(Math.max(...terminal.display.lines.map((line) => line.length))).toBeLessThanOrEqual(50);
    terminal.resize(120, 30);
    await terminal.shows(/CAUSED +SEM/);
    terminal.press("\u0003"); // Ctrl-C, a key in this mode
    await isRestored(0);
  });

  test("SIGTERM: the terminal is as before, status 143", async () => {
    open();
    await terminal.shows(/\[1 jails\]/);
    send("SIGTERM");
    await isRestored(143);
  });

  test("an error that nobody catches: the terminal is as before, and the error is told", async () => {
    writeFileSync(
      place.file("boom.mjs"),
      'process.on("SIGUSR2", () => { throw new Error("boom") })',
    );
    open("", {}, { NODE_OPTIONS: `--import=${place.file("boom.mjs")}` });
    await terminal.shows(/\[1 jails\]/);
    send("SIGUSR2");
    await isRestored(1);
    expect(terminal.text).toMatch(/boom/);
  });

  test("a yard that goes down is waited for, and one of that name taken up", async () => {
    const args = ["run", "jam.ts", "--yard", "gone"];
    const first = place.start(...args);
    await first.printed("jammed");
    open("--yard gone -s 0.2");
    await terminal.shows(/ jail1 +4 +3 /);
    first.interrupt();
    await first.ended;
    await terminal.shows(/yard gone is down; waiting for it, q quits/);
    const second = place.start(...args, "--jails", "other");
    await second.printed("jammed");
    await terminal.shows(/ other +4 +3 /);
    terminal.press("q");
    await isRestored(0);
    second.interrupt();
    await second.ended;
  });
});
