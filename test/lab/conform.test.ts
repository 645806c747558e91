/** The reader of conformance cases, and the runner, on the real kernel. */
import type { ConformCase } from "@jailyard/lab/conform/case";
import { KernelTarget } from "@jailyard/lab/conform/kerneltarget";
import { CorpusError, loadCases, parseCases } from "@jailyard/lab/conform/load";
import { resultsJson, resultsText } from "@jailyard/lab/conform/report";
import { type ConformResults, runCases } from "@jailyard/lab/conform/runner";
import { describe, expect, test } from "vitest";

const A = { uid: 0, gid: 0 };
const get = (bind: string, expect: object = { ret: 65536 }) => ({
  proc: "A",
  call: "semget",
  args: { key: 9, nsems: 2, flags: ["IPC_CREAT"], mode: "0600" },
  bind,
  expect,
});
const semop = (proc: string, num: number, op: number, expect: object, rest: object = {}) => ({
  proc,
  call: "semop",
  args: { semid: "$s", sops: [{ num, op }] },
  expect,
  ...rest,
});
const semctl = (cmd: string, args: object, expect: object, rest: object = {}) => ({
  proc: "A",
  call: "semctl",
  args: { semid: "$s", cmd, ...args },
  expect,
  ...rest,
});

const script = (steps: object[], rest: object = {}) => ({
  name: "it",
  procs: { A, B: A },
  steps,
  ...rest,
});

/** The error that a file of these lines is refused with. */
function refused(...lines: (string | object)[]): string {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  try {
    parseCases("some.jsonl", text.join("\n"));
  } catch (error) {
    expect(error).toBeInstanceOf(CorpusError);
    return (error as Error).message;
  }
  return "";
}

function play(...cases: object[]): Promise<ConformResults> {
  const text = cases.map((one) => JSON.stringify(one)).join("\n");
  return runCases(new KernelTarget(), parseCases("some.jsonl", text));
}

/** What the steps of one case differ in; nothing if it passed. */
async function differs(
  steps: object[],
  rest: object = {},
): Promise<[step: number, field: string][]> {
  const { failures } = await play(script(steps, rest));
  return failures.flatMap(({ step, differences }) =>
    differences.map(({ field }): [number, string] => [step, field]),
  );
}

const good = script([get("s")]);

describe("a file that is not of cases names file and line", () => {
  test("a good line is taken, empty lines are passed over", () => {
    expect(refused("", good, "")).toBe("");
    const [loaded] = parseCases("some.jsonl", `\n${JSON.stringify(good)}\n`);
    expect([loaded.line, loaded.conform.name]).toEqual([2, "it"]);
  });

  test("bad JSON", () => {
    expect(refused(good, "{")).toMatch(/^some\.jsonl:2: not JSON: /);
    expect(refused("[]")).toBe("some.jsonl:1: expected an object, got []");
  });

  test("a file that is not there", () => {
    expect(() => loadCases(["/nowhere/x.jsonl"])).toThrow(/^\/nowhere\/x\.jsonl: ENOENT/);
  });

  test("a case that is wrong as a whole", () => {
    expect(refused({ ...good, order_dependant: true })).toContain(
      'unknown field "order_dependant"',
    );
    expect(refused({ ...good, limits: { "kern.ipc.semmap": 1 } })).toContain(
      "limits: unknown limit kern.ipc.semmap",
    );
    expect(refused({ ...good, quirks: [{ step: 1, tag: "x" }] })).toContain("there is no step 1");
    expect(refused({ ...good, jails: { j: { parent: "k" } } })).toContain("there is no jail k");
  });
});

