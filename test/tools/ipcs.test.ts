/** ipcs(1): layouts to the blank, and what it shows to whom. */
import { ipcPerm } from "@jailyard/abi/ipc";
import { msqidDs } from "@jailyard/abi/msg";
import { semidDs } from "@jailyard/abi/sem";
import { SHMSEG_ALLOCATED, shmidDs } from "@jailyard/abi/shm";
import type { Facility, Ix } from "@jailyard/abi/types";
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { type ColumnOption, listLines, modeText } from "@jailyard/tools/ipcscolumns";
import type { ListRow } from "@jailyard/trap/records";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

const OBJECTS = new URL("programs/objects.ts", import.meta.url);

/** Seconds of this time of day, here. */
const at = (hours: number, minutes: number, seconds: number): number =>
  new Date(2026, 2, 2, hours, minutes, seconds).getTime() / 1000;
const perm = (uid: number, mode: number, key: number) => ({
  ...ipcPerm(),
  ...{ uid, gid: uid, cuid: uid, cgid: uid, mode, key: key as never },
});
const row = (id: number, ds: object): ListRow => ({ ix: (id & 0xffff) as Ix, id, ds }) as ListRow;

const QUEUE = row(65536, {
  ...msqidDs(),
  msg_perm: perm(1001, 0o640, 4321),
  ...{ msg_cbytes: 28, msg_qnum: 2, msg_qbytes: 2048, msg_lspid: 812 },
  ...{ msg_stime: at(9, 4, 11), msg_ctime: at(8, 59, 2) },
});
const SEGMENT = row(131072, {
  ...shmidDs(),
  shm_perm: perm(70, 0o600 | SHMSEG_ALLOCATED, 5432001),
  ...{ shm_segsz: 8192, shm_nattch: 3, shm_cpid: 700, shm_lpid: 731 },
  ...{ shm_atime: at(13, 20, 5), shm_dtime: at(13, 19, 58), shm_ctime: at(13, 1, 40) },
});
const SET = row(65536, {
  ...semidDs(),
  sem_perm: perm(0, 0o666, 0),
  ...{ sem_nsems: 17, sem_ctime: at(13, 1, 40) },
});

const shown = (f: Facility, columns: string, ...rows: ListRow[]): string[] => {
  const all = new Set([...columns] as ColumnOption[]);
  return listLines(f, rows, { shown: all, jails: false, spaces: false, trueKeys: false });
};

describe("layout", () => {
  test("title, heading, rows, an empty line [TOOL-9] [TOOL-10]", () => {
    expect(shown("msg", "", QUEUE)).toEqual([
      "Message Queues:",
      "T           ID          KEY MODE        OWNER    GROUP   ",
      "q        65536         4321 --rw-r----- 1001     1001    ",
      "",
    ]);
    expect(shown("shm", "")).toEqual([
      "Shared Memory:",
      "T           ID          KEY MODE        OWNER    GROUP   ",
      "",
    ]);
  });

  test("ipcs -qa: rows are narrower than their heading [TOOL-12]", () => {
    expect(shown("msg", "cobpt", QUEUE).slice(1, 3)).toEqual([
      "T           ID          KEY MODE        OWNER    GROUP    CREATOR  CGROUP                 CBYTES                 QNUM               QBYTES        LSPID        LRPID STIME    RTIME    CTIME   ",
      "q        65536         4321 --rw-r----- 1001     1001     1001     1001               28            2                 2048          812            0  9:04:11 no-entry  8:59:02",
    ]);
  });

  test("ipcs -ma [TOOL-12] [TOOL-13]", () => {
    expect(shown("shm", "cobpt", SEGMENT).slice(1, 3)).toEqual([
      "T           ID          KEY MODE        OWNER    GROUP    CREATOR  CGROUP         NATTCH        SEGSZ         CPID         LPID ATIME    DTIME    CTIME   ",
      "m       131072      5432001 --rw------- postgres postgres postgres postgres            3         8192          700          731 13:20:05 13:19:58 13:01:40",
    ]);
  });

  test("ipcs -sa: nothing for -o and -p [TOOL-12]", () => {
    expect(shown("sem", "cobpt", SET).slice(1, 3)).toEqual([
      "T           ID          KEY MODE        OWNER    GROUP    CREATOR  CGROUP          NSEMS OTIME    CTIME   ",
      "s        65536            0 --rw-rw-rw- root     wheel    root     wheel              17 no-entry 13:01:40",
    ]);
  });

  test("state bits are not shown [TOOL-11]", () => {
    expect(modeText(0o777 | SHMSEG_ALLOCATED)).toBe("--rwarwarwa");
    expect(modeText(0o421)).toBe("--r---w---a");
    expect(modeText(0)).toBe("-----------");
  });
});

