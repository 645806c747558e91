/** ipcrm(1): ids, keys, all of them, other jails', a dry run, and what nobody uses any more. */
import type { Facility } from "@jailyard/abi/types";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { lines, tool } from "../support/tool.ts";
import { privateJail, quiet, until } from "../support/yard.ts";

const IDLE = new URL("programs/idle.ts", import.meta.url);

let yard: Yard;
let host: Jail;
let web: Jail;

/** Where a test changes nothing, it has the yard of the test before. */
let isUsed = true;

async function freshYard(): Promise<void> {
  yard = await quiet();
  host = await yard.host;
  web = await privateJail(yard, "web");
  await idle(web, "77");
  await idle(host, "77");
}

beforeEach(async () => {
  if (isUsed) await freshYard();
  isUsed = true;
});
afterEach(async () => {
  if (isUsed) await yard.shutdown();
});
afterAll(() => yard.shutdown());

/** Everything is there still; the next test may use the same yard. */
async function nothingChanged(): Promise<void> {
  expect(await all()).toEqual(EVERYTHING);
  isUsed = false;
}

/** Objects with ids 65536 in `web`, 65537 on the host, under the same key. */
async function idle(jail: Jail, ...args: string[]): Promise<number> {
  const process = await jail.spawn({ module: IDLE, args });
  const up = new Promise((resolve) => process.on("record", resolve));
  await Promise.race([up, process.exited]);
  if (args.length === 1) await process.exited;
  return process.pid;
}

const ipcrm = (...args: string[]) => tool(host, "ipcrm", ...args);
const ids = async (f: Facility): Promise<string[]> => {
  const { out } = await tool(host, "ipcs", `-${{ msg: "q", shm: "m", sem: "s" }[f]}`);
  return out.slice(2, -1).map((line) => line.split(/ +/)[1]);
};
const all = async () => ({ msg: await ids("msg"), shm: await ids("shm"), sem: await ids("sem") });
const BOTH = ["65536", "65537"];
const EVERYTHING = { msg: BOTH, shm: BOTH, sem: BOTH };
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const refused = (...err: string[]) => ({ out: [], err, status: 1 });

describe("by id and by key", () => {
  test("success prints nothing [TOOL-18]; the host reaches what jails own [TOOL-23]", async () => {
    expect(await ipcrm("-q", "65536", "-m", "65536", "-s", "65536", "-v")).toEqual(done());
    expect(await all()).toEqual({ msg: ["65537"], shm: ["65537"], sem: ["65537"] });
  });

  test("a key finds the caller's own objects alone [TOOL-24]", async () => {
    expect(await ipcrm("-Q77", "-M", "77", "-S77")).toEqual(done());
    expect(await all()).toEqual({ msg: ["65536"], shm: ["65536"], sem: ["65536"] });
    expect(await tool(web, "ipcrm", "-Q", "77")).toEqual(done());
    expect(await ids("msg")).toEqual([]);
  });

  test("failures, one by one; the next option is still carried out [TOOL-19]", async () => {
    const ran = await ipcrm("-q", "9", "-M", "4321", "-s", "131072", "-S", "4321", "-q", "65537");
    expect(ran).toEqual({
      out: [],
      err: [
        "ipcrm: msqid(9): : Invalid argument",
        "ipcrm: shms(4321): : No such file or directory",
        "ipcrm: semid(131072): : Invalid argument",
        "ipcrm: sems(4321): : No such file or directory",
      ],
      status: 4, // the number of failures [TOOL-25]
    });
    expect(await ids("msg")).toEqual(["65536"]);
  });

  test("numbers are decimal: 0x4d is 0 [TOOL-17]; private objects have no key [TOOL-20]", async () => {
    expect(await ipcrm("-Q", "0x4d", "-M", "nix", "-S", "0")).toEqual({
      out: [],
      err: [
        "ipcrm: can't remove private message queues",
        "ipcrm: can't remove private shared memory segments",
        "ipcrm: can't remove private semaphores",
      ],
      status: 0,
    });
    expect(await ipcrm("-q", "0x10000")).toEqual(refused("ipcrm: msqid(0): : Invalid argument"));
    await nothingChanged();
  });

  test("somebody else's: permission denied", async () => {
    const module = import.meta.resolve("@jailyard/tools/ipcrm");
    const process = await host.spawn({ module, args: ["-q", "65537"], uid: 1001, comm: "ipcrm" });
    expect(await lines(process)).toEqual(refused("ipcrm: msqid(65537): : Permission denied"));
    await nothingChanged();
  });
});

