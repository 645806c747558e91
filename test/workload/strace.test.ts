/** Recordings as files: JSON Lines, raw strace text, and what is wrong with either. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadRecording } from "@jailyard/workload/replay/load";
import { parseRecording, type RecordedEvent } from "@jailyard/workload/replay/recording";
import { parseStrace } from "@jailyard/workload/replay/strace";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const TRACES = new URL("../../packages/workload/data/traces/", import.meta.url).pathname;
const FORMS = ["pg15-start-stop", "pg15-kill9-postmaster-restart"];

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "recording-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function file(content: string | Uint8Array): string {
  const path = join(dir, "some.trace");
  writeFileSync(path, content);
  return path;
}

const event = (fields: object): string =>
  JSON.stringify({ t: 0, dur: 0, pid: 1, call: "shmdt", args: { addr: "0x1000" }, ...fields });

describe("strace text", () => {
  test.each(FORMS)("of %s gives the events of its JSON Lines, field by field", (name) => {
    const fromText = loadRecording(`${TRACES}${name}.strace.gz`).events;
    expect(fromText).toEqual(loadRecording(`${TRACES}${name}.jsonl.gz`).events);
  });

  test("pids in brackets, the first process without one, no times, no durations", () => {
    const events = parseStrace(
      "stderr",
      `execve("/bin/sh", ["sh", "-c", "a program with a long"...], 0x7ffd /* 9 vars */) = 0
       brk(NULL) = 0x55d0
clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 71
strace: Process 71 attached
[pid    71] semget(IPC_PRIVATE, 1, IPC_CREAT|0600) = 3
[pid    71] semtimedop(3, [{sem_num=0, sem_op=-1, sem_flg=SEM_UNDO}], 1, NULL <unfinished ...>
[pid    70] semctl(3, 0, SETVAL, 0x1) = 0
[pid    71] <... semtimedop resumed>) = 0
[pid    71] +++ killed by SIGKILL +++
--- SIGCHLD {si_signo=SIGCHLD} ---
exit_group(3) = ?
+++ exited with 3 +++`,
    );
    expect(events.map(({ pid, call, ret }) => [pid, call, ret])).toEqual([
      [1, "execve", 0],
      [1, "fork", 2],
      [2, "semget", 3],
      [2, "semop", 0],
      [1, "semctl", 0],
      [2, "killed", undefined],
      [1, "exit", undefined],
    ]);
    expect(events[0].args.argv).toEqual(["sh", "-c", "a program with a long"]);
    expect(events[3].args.sops).toEqual([{ num: 0, op: -1, flg: ["SEM_UNDO"] }]);
    expect(events.every(({ dur }) => dur === undefined)).toBe(true);
  });

  test("a call that its process did not outlive has errno ?", () => {
    const cut = "1 10.0 semop(3, [{0, -1, 0}], 1 <unfinished ...>";
    const events = parseStrace("f", `${cut}\n1 11.5 +++ killed by SIGTERM +++\n`);
    expect(events).toMatchObject([
      { t: 0, call: "semop", errno: "?" },
      { t: 1.5, call: "killed", args: { sig: "SIGTERM" } },
    ]);
  });

  test("messages, timeouts, results by name", () => {
    const [sent, got, timed] = parseStrace(
      "f",
      `7 1.0 msgsnd(5, {1, "a \\") b"...}, 40, IPC_NOWAIT) = -1 EAGAIN (Resource temporarily unavailable) <0.000010>
7 1.1 msgrcv(5, {2, "\\0\\0"}, 64, -3, MSG_NOERROR) = 2 <0.000010>
7 1.2 semtimedop(5, [{0, -1, 0}], 1, {tv_sec=1, tv_nsec=500000000}) = -1 EAGAIN (x) <1.500001>`,
    ) as [RecordedEvent, RecordedEvent, RecordedEvent];
    expect(sent).toMatchObject({
      errno: "EAGAIN",
      args: { type: 1, size: 40, flags: ["IPC_NOWAIT"] },
    });
    expect(got).toMatchObject({ ret: 2, args: { type: -3, got: 2, flags: ["MSG_NOERROR"] } });
    expect(timed).toMatchObject({ call: "semtimedop", dur: 1.500001, args: { timeout: 1.5 } });
  });

  test("a line that is cut off is named", () => {
    const text = "1 1.0 shmget(0x1, 10, IPC_CREAT|0600) = 1\n1 2.0 shmget(0x1, 10";
    expect(() => loadRecording(file(text))).toThrow(
      /some\.trace:2: shmget is cut off; record with: strace -f/,
    );
  });

  test("a file without a line of it is refused with the remedy", () => {
    expect(() => loadRecording(file("hello\nworld\n"))).toThrow(
      /some\.trace: neither JSON Lines nor strace .*; record with: strace -f/,
    );
  });
});

describe("JSON Lines", () => {
  test.each<[string, string, RegExp]>([
    ["text that is not JSON", `${event({ ret: 0 })}\n{"t":`, /:2: not JSON/],
    ["an unknown call", event({ call: "semfoo" }), /:1: unknown call "semfoo"/],
    ["a missing argument", event({ args: {} }), /:1: shmdt without args\.addr/],
    ["an argument of another type", event({ args: { addr: 5 } }), /:1: args\.addr of shmdt is not/],
    ["neither result nor errno", event({}), /:1: shmdt has to have one of "ret" and "errno"/],
    ["both of them", event({ ret: 0, errno: "EINVAL" }), /:1: shmdt has to have one of/],
    ["a negative time", event({ t: -1, ret: 0 }), /:1: "t" is not seconds/],
    ["a pid that is none", event({ pid: 0, ret: 0 }), /:1: "pid" is not a number/],
    [
      "times that go back",
      `${event({ t: 2, ret: 0 })}\n${event({ t: 1, ret: 0 })}`,
      /:2: starts at 1/,
    ],
  ])("%s is named with its line", (_, text, message) => {
    expect(() => parseRecording("f.jsonl", text)).toThrow(message);
  });

  test("files that are missing, empty, damaged, or no files", () => {
    expect(() => loadRecording(join(dir, "none"))).toThrow(/none: no such file/);
    expect(() => loadRecording(dir)).toThrow(/is a directory/);
    expect(() => loadRecording(file(""))).toThrow(/the file is empty/);
    const packed = gzipSync(event({ ret: 0 }));
    expect(() => loadRecording(file(packed.subarray(0, 12)))).toThrow(/damaged gzip data/);
    expect(loadRecording(file(packed)).events).toHaveLength(1);
  });
});
