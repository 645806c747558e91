/** Why a call was refused: rule, limit, numbers and holder, in libc's errors and with -v. */
import type { Refusal } from "@jailyard/abi/refusal";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

const REFUSED = new URL("programs/refused.ts", import.meta.url);
const LIMITS = { "kern.ipc.semmns": 60, "kern.ipc.semvmx": 100, "kern.ipc.semaem": 50 };

describe.each(["direct", "central"] as const)("placement %s", (placement) => {
  let yard: Yard;
  let host: Jail;
  let web: Jail;
  let db: Jail;

  beforeAll(async () => {
    yard = await quiet({ placement, limits: LIMITS });
    host = await yard.host;
    web = await privateJail(yard, "web");
    db = await privateJail(yard, "db");
    await tool(web, "ipcmk", "-S", "40");
    await tool(db, "ipcmk", "-S", "15");
  });
  afterAll(() => yard.shutdown());

  /** What a program in the jail is told of the call that `what` names. */
  async function refusal(jail: Jail, what: string): Promise<Refusal> {
    const process = await jail.spawn({ module: REFUSED, args: [what] });
    const told = new Promise<Refusal>((resolve) =>
      process.on("record", (record) => resolve(record as Refusal)),
    );
    await process.exited;
    return told;
  }

  test("the host is told who holds most, a jail only of itself", async () => {
    const limit = { rule: "SEM-20", limit: "kern.ipc.semmns", value: 60, request: 17 };
    const ofHost = { ...limit, use: 55, holder: { jid: web.jid, jail: "web", amount: 40 } };
    expect(await refusal(host, "semget")).toEqual(ofHost);
    const ofDb = { ...limit, use: 15, holder: { jid: db.jid, jail: "", amount: 15 } };
    expect(await refusal(db, "semget")).toEqual(ofDb);
  });

  test("a call that a page refuses has the limit's numbers too", async () => {
    expect(await refusal(web, "semaem")).toMatchObject({ limit: "kern.ipc.semaem", value: 50 });
    const setval = { rule: "SEM-30", limit: "kern.ipc.semvmx", value: 100, request: 101 };
    expect(await refusal(web, "setval")).toMatchObject(setval);
  });

  test("what is refused by a rule has no numbers", async () => {
    const none = { limit: "", value: null, use: null, request: null, holder: null };
    expect(await refusal(web, "gone")).toEqual({ rule: "SEM-24", ...none });
  });

  test("tools tell it with -v", async () => {
    const why =
      "semget: No space left on device by SEM-20: kern.ipc.semmns is 60; 17 asked for, 55 in use, most by jail web: 40";
    const { err, status } = await tool(host, "ipcmk", "-v", "-S", "17");
    expect(status).toBe(1);
    expect(err.at(-1)).toBe(`ipcmk: ${why}`);
    const removed = await tool(host, "ipcrm", "-v", "-s", "12345");
    expect(removed.err.at(-1)).toBe("ipcrm: semctl: Invalid argument by SEM-23");
    const quietly = await tool(host, "ipcmk", "-S", "17");
    expect(quietly.err).toEqual(err.slice(0, -1));
  });
});
