import {
  E2BIG,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  EPERM,
  ERANGE,
  ESRCH,
  OK,
} from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_RMID } from "@jailyard/abi/ipc";
import { reasonText } from "@jailyard/abi/reason";
import { sembufs } from "@jailyard/abi/sem";
import type { Key, Pid } from "@jailyard/abi/types";
import { jailAttach, jailRemove } from "@jailyard/kernel/jail";
import type { Kernel } from "@jailyard/kernel/kernel";
import { msgsnd } from "@jailyard/kernel/msg";
import { msgget } from "@jailyard/kernel/msgctl";
import type { Prison } from "@jailyard/kernel/prison";
import { fork } from "@jailyard/kernel/proc";
import {
  rctlAddRule,
  rctlGetLimits,
  rctlGetRacct,
  rctlGetRules,
  rctlRemoveRule,
  type Subject,
  type Usage,
} from "@jailyard/kernel/rctl";
import { semop } from "@jailyard/kernel/sem";
import { semget } from "@jailyard/kernel/semctl";
import { shmget } from "@jailyard/kernel/shm";
import { shmctl } from "@jailyard/kernel/shmctl";
import type { Thread } from "@jailyard/kernel/thread";
import { describe, expect, test } from "vitest";
import { ending, makeSet, remove } from "../support/jail.ts";
import { bench, exit, jail, modify, ok, process } from "../support/kernel.ts";

const boot = (): Kernel => bench({ racct: true }).k;
const ALL = { sysvmsg: 1, sysvsem: 1, sysvshm: 1 };
const allow = (k: Kernel, ...rules: string[]): void => {
  for (const rule of rules) expect(rctlAddRule(k, null, rule)).toBe(OK);
};
const rules = (k: Kernel, filter = ""): string[] => {
  const out: string[] = [];
  expect(rctlGetRules(k, null, filter, out)).toBe(OK);
  return out;
};
const usage = (k: Kernel, subject: string): Record<string, number> => {
  const out: Usage[] = [];
  expect(rctlGetRacct(k, null, subject, out)).toBe(OK);
  return Object.fromEntries(out);
};
/** nsem of the named containers. */
const nsems = (k: Kernel, ...subjects: [Subject, string][]): number[] =>
  subjects.map(([subject, id]) => k.racct!.used(subject, id, "nsem"));
const segment = (k: Kernel, td: Thread, key: number, bytes = 4096) =>
  shmget(k, td, key as Key, bytes, IPC_CREAT | 0o600);

describe("rctl(4)", () => {
  test("a creation is charged to process, user, login class and all prisons above [COM-33]", () => {
    const k = boot();
    jail(k, "a", ALL);
    const td = process(k, { uid: 7, prison: jail(k, "a.b", ALL) });
    ok(td, semget(k, td, 1 as Key, 5, IPC_CREAT | 0o600));
    const pid = String(td.p_pid);
    const charged = [
      ["process", pid],
      ["user", "7"],
      ["loginclass", "default"],
      ["jail", "a.b"],
      ["jail", "a"],
      ["jail", "0"],
    ] as const;
    expect(nsems(k, ...charged.map(([s, id]): [Subject, string] => [s, id]))).toEqual([
      5, 5, 5, 5, 5, 5,
    ]);
    expect(ending(k)).toEqual({});
  });

  test("usage names the resources in a fixed order; of a process only nsemop [TOOL-47] [COM-35]", () => {
    const k = boot();
    const td = process(k, { prison: jail(k, "web", ALL) });
    ok(td, segment(k, td, 1, 5000));
    expect(Object.entries(usage(k, "jail:web")).map((pair) => pair.join("="))).toEqual([
      "msgqqueued=0",
      "msgqsize=0",
      "nmsgq=0",
      "nsem=0",
      "nsemop=0",
      "nshm=1",
      "shmsize=8192",
    ]);
    expect(usage(k, `process:${td.p_pid}`)).toEqual({ nsemop: 0 });
    expect(ending(k)).toEqual({});
  });

  test("the end of an object refunds its creator's containers, not the process [COM-34]", () => {
    const k = boot();
    const td = process(k);
    remove(k, makeSet(k, td));
    expect(nsems(k, ["process", String(td.p_pid)], ["user", "0"])).toEqual([1, 0]);
    exit(k, td);
    expect(ending(k)).toEqual({});
  });

  test("a creator that is reaped gets its quota back, the object twice: clamped at 0 [COM-34]", () => {
    const k = boot();
    const [first, second] = [process(k), process(k)];
    const id = makeSet(k, first, 1);
    makeSet(k, second, 2);
    exit(k, first);
    expect(nsems(k, ["user", "0"])).toEqual([1]);
    remove(k, id);
    expect(nsems(k, ["user", "0"])).toEqual([0]);
    remove(k, k.sem.idOf(k.sem.slots[1]!) as never);
    expect(ending(k)).toEqual({});
  });

  test("what a process holds moves with it into a jail", () => {
    const k = boot();
    jail(k, "web");
    const td = process(k);
    const id = makeSet(k, td);
    ok(td, jailAttach(k, td, 1));
    expect(nsems(k, ["jail", "web"], ["jail", "0"])).toEqual([1, 1]);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });

  test("rules and use go by the jail's name; a renamed one takes its use along", () => {
    const k = boot();
    allow(k, "jail:web:nsem:deny=1");
    const web = jail(k, "web", ALL);
    const td = process(k, { prison: web });
    makeSet(k, td, 1);
    expect(semget(k, td, 2 as Key, 1, IPC_CREAT | 0o600)).toBe(ENOSPC);
    expect(modify(k, web, { name: "www" })).toBe(OK);
    expect(nsems(k, ["jail", "web"], ["jail", "www"])).toEqual([0, 1]);
    makeSet(k, td, 2);
    expect(ending(k)).toEqual({});
  });
});

