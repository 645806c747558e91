/** Models through the gate: name spaces by call and by name, and what the host's tools make of them. */
import { boot, type Yard, YardError } from "@jailyard/host/yard";
import { afterEach, describe, expect, test } from "vitest";
import { type ToolRun, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const SPACES = new URL("programs/spaces.ts", import.meta.url);
const OBJECTS = new URL("../tools/programs/objects.ts", import.meta.url);

let yard: Yard;
afterEach(() => yard?.shutdown());

const rows = ({ out }: ToolRun): string[] => out.filter((line) => /^[qms] /.test(line));

describe("disjoint", () => {
  test("a jail's program makes a name space; its child is in it, the jail's set is not", async () => {
    yard = await quiet({ model: "disjoint" });
    const web = await yard.jail({ name: "web" });
    const process = await web.spawn({ module: SPACES });
    const records: unknown[] = [];
    await new Promise<void>((resolve) => {
      process.on("record", (record) => {
        if (records.push(record) === 2) resolve();
      });
    });
    expect(records).toEqual([
      { child: 2 },
      { made: true, lost: "EINVAL", everywhere: "EPERM", names: ["0", "0/pg1*"] },
    ]);

    const host = await yard.host;
    expect(rows(await tool(host, "ipcs", "-s"))).toEqual([]);
    const all = await tool(host, "ipcs", "-sZ");
    expect(all.out[1]).toMatch(/GROUP {4}JAIL {9}NAMESPACE$/);
    expect(rows(all)).toEqual([
      "s        65536      5432001 --rw------- root     wheel    web          web",
      "s        65537      5432001 --rw------- root     wheel    web          web/pg1",
    ]);
    const json = JSON.parse((await tool(host, "ipcs", "-sZ", "--json")).out[0]);
    expect(json.sem.map(({ namespace }: { namespace: string }) => namespace)).toEqual([
      "web",
      "web/pg1",
    ]);

    await process.kill("SIGKILL");
    await process.exited;
    expect(rows(await tool(host, "ipcs", "-sZ"))).toHaveLength(1); // pg1 went with its last process
  });
});

describe("tagged and broker", () => {
  test.each([
    ["tagged", { name: "web" }, "77 --rw------- root     wheel    web"],
    [
      "broker",
      { name: "web", path: "/jails/web" },
      "77 --rw------- root     wheel    web          /jails/web",
    ],
  ] as const)("%s: ipcs -Z says whose", async (model, params, line) => {
    yard = await quiet({ model });
    const web = await yard.jail(params);
    await (await web.spawn({ module: OBJECTS })).exited;
    expect(rows(await tool(await yard.host, "ipcs", "-mZ"))).toEqual([
      `m        65536           ${line}`,
    ]);
    expect(rows(await tool(web, "ipcs", "-m"))).toEqual([
      "m        65536           77 --rw------- root     wheel   ",
    ]);
  });
});

test("a model or policy that nobody knows is refused, with those that there are", async () => {
  const known = {
    'model "zones" is not known; there are jail-keyed, flat, tagged, disjoint, broker': {
      model: "zones",
    },
    'late load "never" is not known; there are freebsd, deny, create': { lateLoad: "never" },
    'limits "jail" is not known; there are host, namespace': { limitScope: "jail" },
  };
  for (const [message, config] of Object.entries(known)) {
    await expect(boot(config as object)).rejects.toThrow(new YardError(message));
  }
});
