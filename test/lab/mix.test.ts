/** Settings of a stress run: how processes are dealt, what contradicts, and scenario files. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dealt, limitsFor } from "@jailyard/lab/stress/mix";
import { readScenario } from "@jailyard/lab/stress/scenario";
import { completed } from "@jailyard/lab/stress/settings";
import { afterAll, describe, expect, test } from "vitest";

const deal = (workloads: Record<string, number>, procs: number): object =>
  Object.fromEntries(dealt(completed({ workloads, procs })));

describe("processes are dealt by weight", () => {
  test.each([
    [{ sem: 3, shm: 1 }, 8, { sem: 6, shm: 2 }],
    [{ sem: 1, shm: 1, msg: 1 }, 8, { sem: 3, shm: 3, msg: 2 }],
    [{ sem: 100, pipeline: 1 }, 4, { sem: 2, pipeline: 2 }],
    [{ sem: 0.5, msg: 0.25 }, 3, { sem: 2, msg: 1 }],
  ])("%j of %i", (workloads, procs, expected) => {
    expect(deal(workloads, procs)).toEqual(expected);
  });

  test("too few are refused", () => {
    expect(() => deal({ pipeline: 1, storm: 1 }, 3)).toThrow("pipeline, storm need 4 in each jail");
  });

  test("limits grow with the mix, unless they were set", () => {
    const given = { workloads: { sem: 1 }, jails: 100, limits: { "kern.ipc.semmnu": 7 } };
    expect(limitsFor(completed(given))).toEqual({ "kern.ipc.semmni": 100, "kern.ipc.semmnu": 7 });
    const noisy = limitsFor(completed({ workloads: { noisy: 1 }, jails: 100 }));
    expect(noisy).toEqual({ "kern.ipc.semmni": 600, "kern.ipc.semmns": 600 });
    expect(limitsFor(completed({ workloads: { noisy: 1 }, jails: 8 }))).toEqual({});
  });
});

describe("scenario files", () => {
  const folder = mkdtempSync(join(tmpdir(), "jailyard-scenario-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "s.yaml");
  const read = (text: string): ReturnType<typeof readScenario> => {
    writeFileSync(file, text);
    return readScenario(file);
  };

  test("have the settings by name, and workloads with weights and options", () => {
    const text = `
jails: 3
rate: 100.5
shared: false
workloads:
  sem: 3
  convoy: { weight: 1, hold: 50 }
  philosophers: { weight: 2, order: left }
limits: { kern.ipc.semmni: 70 }
fail: ["errors > 3"]
json: out.json`;
    expect(read(text)).toEqual({
      settings: {
        jails: 3,
        rate: 100.5,
        shared: false,
        workloads: { sem: 3, convoy: 1, philosophers: 2 },
        options: { convoy: { hold: 50 }, philosophers: { order: "left" } },
        limits: { "kern.ipc.semmni": 70 },
        fail: ["errors > 3"],
      },
      json: "out.json",
    });
    expect(read("# nothing\n")).toEqual({ settings: {} });
    const server = read("workloads: { postgres: { weight: 1, version: 15 } }\n").settings;
    expect(completed(server).options.postgres).toMatchObject({ version: "15" });
  });

  test.each([
    ["jails: 2\nsecnods: 4\n", 2, 'there is no setting "secnods"; there are jails, procs'],
    ["jails: two\n", 1, "jails: must be integer"],
    ["workloads:\n  sem: 1\n  msg: [1]\n", 3, "workloads.msg: must be number"],
    ["workloads:\n  convoy:\n    hold: 4\n", 2, "workloads.convoy: must have required property"],
    ["seed: 1\n\nmodel: moon\n", 3, "model: it is one of jail-keyed, flat"],
    ["jails: {\n", 2, ""],
    ["jails: 2\njails: 3\n", 2, "Map keys must be unique"],
    ["workloads: { sem: 0 }\n", 1, "workloads.sem: must be > 0"],
    ["workloads:\n  moon: 1\n", 2, 'there is no setting "moon"; there are sem, shm'],
    ["workloads:\n  convoy:\n    weight: 1\n    hodl: 5\n", 4, 'there is no setting "hodl"'],
    ["workloads:\n  convoy: { weight: 1, hold: x }\n", 2, "workloads.convoy.hold: must be number"],
    ["workloads:\n  convoy: { weight: 1, hold: 1e9 }\n", 2, "workloads.convoy.hold: must be <= 1"],
    [
      "workloads:\n  postgres: { weight: 1, version: 7 }\n",
      2,
      "workloads.postgres.version: it is one",
    ],
    ["limits:\n  kern.ipc.semni: 3\n", 2, 'there is no setting "kern.ipc.semni"; there are kern'],
    ["jails: 0\n", 1, "jails: must be >= 1"],
    ["seconds: -1\n", 1, "seconds: must be > 0"],
    ["- 1\n", 1, "it is no scenario: names and values are expected"],
  ])("%j: line %i", (text, line, what) => {
    expect(() => read(text)).toThrow(`${file}:${line}: ${what}`);
  });

  test("that is not there", () => {
    expect(() => readScenario(join(folder, "nix.yaml"))).toThrow(/nix\.yaml: no such file$/);
  });
});