describe("a dying jail", () => {
  test("keeps its use when a new one takes its jid, but not its name [JAIL-57]", () => {
    const k = boot();
    jail(k, "5", { sysvsem: 2 });
    const parent = process(k);
    const child = k.procs.get(ok(parent, fork(k, parent)) as Pid)!;
    ok(child, jailAttach(k, child, 5));
    const id = makeSet(k, child);
    expect(jailRemove(k, null, 5)).toBe(OK); // the child is a zombie: not refunded yet [COM-34]
    expect(jail(k, "www", { jid: 5 }).pr_name).toBe("www");
    expect(nsems(k, ["jail", "5"], ["jail", "www"])).toEqual([1, 0]);
    remove(k, id);
    expect(ending(k)).toEqual({});
  });
});

describe("rules", () => {
  test("are listed oldest first, and removed by whatever a filter matches [TOOL-46]", () => {
    const k = boot();
    allow(k, "jail:web:nshm:deny=2", "user:7:nsem:deny=5/jail", "jail:web:nsem:log=1");
    expect(rules(k)).toEqual([
      "jail:web:nshm:deny=2",
      "user:7:nsem:deny=5/jail",
      "jail:web:nsem:log=1",
    ]);
    expect(rules(k, "::nsem")).toHaveLength(2);
    expect(rctlRemoveRule(k, null, "jail:web")).toBe(OK);
    expect(rules(k)).toEqual(["user:7:nsem:deny=5/jail"]);
  });

  test("those that bind a process are its limits, and its own end with it", () => {
    const k = boot();
    const td = process(k, { uid: 7, prison: jail(k, "web", ALL) });
    allow(k, "jail:web:nshm:deny=2", "user:8:nsem:deny=5", `process:${td.p_pid}:nsem:deny=1`);
    const out: string[] = [];
    expect(rctlGetLimits(k, null, `process:${td.p_pid}`, out)).toBe(OK);
    expect(out).toEqual(["jail:web:nshm:deny=2", `process:${td.p_pid}:nsem:deny=1`]);
    exit(k, td);
    expect(rules(k)).toHaveLength(2);
    expect(ending(k)).toEqual({});
  });

  test("of a jail bind those below it, with their use together", () => {
    const k = boot();
    jail(k, "a", ALL);
    const inside = (prison: Prison) => process(k, { prison });
    const [x, y] = [inside(jail(k, "a.x", ALL)), inside(jail(k, "a.y", ALL))];
    allow(k, "jail:a:nsem:deny=1");
    makeSet(k, x);
    expect(semget(k, y, 1 as Key, 1, IPC_CREAT | 0o600)).toBe(ENOSPC);
    expect(ending(k)).toEqual({});
  });

  test("per another kind of subject compare that one's use", () => {
    const k = boot();
    const prison = jail(k, "web", ALL);
    const [seven, eight] = [process(k, { uid: 7, prison }), process(k, { uid: 8, prison })];
    allow(k, "jail:web:nsem:deny=1/user");
    makeSet(k, seven, 1);
    makeSet(k, eight, 2);
    expect(semget(k, eight, 3 as Key, 1, IPC_CREAT | 0o600)).toBe(ENOSPC);
    expect(ending(k)).toEqual({});
  });

  test("with action log tell the console, once until the process was below again", () => {
    const k = boot();
    const said: string[] = [];
    k.hooks = { ...k.hooks, message: (line) => said.push(line) };
    const td = process(k, { prison: jail(k, "web", ALL), uid: 7, comm: "app" });
    allow(k, "jail:web:nsem:log=1");
    const sets = [makeSet(k, td, 1)];
    expect(said).toEqual([]);
    sets.push(makeSet(k, td, 2), makeSet(k, td, 3));
    const line = `rctl: rule "jail:web:nsem:log=1" matched by pid ${td.p_pid} (app), uid 7, jail web`;
    expect(said).toEqual([line]);
    for (const id of sets) remove(k, id);
    makeSet(k, td, 4);
    makeSet(k, td, 5);
    expect(said).toEqual([line, line]);
    expect(ending(k)).toEqual({});
  });
});

