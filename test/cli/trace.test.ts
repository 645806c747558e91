/** `--trace` and `--flame` as a user gives them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";
import { type TraceFile, traceProblems } from "../support/tracecheck.ts";

const place = new Place();
afterAll(() => place.remove());
const PINGER = fileURLToPath(new URL("../../docs/examples/pinger.ts", import.meta.url));
const read = (name: string): string => readFileSync(place.file(name), "utf8");
const trace = (name: string): TraceFile => JSON.parse(read(name));

describe("jailyard stress", () => {
  test("writes a trace and stacks, and says what the trace has not", async () => {
    const { status, err } = await place.run(
      ...["stress", "--workload", "convoy", "--jails", "2", "--seconds", "0.5"],
      ...["--trace", "t.json", "--trace-max", "5", "--flame", "f.folded", "--flame-by", "count"],
    );
    expect(status).toBe(0);
    expect(err).toMatch(
      /^the trace is in t\.json\nit ends after [\d.]+ s of the yard: [\d,]+ later waits are not in it \(--trace-max\)\nthe stacks are in f\.folded\n$/,
    );
    expect(traceProblems(trace("t.json"))).toEqual([]);
    expect(trace("t.json").otherData).toMatchObject({ settings: { workloads: { convoy: 1 } } });
    expect(read("f.folded")).toMatch(
      /^jail1;convoy;pid \d+;semop;sem \d+\[0\] "convoy lock" \d+$/m,
    );
  });

  test("Ctrl-C: what was traced by then, whole", async () => {
    const running = place.start(
      ...["stress", "--workload", "convoy", "--seconds", "60", "--trace", "p.json"],
    );
    await running.printed("operations");
    running.interrupt();
    const { status, err } = await running.ended;
    expect({ status, err }).toEqual({ status: 130, err: "the trace is in p.json\n" });
    expect(traceProblems(trace("p.json"))).toEqual([]);
    expect(trace("p.json").traceEvents.some(({ cat }) => cat === "sem")).toBe(true);
  });

  test.each([
    [["--trace", "no/t.json"], "--trace no/t.json: there is no directory no; make it first"],
    [["--flame", "no/f"], "--flame no/f: there is no directory no; make it first"],
    [["--trace", "t", "--stats", "off"], "--trace tells of waits, and with --stats off nobody"],
    [["--flame", "f", "--repeat", "3"], "--flame tells of one run, and --repeat 3 asks for more"],
    [["--trace", "x", "--json", "./x"], "--json and --trace are both x; name two files"],
    [["--trace", "t", "--trace-max", "0"], "--trace-max <n>' argument '0' is invalid"],
    [["--flame", "f", "--flame-by", "size"], "Allowed choices are time, count"],
  ])("%j is refused in one line, with status 1", async (args, text) => {
    const { status, out, err } = await runHere(place, ["stress", "--seconds", "60", ...args]);
    expect({ status, out }).toEqual({ status: 1, out: "" });
    expect(err).toContain(text);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
    expect(["t", "f", "x"].map((name) => existsSync(place.file(name)))).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("a scenario file names them too", async () => {
    writeFileSync(place.file("s.yaml"), "jails: 1\nseconds: 60\nrepeat: 2\ntrace: s.json\n");
    const { status, err } = await runHere(place, ["stress", "--scenario", place.file("s.yaml")]);
    expect({ status, err }).toEqual({
      status: 1,
      err: expect.stringContaining("--trace tells of one run, and --repeat 2 asks for more"),
    });
  });
});

test("jailyard run FILE --trace: waits of a program of one's own", async () => {
  const { status, err } = await place.run("run", PINGER, "--jails", "2", "--trace", "run.json");
  expect({ status, err }).toEqual({
    status: 0,
    err: expect.stringMatching(/^left behind in 2 jails: .*\nthe trace is in run\.json\n$/),
  });
  const file = trace("run.json");
  expect(traceProblems(file)).toEqual([]);
  const names = file.traceEvents.filter(({ name }) => name === "thread_name");
  expect(names.map(({ args }) => args.name)).toContainEqual(expect.stringMatching(/^pinger \d+$/));
  expect(file.traceEvents.some(({ ph }) => ph === "s")).toBe(true);
});