describe("a step that is wrong", () => {
  test.each<[string, object, string]>([
    ["no call", { proc: "A", expect: {} }, "steps[0]: call is missing"],
    ["an unknown call", { proc: "A", call: "semtimedop" }, 'steps[0]: unknown call "semtimedop"'],
    ["an unknown step field", { ...get("s"), wait: 1 }, 'steps[0]: unknown field "wait"'],
    ["no proc", { call: "exit", expect: { exits: true } }, "steps[0]: exit needs a proc"],
    ["another's proc", { ...get("s"), proc: "Z" }, "steps[0]: there is no process Z"],
    ["no expect", { proc: "A", call: "exit" }, "steps[0]: expect is missing"],
    [
      "two answers",
      get("s", { ret: 1, errno: "EINVAL" }),
      "steps[0].expect: expected one of ret, errno, blocks, fault, exits",
    ],
    [
      "an argument that is missing",
      { proc: "A", call: "semget", args: { key: 1 }, expect: { ret: 1 } },
      "steps[0].args: nsems is missing",
    ],
    [
      "an argument of a wrong type",
      { proc: "A", call: "semget", args: { key: "1", nsems: 1 }, expect: { ret: 1 } },
      'steps[0].args.key: expected a number or "IPC_PRIVATE", got "1"',
    ],
    [
      "an argument that no call has",
      { proc: "A", call: "fork", args: { child: "F", vfork: true }, expect: { ret: "F" } },
      'steps[0].args: unknown field "vfork"',
    ],
    [
      "an operation of a wrong type",
      {
        proc: "A",
        call: "semop",
        args: { semid: 1, sops: [{ num: 0, op: "1" }] },
        expect: { ret: 0 },
      },
      'steps[0].args.sops[0].op: expected an integer, got "1"',
    ],
    [
      "SETVAL without val",
      semctl("SETVAL", { semid: 1 }, { ret: 0 }),
      "steps[0].args: val is missing",
    ],
    ["a name that is not bound", semop("A", 0, 1, { ret: 0 }), "steps[0]: nothing is bound to $s"],
    [
      "a jail that is not there",
      { proc: "A", call: "jail_attach", args: { jail: "j" }, expect: { ret: 0 } },
      "steps[0]: there is no jail j",
    ],
  ])("%s", (_what, step, problem) => {
    expect(refused(good, { ...script([step]), name: "bad" })).toBe(
      `some.jsonl:2: case bad: ${problem}`,
    );
  });
});

describe("a step is compared", () => {
  test("ret, errno, blocks and fault with each other", async () => {
    expect(await differs([get("s", { errno: "EEXIST" })])).toEqual([
      [0, "errno"],
      [0, "ret"],
    ]);
    expect(await differs([get("s"), semop("A", 0, -1, { ret: 0 })])).toEqual([
      [1, "blocks"],
      [1, "ret"],
    ]);
    const peek = { proc: "A", call: "peek", args: { addr: 4096, len: 1 } };
    expect(await differs([{ ...peek, expect: { fault: "SIGSEGV" } }])).toEqual([]);
    expect(await differs([{ ...peek, expect: { ret: 0 } }])).toHaveLength(2);
  });

  test("raw id and `same`", async () => {
    const other = { ...get("t"), args: { key: 8, nsems: 1, flags: ["IPC_CREAT"] } };
    expect(await differs([get("s"), get("t", { ret: 65536, same: "$s" })])).toEqual([]);
    expect(await differs([get("s"), { ...other, expect: { ret: 65537, same: "$s" } }])).toEqual([
      [1, "same"],
    ]);
  });

  test("`out` field by field, mode_raw if it is given", async () => {
    const out = { uid: 0, gid: 0, cuid: 0, cgid: 0, mode: "0600", key: 9, nsems: 2 };
    const times = { otime_set: false, ctime_set: true };
    const stat = (more: object) =>
      differs([
        get("s"),
        semctl("IPC_STAT", {}, { ret: 0 }, { out: { ...out, ...times, ...more } }),
      ]);
    expect(await stat({})).toEqual([]);
    expect(await stat({ mode_raw: "001600" })).toEqual([]);
    expect(await stat({ mode_raw: "000600" })).toEqual([[1, "out.mode_raw"]]);
    expect(await stat({ nsems: 3, key: 0 })).toEqual([
      [1, "out.key"],
      [1, "out.nsems"],
    ]);
  });

  test("an address that the system chose is aligned and none that the script asks for", async () => {
    const shmget = {
      ...get("m"),
      call: "shmget",
      args: { key: 1, size: 1, flags: ["IPC_CREAT"], mode: "600" },
    };
    const shmat = (addr: number | null, ret: number | string) => ({
      proc: "A",
      call: "shmat",
      args: { shmid: "$m", addr, flags: ["SHM_RND"] },
      expect: { ret },
    });
    expect(await differs([shmget, shmat(null, "addr"), shmat(0x20000123, 0x20000000)])).toEqual([]);
    expect(await differs([shmget, shmat(0x20000123, "addr")])).toEqual([[1, "ret"]]);
  });
});