describe("what a denial does [TOOL-49] to [TOOL-52]", () => {
  /** A process of jail web under these rules. */
  function limited(k: Kernel, ...texts: string[]): Thread {
    allow(k, ...texts.map((text) => `jail:web:${text}`));
    return process(k, { prison: jail(k, "web", ALL) });
  }

  test("[ENOSPC] nsem, nmsgq, nshm [TOOL-49]", () => {
    const k = boot();
    const td = limited(k, "nsem:deny=0", "nmsgq:deny=0", "nshm:deny=0");
    expect(semget(k, td, 1 as Key, 1, IPC_CREAT | 0o600)).toBe(ENOSPC);
    expect(reasonText(td.td_reason)).toBe("SEM-20, rctl nsem");
    expect(msgget(k, td, 1 as Key, IPC_CREAT | 0o600)).toBe(ENOSPC);
    expect(segment(k, td, 1)).toBe(ENOSPC);
    expect(ending(k)).toEqual({});
  });

  test("[ENOMEM] shmsize, and nshm is given back [TOOL-50] [SHM-14]", () => {
    const k = boot();
    const td = limited(k, "shmsize:deny=4096");
    expect(segment(k, td, 1, 4097)).toBe(ENOMEM);
    expect(usage(k, "jail:web")).toMatchObject({ nshm: 0, shmsize: 0 });
    const id = ok(td, segment(k, td, 1));
    ok(td, shmctl(k, td, id, IPC_RMID, null));
    expect(ending(k)).toEqual({});
  });

  test("[E2BIG] nsemop, for more than 8 operations only [TOOL-51] [SEM-44]", () => {
    const k = boot();
    const td = limited(k, "nsemop:deny=2");
    const set = makeSet(k, td);
    const sops = sembufs(9);
    sops.count = 8;
    expect(semop(k, td, set, sops, 8)).toBe(OK);
    sops.count = 9;
    expect(semop(k, td, set, sops, 9)).toBe(E2BIG);
    expect(ending(k)).toEqual({});
  });

  test("[EAGAIN] msgqqueued, msgqsize [TOOL-52] [MSG-33]", () => {
    const k = boot();
    const td = limited(k, "msgqqueued:deny=1", "msgqsize:deny=10");
    const id = ok(td, msgget(k, td, 1 as Key, IPC_CREAT | 0o600));
    const send = (bytes: number) =>
      msgsnd(k, td, id, { mtype: 1, mtext: new Uint8Array(bytes) }, bytes, 0);
    expect(send(11)).toBe(EAGAIN);
    expect(usage(k, "jail:web")).toMatchObject({ msgqqueued: 0, msgqsize: 0 });
    expect(send(5)).toBe(OK);
    expect(send(5)).toBe(EAGAIN);
    expect(ending(k)).toEqual({});
  });
});

describe("ERRORS", () => {
  test("[ENOSYS] accounting is off [TOOL-48]", () => {
    const { k } = bench();
    expect(rctlAddRule(k, null, "jail:web:nsem:deny=1")).toBe(ENOSYS);
    expect(rctlGetRules(k, process(k), "", [])).toBe(ENOSYS);
    expect(ending(k)).toEqual({});
  });

  test("[EPERM] not root of the host", () => {
    const k = boot();
    const inside = process(k, { prison: jail(k, "a") });
    for (const td of [process(k, { uid: 7 }), inside]) {
      expect(rctlAddRule(k, td, "user:7:nsem:deny=1")).toBe(EPERM);
      expect(rctlGetRacct(k, td, "user:7", [])).toBe(EPERM);
    }
    expect(ending(k)).toEqual({});
  });

  test.for([
    "jail:web:nsem:deny",
    "jail:web:nsem",
    "jail:web:memoryuse:deny=1",
    "zone:web:nsem:deny=1",
    "jail:web:nsem:kill=1",
    "jail:web:nsem:deny=many",
    "jail::nsem:deny=1",
    "user:root:nsem:deny=1",
    "jail:web:nsem:deny=1:x",
  ])("[EINVAL] %s", (text) => {
    expect(rctlAddRule(boot(), null, text)).toBe(EINVAL);
  });

  test("[ERANGE] a negative amount", () => {
    expect(rctlAddRule(boot(), null, "jail:web:nsem:deny=-1")).toBe(ERANGE);
  });

  test("[EEXIST] the same rule again; [ESRCH] nothing to remove, no such process", () => {
    const k = boot();
    allow(k, "jail:web:nsem:deny=1");
    expect(rctlAddRule(k, null, "jail:web:nsem:deny=1/jail")).toBe(EEXIST);
    expect(rctlRemoveRule(k, null, "jail:db")).toBe(ESRCH);
    expect(rctlAddRule(k, null, "process:4711:nsem:deny=1")).toBe(ESRCH);
    expect(rctlGetLimits(k, null, "process:4711", [])).toBe(ESRCH);
    expect(rctlGetRacct(k, null, "process:4711", [])).toBe(ESRCH);
    expect(rctlGetRacct(k, null, "jail", [])).toBe(EINVAL);
  });
});