describe("in a yard", () => {
  let yard: Yard;
  let web: Jail;
  let off: Jail;
  const host = (...args: string[]) => yard.host.then((jail) => tool(jail, "ipcs", ...args));

  beforeAll(async () => {
    yard = await quiet();
    web = await privateJail(yard, "web");
    off = await yard.jail({
      name: "off",
      sysvsem: "disable",
      sysvshm: "disable",
      sysvmsg: "disable",
    });
    await (await web.spawn({ module: OBJECTS })).exited;
  });
  afterAll(() => yard.shutdown());

  const rows = (out: readonly string[]): string[] => out.filter((line) => /^[qms] /.test(line));

  test("a jail sees its keys, the host sees 0 [COM-13]", async () => {
    const inside = rows((await tool(web, "ipcs")).out);
    expect(inside).toEqual([
      "q        65536           77 --rw------- root     wheel   ",
      "m        65536           77 --rw------- root     wheel   ",
      "s        65536           77 --rw------- root     wheel   ",
    ]);
    const outside = rows((await host()).out);
    expect(outside).toEqual(inside.map((line) => line.replace("          77", "           0")));
  });

  test("-y on the host reads the kernel's memory: true keys [TOOL-5]; -Z adds the jail", async () => {
    expect(rows((await host("-sy")).out)).toEqual([
      "s        65536           77 --rw------- root     wheel   ",
    ]);
    expect(rows((await host("-Zs")).out)).toEqual([
      "s        65536           77 --rw------- root     wheel    web",
    ]);
  });

  test("-y and -Z are refused in a jail", async () => {
    expect(await tool(web, "ipcs", "-y")).toEqual({
      out: [],
      err: ["ipcs: /dev/mem: No such file or directory"],
      status: 1,
    });
    expect((await tool(web, "ipcs", "-Z")).status).toBe(1);
  });

  test("each choice replaces the one before [TOOL-2]; operands are ignored [TOOL-1]", async () => {
    const { out } = await host("-q", "-m", "operand");
    expect(out[0]).toBe("Shared Memory:");
    expect(out).toHaveLength(4);
  });

  test("-u takes a uid or a name, of the owner [TOOL-4]", async () => {
    expect(rows((await host("-u", "1001")).out)).toEqual([]);
    expect(rows((await host("-u", "root")).out)).toHaveLength(3);
    expect(await host("-u", "nobody")).toEqual({
      out: [],
      err: ["ipcs: getpwnam failed: No such user"],
      status: 1,
    });
  });

  test("an unknown option is answered with the usage [TOOL-1]", async () => {
    const { err, status } = await host("-x");
    expect(err[0]).toMatch(/^usage: ipcs \[-abcmopqstyMQST/);
    expect(status).toBe(1);
  });

  test("a facility that is disabled in the jail: an empty list, no error [TOOL-8]", async () => {
    const { out, status } = await tool(off, "ipcs", "-s");
    expect(out).toEqual([
      "Semaphores:",
      "T           ID          KEY MODE        OWNER    GROUP   ",
      "",
    ]);
    expect(status).toBe(0);
  });

  test("-M: one group of limits, -T: all three [TOOL-15]", async () => {
    expect((await host("-M")).out).toEqual([
      "shminfo:",
      "\tshmmax:    536870912\t(max shared memory segment size)",
      "\tshmmin:            1\t(min shared memory segment size)",
      "\tshmmni:          192\t(max number of shared memory identifiers)",
      "\tshmseg:          128\t(max shared memory segments per process)",
      "\tshmall:       131072\t(max amount of shared memory in pages)",
      "",
    ]);
    const { out } = await host("-T");
    expect(out.filter((line) => line.endsWith(":"))).toEqual(["msginfo:", "shminfo:", "seminfo:"]);
    expect(out).toContain("\tsemvmx:        32767\t(semaphore maximum value)");
  });

  test("-j: the objects of one jail, with their true keys", async () => {
    expect(rows((await host("-j", "web")).out)).toHaveLength(3);
    expect(rows((await host("-sj", "1")).out)).toEqual([
      "s        65536           77 --rw------- root     wheel   ",
    ]);
    expect(rows((await host("-j", "off")).out)).toEqual([]);
    expect(rows((await host("-j", "0")).out)).toEqual([]);
    expect(await host("-j", "nix")).toEqual({
      out: [],
      err: ['ipcs: jail "nix" not found'],
      status: 1,
    });
    expect((await tool(web, "ipcs", "-j", "web")).err).toEqual([
      "ipcs: -j: only the host sees the jails of objects",
    ]);
  });

  test("--output: columns of one's choice, `-` where an object has no such thing", async () => {
    expect((await host("--output", "t,id,KEY,mode,owner,jail,segsz,nsems")).out).toEqual([
      "T    ID KEY MODE        OWNER JAIL SEGSZ NSEMS",
      "q 65536  77 --rw------- root  web      -     -",
      "m 65536  77 --rw------- root  web   4096     -",
      "s 65536  77 --rw------- root  web      -     2",
    ]);
    expect((await tool(web, "ipcs", "-m", "--output=jail,atime")).out[1]).toBe("-    no-entry");
    const { err, status } = await host("--output", "id,nix");
    expect(err[0]).toMatch(/^ipcs: unknown column: nix; there are: t id key mode /);
    expect(status).toBe(1);
    expect((await host("--output", "")).status).toBe(1);
  });

  test("--usage: what is used of each limit, with -Z by whom", async () => {
    expect((await host("--usage")).out).toEqual([
      "LIMIT              MAX USED USE% OF",
      "kern.ipc.msgmni     40    1   3% message queues",
      "kern.ipc.msgtql     40    0   0% messages",
      "kern.ipc.msgseg   2048    0   0% message segments, at least",
      "kern.ipc.shmmni    192    1   1% shared memory segments",
      "kern.ipc.shmall 131072    1   0% pages of shared memory",
      "kern.ipc.semmni     50    1   2% semaphore sets",
      "kern.ipc.semmns    340    2   1% semaphores",
      "kern.ipc.semmnu    150    0   0% undo structures",
    ]);
    expect((await host("--usage", "-Z")).out[2]).toMatch(/^ +1 +3% web$/);
    const { usage } = JSON.parse((await host("--usage", "-Z", "--json")).out[0]);
    expect(usage[6]).toMatchObject({ limit: "kern.ipc.semmns", used: 2, jails: { web: 2 } });
    const off = JSON.parse((await host("--usage", "-j", "off", "--json")).out[0]).usage;
    expect(off.map(({ used }: { used: number }) => used)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("--json has the same as structures", async () => {
    const { out } = await host("-sZ", "--json");
    const { sem } = JSON.parse(out[0]) as { sem: Record<string, unknown>[] };
    expect(sem).toHaveLength(1);
    expect(sem[0]).toMatchObject({ id: 65536, key: 77, jail: "web", sem_nsems: 2 });
  });
});

test("an absent module ends the output where it is reached [TOOL-7]", async () => {
  const yard = await quiet({ modules: ["msg", "sem"] });
  try {
    const { out, err, status } = await tool(await yard.host, "ipcs");
    expect(out.map((line) => line.split(" ")[0])).toEqual(["Message", "T", ""]);
    expect(err).toEqual(["ipcs: sysctlbyname: kern.ipc.shmmax: No such file or directory"]);
    expect(status).toBe(1);
    expect((await tool(await yard.host, "ipcs", "-s")).out).toEqual([]);
  } finally {
    await yard.shutdown();
  }
});