describe("what else ends in a step is compared", () => {
  test("completions: who, of which step, with what", async () => {
    const up = (completes: object[]) =>
      differs([
        get("s"),
        semop("B", 0, -1, { blocks: true }),
        semop("A", 0, 1, { ret: 0 }, { completes }),
      ]);
    expect(await up([{ proc: "B", of: 1, ret: 0 }])).toEqual([]);
    expect(await up([{ proc: "B", of: 0, ret: 0 }])).toEqual([[2, "completes.B.of"]]);
    expect(await up([])).toEqual([[2, "completes.B"]]);
    expect(await up([{ proc: "B", of: 1, errno: "EIDRM" }])).toEqual([
      [2, "completes.B.errno"],
      [2, "completes.B.ret"],
    ]);
    expect(
      await differs([
        get("s", { ret: 65536 }),
        semop(
          "A",
          0,
          1,
          { ret: 0 },
          {
            completes: [{ proc: "B", of: 0, ret: 0 }],
          },
        ),
      ]),
    ).toEqual([[1, "completes.B"]]);
  });

  test("a killed sleeper; one who was awake has no `of`", async () => {
    const kill = (proc: string, completes: object[]) => ({
      proc,
      call: "signal",
      args: { sig: "KILL" },
      expect: { ret: 0 },
      completes,
    });
    const steps = [get("s"), semop("B", 0, -1, { blocks: true })];
    expect(await differs([...steps, kill("B", [{ proc: "B", of: 1, killed: true }])])).toEqual([]);
    expect(await differs([...steps, kill("A", [{ proc: "A", killed: true }])])).toEqual([]);
  });
});

describe("names in arguments", () => {
  test("base and add, index_of, repeat", async () => {
    const sops = [{ num: 0, op: 1 }];
    const steps = [
      get("s"),
      { proc: "A", call: "semop", args: { semid: "$s", sops, repeat: 5 }, expect: { ret: 0 } },
      semctl("GETVAL", { semnum: 0 }, { ret: 5 }),
      semctl("GETVAL", { semid: { base: "$s", add: 65536 } }, { errno: "EINVAL" }),
      semctl("SEM_STAT", { semid: { index_of: "$s" } }, { ret: 65536, same: "$s" }),
      semctl("GETPID", {}, { ret: "pid" }, { out: { sempid: "A" } }),
      semctl("GETPID", { semnum: 1 }, { ret: 0 }, { out: { sempid: null } }),
    ];
    expect(await differs(steps)).toEqual([]);
  });

  test("a name whose call failed fails the step that uses it", async () => {
    const steps = [
      { ...get("s", { errno: "EINVAL" }), args: { key: 9, nsems: 0, flags: ["IPC_CREAT"] } },
    ];
    const results = await play(script([...steps, semop("A", 0, 1, { ret: 0 })]));
    expect(resultsText(results)).toContain("nothing was bound to $s");
  });
});

describe("the order of waking", () => {
  /** B and C wait; one of them goes on. */
  const race = (order: object, completes: object[], after: object[] = []): ConformCase =>
    ({
      ...script([
        get("s"),
        semop("B", 0, -1, { blocks: true }),
        semop("C", 0, -1, { blocks: true }),
        semop("A", 0, 1, { ret: 0 }, { completes }),
        ...after,
      ]),
      procs: { A, B: A, C: A },
      ...order,
    }) as unknown as ConformCase;
  const byB = [{ proc: "B", of: 1, ret: 0 }];
  const byC = [{ proc: "C", of: 2, ret: 0 }];
  const alts = [{ expect: { ret: 0 }, completes: byB }];
  const never = [semctl("GETVAL", { semnum: 0 }, { ret: 77 })];

  test("one of order_alts will do at order_step, and nothing is compared after it", async () => {
    const order = { order_dependent: true, order_step: 3, order_alts: alts };
    expect((await play(race(order, byC, never))).passed).toBe(1);
    expect((await play(race(order, byB, never))).passed).toBe(1);
    expect((await play(race({ ...order, order_alts: [] }, byC))).failures).toHaveLength(1);
  });

  test("before order_step, and without one, the comparison is exact", async () => {
    const late = { order_dependent: true, order_step: 4, order_alts: alts };
    expect((await play(race(late, byC, never))).failures[0].step).toBe(3);
    expect((await play(race({ order_alts: alts }, byC))).failures[0].step).toBe(3);
  });
});