describe("all of them", () => {
  test("-W -v: queues, segments, sets, highest index first [TOOL-22]", async () => {
    expect(await ipcrm("-W", "-v")).toEqual(
      done(
        ...["Removed message queue 65537", "Removed message queue 65536"],
        ...["Removed shared memory segment 65537", "Removed shared memory segment 65536"],
        ...["Removed semaphore 65537", "Removed semaphore 65536"],
      ),
    );
    expect(await all()).toEqual({ msg: [], shm: [], sem: [] });
  });

  test("id -1 and key -1: one type [TOOL-22]; in a jail its own only", async () => {
    expect(await tool(web, "ipcrm", "-W")).toEqual(done());
    expect(await all()).toEqual({ msg: ["65537"], shm: ["65537"], sem: ["65537"] });
    expect(await ipcrm("-q", "-1", "-S", "-1", "-v")).toEqual(
      done("Removed message queue 65537", "Removed semaphore 65537"),
    );
  });

  test("failures are silent, but counted; -vv tells them [TOOL-22]", async () => {
    const module = import.meta.resolve("@jailyard/tools/ipcrm");
    const as = async (...args: string[]) =>
      lines(await host.spawn({ module, args, uid: 1001, comm: "ipcrm" }));
    expect(await as("-W", "-v")).toEqual({ out: [], err: [], status: 6 });
    const { err } = await as("-vv", "-q", "-1");
    expect(err).toEqual([
      "ipcrm: msqid(65537): : Permission denied",
      "ipcrm: msqid(65536): : Permission denied",
    ]);
    await nothingChanged();
  });
});

describe("-j: the objects of one jail", () => {
  test("a key of that jail's space, by the jail's name or jid", async () => {
    expect(await ipcrm("-j", "web", "-M", "77")).toEqual(done());
    expect(await ids("shm")).toEqual(["65537"]);
    expect(await ipcrm("-S77", "-j", "1")).toEqual(done());
    expect(await ids("sem")).toEqual(["65537"]);
    expect(await ipcrm("-j", "0", "-Q77")).toEqual(done());
    expect(await ids("msg")).toEqual(["65536"]);
  });

  test("ids and keys that are not that jail's are not there; -W takes its own", async () => {
    expect(await ipcrm("-j", "web", "-q", "65537", "-S", "5")).toEqual({
      out: [],
      err: [
        "ipcrm: msqid(65537): : Invalid argument",
        "ipcrm: sems(5): : No such file or directory",
      ],
      status: 2,
    });
    expect(await all()).toEqual(EVERYTHING);
    expect(await ipcrm("-j", "web", "-W")).toEqual(done());
    expect(await all()).toEqual({ msg: ["65537"], shm: ["65537"], sem: ["65537"] });
  });

  test.each([
    [["-j", "nix", "-W"], 'ipcrm: jail "nix" not found'],
    [["-j", "9", "-W"], "ipcrm: jail 9 not found"],
  ])("%j", async (args, line) => {
    expect(await ipcrm(...args)).toEqual(refused(line));
    await nothingChanged();
  });

  test("a jail does not learn whose objects are whose", async () => {
    const { err, status } = await tool(web, "ipcrm", "-j", "web", "-W");
    expect({ err, status }).toEqual({
      err: ["ipcrm: -j: only the host sees the jails of objects"],
      status: 1,
    });
    await nothingChanged();
  });
});

test("-n says what would go, and changes nothing", async () => {
  expect(await ipcrm("-n", "-q65536", "-M77", "-j0")).toEqual({
    out: ["Would remove shared memory segment 65537"],
    err: ["ipcrm: msqid(65536): : Invalid argument"],
    status: 1,
  });
  expect((await ipcrm("-nW")).out).toHaveLength(6);
  await nothingChanged();
});

