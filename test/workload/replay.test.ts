/** Recordings replayed in a yard: every result as recorded, or different by a rule of FreeBSD. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryOf, limitsFor, loadTrace, manifestBeside } from "@jailyard/workload/replay/manifest";
import { planOf } from "@jailyard/workload/replay/plan";
import type { RecordedEvent } from "@jailyard/workload/replay/recording";
import type { Result } from "@jailyard/workload/replay/report";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { privateJail, quiet } from "../support/yard.ts";

const TRACES = new URL("../../packages/workload/data/traces/", import.meta.url).pathname;
const MODULE = new URL("../../packages/workload/src/replay/replayer.ts", import.meta.url);
const { traces } = manifestBeside(`${TRACES}any`);

const shipped = (name: string): string => `${TRACES}${name}.jsonl.gz`;

/** Replay the file in so many jails of one yard, which must be empty afterwards. */
async function replay(file: string, jails = 1, patienceMs = 3000): Promise<Result[]> {
  const limits = limitsFor(planOf(loadTrace(file)), entryOf(file), jails);
  const yard = await quiet({ limits });
  const results = await Promise.all(
    Array.from({ length: jails }, async (_, i) => {
      const jail = await privateJail(yard, `jail${i}`);
      const handle = await jail.spawn({ module: MODULE, arg: { file, patienceMs }, uid: 70 });
      const records: Result[] = [];
      handle.on("record", (record) => records.push(record as Result));
      const { error, status } = await handle.exited;
      expect(error).toBe(null);
      const result = records.at(-1)!;
      expect(status).toBe(result.failures === 0 ? 0 : 1);
      return result;
    }),
  );
  expect((await yard.stats()).processes).toBe(0);
  await yard.shutdown();
  return results;
}

describe("the shipped recordings", () => {
  const playable = Object.keys(traces).filter((name) => traces[name].unplayable === undefined);

  test.each(playable)("%s", async (name) => {
    const [result] = await replay(shipped(name));
    expect(result.unexplained).toEqual([]);
    expect(result.checked).toBeGreaterThan(0);
    expect(result.calls).toBeGreaterThan(0);
  });

  test("pgbench in three jails at once, with the same keys in each", async () => {
    const results = await replay(shipped("pg15-pgbench-c8"), 3);
    for (const { unexplained, same, sleeps } of results) {
      expect(unexplained).toEqual([]);
      expect(same).toBe(22198);
      expect(sleeps).toBeGreaterThan(5900);
    }
  });

  test("what differs is listed with its rule", async () => {
    const [{ explained }] = await replay(shipped("pg15-shmall-enospc"));
    expect(explained).toMatchObject([
      { rule: "SHM-14", count: 1, example: expect.stringContaining("shmget(0x0021c0ab, 20406272") },
    ]);
  });

  test("raw strace text replays as its JSON Lines do", async () => {
    const [result] = await replay(`${TRACES}pg15-start-stop.strace.gz`);
    expect(result).toMatchObject({ events: 101, same: 101, failures: 0 });
  });
});

describe("a falsified recording", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "replay-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  /** The recording with event `ix`, from 1, changed. */
  function falsified(name: string, ix: number, change: (event: RecordedEvent) => object): string {
    const events = [...loadTrace(shipped(name)).events];
    events[ix - 1] = { ...events[ix - 1], ...change(events[ix - 1]) };
    return written(events);
  }

  function written(events: readonly object[]): string {
    const file = join(dir, "falsified.jsonl");
    writeFileSync(file, events.map((event) => JSON.stringify(event)).join("\n"));
    return file;
  }

  test("fails, and names event, what was expected and what came", async () => {
    const events = loadTrace(shipped("pg15-kill9-postmaster-restart")).events;
    const ix = events.findIndex(({ args }) => args.cmd === "GETVAL") + 1;
    const [result] = await replay(
      falsified("pg15-kill9-postmaster-restart", ix, () => ({ ret: 536 })),
    );
    expect(result).toMatchObject({
      failures: 1,
      unexplained: [
        { event: ix, expected: "536", got: "537", call: expect.stringMatching(/GETVAL/) },
      ],
    });
  });

  test("with an error that the call does not have", async () => {
    const { ret: _, ...failed } = loadTrace(shipped("pg15-start-stop")).events[3];
    const file = falsified("pg15-start-stop", 4, () => ({
      ...failed,
      ret: undefined,
      errno: "EACCES",
    }));
    const [{ unexplained }] = await replay(file);
    expect(unexplained[0]).toMatchObject({ event: 4, expected: "EACCES", got: "success" });
  });

  const base = { dur: 0.000001, pid: 1 };
  const sops = [{ num: 0, op: -1, flg: [] }];
  const make = {
    ...{ ...base, t: 0, call: "semget", ret: 9 },
    args: { key: "0x00000007", nsems: 1, flags: ["IPC_CREAT"], mode: "0600" },
  };

  test("in which a call returns that has to sleep for ever", async () => {
    const file = written([make, { ...base, t: 1, call: "semop", args: { id: 9, sops }, ret: 0 }]);
    const [{ unexplained }] = await replay(file, 1, 500);
    expect(unexplained).toEqual([
      {
        event: 2,
        pid: 1,
        call: "semop(9, [-1@0])",
        expected: "0",
        got: expect.stringMatching(/sleeps/),
      },
    ]);
  });

  test("in which nothing is false: a timeout, a removal and a signal end sleeps", async () => {
    const set = { id: 9, num: 0, cmd: "IPC_RMID" };
    const semop = { call: "semop", args: { id: 9, sops } };
    const [result] = await replay(
      written([
        make,
        { ...base, t: 1, call: "fork", args: {}, ret: 2 },
        {
          ...base,
          t: 2,
          dur: 1,
          call: "semtimedop",
          args: { id: 9, sops, timeout: 1 },
          errno: "EAGAIN",
        },
        { ...base, ...semop, t: 4, pid: 2, dur: 2, errno: "EINTR" },
        { ...base, t: 5.9, call: "kill", args: { pid: 2, sig: "SIGUSR1" }, ret: 0 },
        { t: 6, pid: 2, call: "signal", args: { sig: "SIGUSR1" } },
        { ...base, ...semop, t: 7, pid: 2, dur: 2, errno: "EIDRM" },
        { ...base, t: 8.9, call: "semctl", args: set, ret: 0 },
        { t: 10, pid: 2, call: "exit", args: { status: 3 } },
        { t: 11, pid: 1, call: "killed", args: { sig: "SIGTERM" } },
      ]),
    );
    expect(result.unexplained).toEqual([]);
    expect(result).toMatchObject({ sleeps: 3, explained: [{ rule: "SEM-40", count: 1 }] });
  });

  test("in which a call that finds what it needs has slept until it was killed", async () => {
    const setval = { id: 9, num: 0, cmd: "SETVAL", val: 1 };
    const file = written([
      make,
      { ...base, t: 1, call: "semctl", args: setval, ret: 0 },
      { ...base, t: 2, dur: 1, call: "semop", args: { id: 9, sops }, errno: "EIDRM" },
    ]);
    const [{ unexplained }] = await replay(file);
    expect(unexplained).toMatchObject([{ event: 3, expected: "EIDRM", got: "success" }]);
  });
});