describe("what comes between the calls", () => {
  test("a jail that is not to persist waits for its first process and dies with its last", async () => {
    const jail = { parent: "host", sysvsem: "new", persist: false };
    const steps = [
      get("h"),
      {
        call: "jail_get",
        args: { jail: "j" },
        expect: { ret: 0 },
        out: { sysvmsg: "disable", sysvsem: "new", sysvshm: "disable" },
      },
      { proc: "A", call: "jail_attach", args: { jail: "j" }, expect: { ret: 0 } },
      { ...get("s", { ret: 65537 }) },
      { ...semop("B", 0, -1, { blocks: true }) },
      {
        proc: "A",
        call: "exit",
        expect: { exits: true },
        completes: [{ proc: "B", of: 4, errno: "EIDRM" }],
      },
    ];
    expect(await differs(steps, { jails: { j: jail } })).toEqual([]);
  });

  test("a sender looks again each second, and only then", async () => {
    const A = { proc: "A" };
    const send = (expect: object) => ({
      proc: "B",
      call: "msgsnd",
      args: { msqid: "$q", type: 1, text: "x" },
      expect,
    });
    const set = (qbytes: number) => ({
      ...A,
      call: "msgctl",
      args: { msqid: "$q", cmd: "IPC_SET", set: { uid: 0, gid: 0, mode: "600", qbytes } },
      expect: { ret: 0 },
    });
    const advance = (ms: number, completes: object[] = []) => ({
      call: "advance",
      args: { ms },
      expect: { ret: 0 },
      completes,
    });
    const steps = [
      {
        ...A,
        call: "msgget",
        args: { key: 1, flags: ["IPC_CREAT"], mode: "0600" },
        bind: "q",
        expect: { ret: 65536 },
      },
      set(1),
      send({ ret: 0 }),
      send({ blocks: true }),
      set(2),
      advance(999),
      advance(1, [{ proc: "B", of: 3, ret: 0 }]),
    ];
    expect(await differs(steps)).toEqual([]);
  });

  test("new credentials, groups and all", async () => {
    const set = { proc: "B", call: "setcred", args: { uid: 5, gid: 5 }, expect: { ret: 0 } };
    const steps = [get("s"), set, semop("B", 0, 1, { errno: "EACCES" })];
    expect(await differs(steps)).toEqual([]);
  });
});

describe("the report", () => {
  test("a failure names case, step, call, both answers, the field and the rule", async () => {
    const results = await play(script([get("s"), semop("A", 7, 1, { errno: "EINVAL" })]), {
      ...script([get("s")]),
      name: "fine",
    });
    expect(resultsText(results).split("\n")).toEqual([
      "FAIL some.jsonl:1 it, step 1",
      '  call      A: semop {"semid":"$s","sops":[{"num":7,"op":1}]}',
      '  expected  {"errno":"EINVAL"}',
      '  got       {"errno":"EFBIG","reason":"SEM-47"}',
      '  differs   errno: expected "EINVAL", got "EFBIG"',
      "  rules     SEM-47",
      "",
      "1 passed, 1 failed, 0 skipped",
    ]);
    expect(resultsJson(results)).toMatchObject({
      placement: "kernel",
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: [
        { case: "it", step: 1, expected: { expect: { errno: "EINVAL" } }, rules: "SEM-47" },
      ],
    });
  });

  test("without a refusal, the rules of the quirk or of the call", async () => {
    const steps = [get("s"), semctl("GETVAL", {}, { ret: 1 })];
    const quirks = [{ step: 0, tag: "undo-lost" }];
    expect((await play(script(steps))).failures[0].rules).toBe("SEM-22 to SEM-39, SEM-70");
    expect((await play(script(steps, { quirks }))).failures[0].rules).toBe(
      "SEM-68, SEM-85 (quirk undo-lost)",
    );
  });

  test("a placement may skip a case and say why", async () => {
    const target = new (class extends KernelTarget {
      skips = ({ name }: ConformCase): string | null => (name === "it" ? "not here" : null);
    })();
    const cases = parseCases("some.jsonl", JSON.stringify(script([get("s")])));
    expect(resultsText(await runCases(target, cases))).toBe(
      "SKIP some.jsonl:1 it: not here\n\n0 passed, 0 failed, 1 skipped",
    );
  });
});