describe("--unused", () => {
  const columns = async (...args: string[]) =>
    (await ipcrm("--unused", ...args)).out.map((line) =>
      line.replace(/ +/g, " ").replace(/ \d+s /, " 0s "),
    );

  test("lists, and removes nothing unless told to", async () => {
    expect(await columns("-j", "web")).toEqual([
      "T ID KEY OWNER IDLE JAIL WHY",
      "q 65536 77 root 0s web nobody has used it",
      "m 65536 77 root 0s web nobody attaches it",
      "s 65536 77 root 0s web nobody has used it",
    ]);
    expect(await all()).toEqual(EVERYTHING);
    expect((await ipcrm("--unused", "--remove", "-n")).status).toBe(0);
    expect(await all()).toEqual(EVERYTHING);
    expect((await ipcrm("--unused", "--remove", "-v", "-j", "web")).out.slice(-3)).toEqual([
      "Removed message queue 65536",
      "Removed shared memory segment 65536",
      "Removed semaphore 65536",
    ]);
    expect(await all()).toEqual({ msg: ["65537"], shm: ["65537"], sem: ["65537"] });
  });

  test("what is attached, slept in or to be undone is in use", async () => {
    const asleep = async () => (await yard.stats()).jails.find(({ jid }) => jid === 1)!.sleeps;
    await idle(web, "1", "shm", "msg");
    await idle(web, "2", "undo", "sem");
    await until(async () => (await asleep()) === 2);
    const left = (await columns("-j", "web")).filter((line) => !/ 77 /.test(line));
    expect(left).toEqual([
      "T ID KEY OWNER IDLE JAIL WHY",
      "q 65539 2 root 0s web nobody has used it",
      "m 65539 2 root 0s web nobody attaches it",
      "s 65538 1 root 0s web nobody has used it",
    ]);
  });

  test("whoever last worked on it is still there, or gone", async () => {
    const pid = await idle(web, "3", "undo", "stay");
    expect((await columns("-j", "web")).some((line) => line.startsWith("s 65538 "))).toBe(false);
    await yard.control.kill(pid as never, 9);
    expect(await columns("-j", "web")).toContain(
      `s 65538 3 root 0s web last used by pid ${pid}, gone`,
    );
  });

  test("--older leaves what was used a moment ago; --json", async () => {
    expect((await ipcrm("--unused", "--older", "10m")).out).toHaveLength(1);
    const { out } = await ipcrm("--unused", "--json", "-j", "web");
    expect(JSON.parse(out[0]).unused[1]).toMatchObject({
      ...{ facility: "shm", id: 65536, key: 77, jail: "web", uid: 0 },
      why: "nobody attaches it",
    });
  });
});

describe("bad arguments: the usage, status 1, nothing changed", () => {
  test.each([
    [["-x"], "illegal option -- x"],
    [["-q"], "option requires an argument -- q"],
    [["65536"], "unknown argument: 65536"],
    [["-W", "all"], "unknown argument: all"],
    [["--all"], "unrecognized option `--all'"],
    [["--unused", "-W"], "--unused chooses by itself: no ids, keys or -W"],
    [["--unused", "--older", "soon"], "--older soon: a time is a number with s, m, h or d, as 10m"],
    [["--unused", "--older"], "option `--older' requires an argument"],
    [["--unused", "--remove=yes"], "option `--remove' doesn't allow an argument"],
    [["--older", "5m", "-W"], "--older goes with --unused"],
    [["-W", "--remove"], "--remove goes with --unused"],
    [["-j", "web", "-j", "0", "-W"], "multiple -j options not allowed"],
  ])("%j", async (args, line) => {
    const { out, err, status } = await ipcrm(...args);
    expect({ out, status }).toEqual({ out: [], status: 1 });
    expect(err.slice(0, 4)).toEqual([
      `ipcrm: ${line}`,
      "usage: ipcrm [-W] [-v[v]] [-n] [-j jail]",
      "             [-q msqid] [-m shmid] [-s semid]",
      "             [-Q msgkey] [-M shmkey] [-S semkey] ...",
    ]);
    await nothingChanged();
  });

  test("hostile ones: longer than a call takes, and with a NUL", async () => {
    expect(await ipcrm("-W", "-j", "x".repeat(9000))).toEqual(
      refused("ipcrm: Argument list too long"),
    );
    expect((await ipcrm("-W", "-j", "we\0b")).status).toBe(1);
    expect((await ipcrm("-q", "9".repeat(400))).status).toBe(1);
    await nothingChanged();
  });
});

describe("facilities", () => {
  test("absent: SIGSYS is caught, and the module named [TOOL-21]", async () => {
    const none = await quiet({ modules: ["sem"] });
    try {
      const at = await none.host;
      expect(await tool(at, "ipcrm", "-q", "5", "-M", "7", "-S", "7", "-n", "-m", "3")).toEqual({
        out: [],
        err: [
          "ipcrm: message queues are not configured in the running kernel",
          "ipcrm: shared memory segments are not configured in the running kernel",
          "ipcrm: sems(7): : No such file or directory",
          "ipcrm: shared memory segments are not configured in the running kernel",
        ],
        status: 4,
      });
      expect(await tool(at, "ipcrm", "-W")).toEqual(done());
    } finally {
      await none.shutdown();
    }
  });

  test("disabled in the jail: Function not implemented [TOOL-21]", async () => {
    const off = await yard.jail({ name: "off" });
    expect(await tool(off, "ipcrm", "-q", "65537", "-M", "77", "-S", "-1")).toEqual({
      out: [],
      err: [
        "ipcrm: msqid(65537): : Function not implemented",
        "ipcrm: shms(77): : Function not implemented",
      ],
      status: 2,
    });
    await nothingChanged();
  });
});
