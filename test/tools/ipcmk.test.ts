/** ipcmk(1), as util-linux has it. */
import type { Jail } from "@jailyard/host/jail";
import type { Yard } from "@jailyard/host/yard";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tool } from "../support/tool.ts";
import { privateJail, quiet } from "../support/yard.ts";

let yard: Yard;
let web: Jail;
const ipcmk = (...args: string[]) => tool(web, "ipcmk", ...args);
const done = (...out: string[]) => ({ out, err: [], status: 0 });
const shown = async () =>
  (await tool(web, "ipcs", "--output", "t,id,key,mode,segsz,nsems")).out.slice(1);

beforeAll(async () => {
  yard = await quiet();
  web = await privateJail(yard, "web");
});
afterAll(() => yard.shutdown());

test("a segment, a queue, a set: random keys, mode 0644 [TOOL-61]", async () => {
  expect(await ipcmk("-S", "3", "-Q", "-M", "64K")).toEqual(
    done("Shared memory id: 65536", "Message queue id: 65536", "Semaphore id: 65536"),
  );
  const rows = (await shown()).map((line) => line.split(/ +/));
  expect(rows.map(([t, , , ...rest]) => [t, ...rest])).toEqual([
    ["q", "--rw-r--r--", "-", "-"],
    ["m", "--rw-r--r--", "65536", "-"],
    ["s", "--rw-r--r--", "-", "3"],
  ]);
  expect(new Set(rows.map(([, , key]) => key)).size).toBe(3);
});

test("-p a mode, -k a key; one that is taken is refused", async () => {
  expect(await ipcmk("-M", "1MiB", "-p", "600", "-k", "0x52e2c1")).toEqual(
    done("Shared memory id: 65537"),
  );
  expect(await shown()).toContainEqual(
    expect.stringMatching(/^m 65537 +5432001 --rw------- 1048576/),
  );
  expect(await ipcmk("--shmem", "1", "--key", "5432001")).toEqual({
    out: [],
    err: ["ipcmk: create shared memory failed: File exists"],
    status: 1,
  });
  expect((await ipcmk("-Q", "-k", "-1")).status).toBe(0);
});

test("what the kernel refuses", async () => {
  const before = await shown();
  expect((await ipcmk("-M", "0")).err).toEqual([
    "ipcmk: create shared memory failed: Invalid argument",
  ]);
  expect((await ipcmk("-S", "100000")).err).toEqual([
    "ipcmk: create semaphore failed: Invalid argument",
  ]);
  expect((await ipcmk("-S", "340")).err).toEqual([
    "ipcmk: create semaphore failed: No space left on device",
  ]);
  expect(await shown()).toEqual(before);
});

test.each([
  [[], "bad usage"],
  [["shm"], "bad usage"],
  [["-Q", "more"], "bad usage"],
  [["-x"], "illegal option -- 'x'"],
  [["-M"], "option requires an argument -- 'M'"],
  [["-M", "lots"], "failed to parse size: 'lots'"],
  [["-M", "-1"], "failed to parse size: '-1'"],
  [["-S", "1.5"], "failed to parse elements: '1.5'"],
  [["-S", "99999999999"], "failed to parse elements: '99999999999'"],
  [["-Q", "-p", "999"], "failed to parse mode: '999'"],
  [["-Q", "-p", "17777"], "failed to parse mode: '17777'"],
  [["-Q", "-k", "ten"], "failed to parse key: 'ten'"],
  [["-Q", "-k", "0x1ffffffff"], "failed to parse key: '0x1ffffffff'"],
])("%j: nothing is made", async (args, line) => {
  const before = await shown();
  expect(await ipcmk(...args)).toEqual({
    out: [],
    err: [`ipcmk: ${line}`, "Try 'ipcmk --help' for more information."],
    status: 1,
  });
  expect(await shown()).toEqual(before);
});
