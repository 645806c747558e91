/**
 * No tool is a way into another jail. In two yards, which differ in what the jail next door hides,
 * root of a jail types the same lines: their answers are the same, and next door everything is as it
 * was. That calls themselves give nothing away is in test/manual/backdoor.test.ts.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import type { ModelName } from "@jailyard/kernel/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lines, type ToolRun, tool } from "../support/tool.ts";
import { quiet } from "../support/yard.ts";

const program = (name: string): URL => new URL(`programs/${name}.ts`, import.meta.url);

interface Secret {
  readonly name: string;
  readonly key: string;
  readonly text: string;
  readonly uid: number;
}
const SECRETS: readonly Secret[] = [
  { name: "vaulta", key: "540001", text: "aaaa", uid: 31_337 },
  { name: "vaultb", key: "640002", text: "bbbb", uid: 41_447 },
];

/** Lines in which NAME and KEY are both yards' in turn. Ids and pids next door are known to all. */
const LINES = `ipcs; ipcs -a; ipcs -T; ipcs -y; ipcs -Z; ipcs -sZ --json; ipcs --json; ipcs -j NAME; ipcs -j 2;
  ipcs -j 0; ipcs --output id,key,jail; ipcs --usage; ipcs --usage -Z; ipcs --waits; ipcs -u 31337;
  ipcrm -m 65536; ipcrm -s 65536; ipcrm -q 65536; ipcrm -M KEY; ipcrm -S KEY; ipcrm -Q KEY;
  ipcrm -W; ipcrm -vvW; ipcrm -m -1 -s -1 -q -1; ipcrm -y -W; ipcrm -j NAME -W; ipcrm -j NAME -M KEY;
  ipcrm -n -W; ipcrm --unused; ipcrm --unused --remove; ipcrm --unused --remove -j NAME;
  jls; jls -d; jls -j NAME; jls -j 2; jls -s; jls --json; jls --effective; jls -c -j NAME;
  jail -m name=NAME persist=false; jail -m jid=2 sysvsem=disable; jail -r NAME; jail -R 2; jail -R *;
  jail -c name=NAME.kid persist; jail -mr name=NAME sysvshm=new; jexec NAME ipcs; jexec 2 ipcs;
  jexec 0 ipcs -Z; jexec 1 ipcs; ps; ps -J NAME; ps -J 2; ps -J 0; ps -p 101; ps --json; ps aux;
  ps -U 31337; kill -0 101; kill -KILL 101; kill -TERM -1; kldunload -f sysvsem; kldload sysvsem;
  kldstat -v; sysctl -a; sysctl --json -a; sysctl kern.ipc.semvmx=1; sysctl security.jail.sysvipc_allowed=1;
  sysctl debug.kdb.panic=1; rctl; rctl -u jail:NAME; rctl -l process:101; rctl -a jail:NAME:nsem:deny=0;
  rctl -r jail:NAME; ipcns; ipcns --json; ipcns -e 0 ipcs; ipcns -e NAME ipcs; ipcns -c NAME ipcs;
  ipcns -e /jails/NAME ipcs; ipcmk -M 4096 -k KEY; ipcs -m; ipcrm -M KEY; jexec web jexec NAME ipcs`;

/** jails: cell is 1, the vault 2; the process in the vault is 101. */
async function build(model: ModelName, { name, key, text, uid }: Secret): Promise<[Yard, Jail]> {
  const yard = await quiet({ racct: true, model });
  const own = model === "jail-keyed" || model === "disjoint";
  const spaces = own ? ({ sysvmsg: "new", sysvsem: "new", sysvshm: "new" } as const) : {};
  const make = (jail: string) =>
    yard.jail({ name: jail, path: `/jails/${jail}`, "children.max": 2, ...spaces });
  const cell = await make("cell");
  const vault = await make(name);
  const process = await vault.spawn({ module: program("vault"), args: [key, text], uid });
  await new Promise((resolve) => process.on("record", resolve));
  return [yard, cell];
}

describe.each(["jail-keyed", "disjoint", "broker"] as const)("model %s", (model) => {
  const yards: Yard[] = [];
  const cells: Jail[] = [];
  beforeAll(async () => {
    for (const secret of SECRETS) {
      const [yard, cell] = await build(model, secret);
      yards.push(yard);
      cells.push(cell);
    }
  });
  afterAll(() => Promise.all(yards.map((yard) => yard.shutdown())));

  /** What a yard's host sees of the vault. */
  async function vaultOf(yard: Yard, { name }: Secret): Promise<unknown> {
    const host = await yard.host;
    const process = await host.spawn({ module: program("everything") });
    const seen = new Promise<Record<string, unknown>>((resolve) =>
      process.on("record", (record) => resolve(record as Record<string, unknown>)),
    );
    return JSON.parse(JSON.stringify(await seen), (_key, value) =>
      Array.isArray(value) && value.some((row) => row?.jid !== undefined || row?.owner)
        ? value.filter((row) => JSON.stringify(row).includes(name) || row.owner?.jail === name)
        : value,
    );
  }

  const both = <T>(of: (i: number) => Promise<T>): Promise<T[]> => Promise.all([0, 1].map(of));

  test("root in a jail is answered the same, whatever is next door", async () => {
    const before = await both((i) => vaultOf(yards[i], SECRETS[i]));
    expect(before.map((seen) => JSON.stringify(seen).length > 1000)).toEqual([true, true]);
    for (const line of LINES.split(";").map((one) => one.trim())) {
      for (const { name, key } of SECRETS) {
        const [tool_, ...args] = line.replaceAll("NAME", name).replaceAll("KEY", key).split(" ");
        const [a, b] = await both((i) => tool(cells[i], tool_, ...args));
        expect({ args, ...a }).toEqual({ args, ...b });
      }
    }
    expect(await both((i) => vaultOf(yards[i], SECRETS[i]))).toEqual(before);
  });

  test("the host is not: the comparison can fail", async () => {
    const runs: ToolRun[] = await both(async (i) => tool(await yards[i].host, "ipcs", "-Z"));
    expect(runs[0].out).not.toEqual(runs[1].out);
    const into = await both(async (i) => {
      const { name } = SECRETS[i];
      const jexec = { module: import.meta.resolve("@jailyard/tools/jexec"), args: [name, "ipcs"] };
      return lines(await (await yards[i].host).spawn(jexec));
    });
    expect(into[0].out).not.toEqual(into[1].out);
  });
});
