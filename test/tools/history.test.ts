/** ipcs --history: what was removed, by whom, and who may know. */
import type { RemovedRow } from "@jailyard/abi/ipchistory";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

const USER = new URL("programs/user.ts", import.meta.url);

describe.each(["direct", "central"] as const)("placement %s", (placement) => {
  let yard: Yard;
  let host: Jail;
  let web: Jail;
  let db: Jail;
  /** Pid of the process that used all three objects of web. */
  let pid: number;

  beforeAll(async () => {
    yard = await quiet({ placement });
    host = await yard.host;
    web = await privateJail(yard, "web");
    db = await privateJail(yard, "db");
    await tool(web, "ipcmk", "-S", "1", "-k", "11", "-p", "0666");
    await tool(web, "ipcmk", "-Q", "-k", "12", "-p", "0666");
    await tool(web, "ipcmk", "-M", "4096", "-k", "13", "-p", "0666");
    const user = await web.spawn({ module: USER, uid: 70, gid: 70 });
    pid = user.pid;
    expect(await user.exited).toMatchObject({ status: 0, error: null });
  });
  afterAll(() => yard.shutdown());

  const rows = async (jail: Jail, ...args: string[]): Promise<RemovedRow[]> => {
    const { out } = await tool(jail, "ipcs", "--history", "--json", ...args);
    return (JSON.parse(out[0]) as { removed: RemovedRow[] }).removed;
  };

  test("nothing is removed yet", async () => {
    expect(await rows(host)).toEqual([]);
    expect((await tool(web, "ipcs", "--history")).out).toEqual([
      "T ID KEY MODE OWNER CREATOR CPID LPID MADE REMOVED BY",
    ]);
  });

  test("who made, last used and removed it", async () => {
    expect((await tool(web, "ipcrm", "-S", "11", "-Q", "12")).status).toBe(0);
    expect((await tool(host, "ipcrm", "-j", "web", "-M", "13")).status).toBe(0);
    const seen = await rows(host, "-Z");
    const what = seen.map(({ facility, key, lpid, by }) => [
      facility,
      key,
      lpid,
      by?.comm,
      by?.jail,
    ]);
    expect(what.sort()).toEqual([
      ["msg", 12, pid, "ipcrm", "web"],
      ["sem", 11, pid, "ipcrm", "web"],
      ["shm", 13, pid, "ipcrm", ""],
    ]);
    for (const { cpid, made, removed } of seen) {
      expect(cpid).toBeGreaterThan(100);
      expect(removed).toBeGreaterThanOrEqual(made);
    }
  });

  test("a jail knows of its own, and nothing of processes outside", async () => {
    const seen = await rows(web);
    expect(seen.map(({ facility }) => facility).sort()).toEqual(["msg", "sem", "shm"]);
    expect(seen.every((row) => row.owner === undefined)).toBe(true);
    const shm = seen.find(({ facility }) => facility === "shm");
    expect(shm).toMatchObject({ by: null, why: "a process outside of the jail", key: 13 });
    expect(await rows(db)).toEqual([]);
    expect((await tool(db, "ipcs", "--history", "-Z")).status).toBe(1);
    expect((await rows(host, "-j", "db")).length).toBe(0);
    expect((await rows(host, "-j", "web", "-s")).length).toBe(1);
    expect((await rows(host, "-u", "70")).length).toBe(0);
  });

  test("a jail takes its objects with it", async () => {
    await tool(db, "ipcmk", "-Q", "-k", "5");
    expect((await tool(host, "jail", "-r", "db")).status).toBe(0);
    const { out } = await tool(host, "ipcs", "--history", "-qZ");
    expect(out.at(-1)).toMatch(
      /^q +\d+ +5 --rw-r--r-- root +root +\d+ +- .* db +its jail was removed$/,
    );
  });

  test("it is bounded, and root of the host says how", async () => {
    expect((await tool(web, "sysctl", "kern.ipc.history=1")).status).toBe(1);
    expect((await tool(host, "sysctl", "kern.ipc.history=2")).status).toBe(0);
    for (let i = 0; i < 5; i++) await tool(web, "ipcmk", "-S", "1", "-k", String(20 + i));
    expect((await tool(web, "ipcrm", "-W")).status).toBe(0);
    expect((await rows(web)).map(({ key }) => key)).toEqual([21, 20]); // -W goes down the table
    expect((await tool(host, "sysctl", "kern.ipc.history=0")).status).toBe(0);
    expect(await rows(host, "-Z")).toEqual([]);
  });
});
