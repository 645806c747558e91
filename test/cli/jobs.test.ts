/** replay, conform, and the main job itself with small numbers. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Place } from "../support/cli.ts";

const place = new Place();
afterAll(() => place.remove());

const ROOT = join(import.meta.dirname, "../..");
const TRACES = join(ROOT, "packages/workload/data/traces");
const CORPUS = join(ROOT, "test/data/conformance");
const PATIENCE = { timeout: 120_000 };

describe("replay", () => {
  test("a recording in two jails, JSONL and raw strace", PATIENCE, async () => {
    const files = ["pg15-start-stop.jsonl.gz", "pg15-kill9-postmaster-restart.strace.gz"];
    const { status, out, err } = await place.run(
      ...["replay", ...files.map((file) => join(TRACES, file)), "--jails", "2", "--json", "r.json"],
    );
    expect(out).toContain("Every result is as recorded, or differs by a rule of FreeBSD.");
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const { replays } = JSON.parse(readFileSync(place.file("r.json"), "utf8"));
    expect(replays.map(({ jails }: { jails: object[] }) => jails.length)).toEqual([2, 2]);
  });

  test("a result that no rule explains fails it", PATIENCE, async () => {
    const lines = [
      {
        t: 0,
        dur: 0,
        pid: 1,
        call: "semget",
        args: { key: "0x00000007", nsems: 1, flags: ["IPC_CREAT"], mode: "0600" },
        ret: 1,
      },
      { t: 1, dur: 0, pid: 1, call: "semctl", args: { id: 1, num: 0, cmd: "GETVAL" }, ret: 5 },
    ];
    writeFileSync(place.file("wrong.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"));
    const { status, out } = await place.run("replay", "wrong.jsonl");
    expect(out).toMatch(/wrong in jail1, event 2, process 1: semctl\(1, 0, GETVAL\) was 5, is 0/);
    expect(status).toBe(1);
  });
});

describe("conform", () => {
  test("all pass: the last line counts them", PATIENCE, async () => {
    const { status, out } = await place.run("conform", join(CORPUS, "jail.jsonl"));
    expect(out).toMatch(/\d+ passed, 0 failed, 0 skipped\n$/);
    expect(status).toBe(0);
  });

  test("one fails: case, step, expected, got, rule; status 9", async () => {
    const step = {
      proc: "A",
      call: "semget",
      args: { key: 1, nsems: 0, flags: ["IPC_CREAT"], mode: "0600" },
    };
    const bad = {
      name: "bad",
      procs: { A: { uid: 0, gid: 0 } },
      steps: [{ ...step, expect: { ret: 5 } }],
    };
    writeFileSync(place.file("bad.jsonl"), JSON.stringify(bad));
    const { status, out } = await place.run("conform", "bad.jsonl");
    expect(out).toMatch(/FAIL bad\.jsonl:1 bad, step 0[\s\S]*expected[\s\S]*got[\s\S]*rules +SEM-/);
    expect(out).toMatch(/\n0 passed, 1 failed, 0 skipped\n$/);
    expect(status).toBe(9);
    const json = await place.run("conform", "bad.jsonl", "--json");
    expect(JSON.parse(json.out)).toMatchObject({ passed: 0, failed: 1, skipped: 0 });
    expect(json).toMatchObject({ status: 9, err: "0 passed, 1 failed, 0 skipped\n" });
  });
});

describe("run postgres", () => {
  test("the four steps", PATIENCE, async () => {
    const { status, out, err } = await place.run(
      ...[
        "run",
        "postgres",
        "--jails",
        "2",
        "--backends",
        "2",
        "--seconds",
        "1",
        "--json",
        "pg.json",
      ],
    );
    expect(out).toContain("Every result is as recorded, or differs by a rule of FreeBSD.");
    expect(out.replace(/\s+/g, " ")).toMatch(
      /jail2 \(pid \d+\) met the live server of jail1 \(pid \d+\).*told ESRCH.*removed them, and jail1 failed: FATAL: semop/,
    );
    expect(out).toContain("could not create shared memory segment: Function not implemented");
    expect(out).toContain("All servers lived side by side and shut down cleanly.");
    expect(out).toMatch(/m +\d+ +5432001 --rw------- postgres postgres jail2/);
    expect(out).toMatch(/\nDone in [\d.]+ s\.\n$/);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const json = JSON.parse(readFileSync(place.file("pg.json"), "utf8"));
    expect(json).toMatchObject({
      passed: true,
      seed: 1,
      private: { version: "9.6", passed: true },
    });
    expect(json.collision.allowed.collision.removed).toHaveLength(8);
  });

  test(
    "limits that are too small fail in PostgreSQL's words, naming the server",
    PATIENCE,
    async () => {
      const { status, out } = await place.run(
        ...["run", "postgres", "--jails", "3", "--backends", "1", "--seconds", "1"],
        ...["-o", "kern.ipc.semmns=340"],
      );
      expect(out).toMatch(
        /1 of 3 servers failed:\n {2}jail\d\n {4}FATAL: {2}could not create semaphores: No space left on device/,
      );
      expect(out.replace(/\s+/g, " ")).toContain(
        "HINT: This error does *not* mean that you have run out of disk space.",
      );
      expect(status).toBe(1);
    },
  );
});
