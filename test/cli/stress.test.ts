/** `jailyard stress`, `workloads` and `compare` as a user runs them. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";

const place = new Place();
afterAll(() => place.remove());
const ENTRY = fileURLToPath(new URL("../../packages/cli/src/jailyard.ts", import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(place.file(name), "utf8"));
const hasCc = (): boolean => spawnSync("cc", ["--version"]).status === 0;

describe("workloads", () => {
  test("are listed, and described by themselves", async () => {
    const all = await runHere(place, ["workloads"]);
    for (const name of ["sem", "philosophers", "noisy", "postgres"]) {
      expect(all.out).toMatch(new RegExp(`^  ${name} `, "m"));
    }
    const one = await runHere(place, ["workloads", "convoy"]);
    expect(one.out).toMatch(/^convoy: lock convoy/);
    expect(one.out).toMatch(/convoy\.hold +100 +0 to 1,000,000/);
    const parsed = JSON.parse((await runHere(place, ["workloads", "--json"])).out);
    expect(parsed.map(({ name }: { name: string }) => name)).toContain("storm");
    expect(parsed[0]).toMatchObject({ name: "sem", shareable: true, native: true });
  });

  test("of an unknown name", async () => {
    const { status, err } = await runHere(place, ["workloads", "nix"]);
    expect({ status, err }).toEqual({
      status: 2,
      err: expect.stringMatching(/^jailyard: there is no workload nix; there are sem, .*\n$/),
    });
  });
});

describe("stress", () => {
  test("measures a mix, plain lines in a pipe, and writes a run and a report", async () => {
    const { status, out, err } = await place.run(
      ...["stress", "--workload", "sem=3,convoy=1", "--jails", "2", "--seconds", "1"],
      ...["--with", "convoy.hold=50", "--seed", "7", "--json", "run.json", "--report", "run.html"],
    );
    expect({ status, err }).toEqual({
      status: 0,
      err: "the result is in run.json\nthe report is in run.html\n",
    });
    expect(out).toMatch(/^sem=3,convoy=1 in 2 jails\n/);
    expect(out).toMatch(/All checks held\.\n$/);
    expect(out).not.toContain("\u001b");
    const run = json("run.json");
    expect(run).toMatchObject({
      format: "jailyard stress",
      formatVersion: 1,
      partial: null,
      settings: { jails: 2, procs: 4, seed: 7, workloads: { sem: 3, convoy: 1 } },
      verdict: { status: 0 },
    });
    expect(run.settings.options.convoy).toEqual({ hold: 50, think: 0 });
    expect(run.machine.cpus).toBeGreaterThan(0);
    expect(readFileSync(place.file("run.html"), "utf8")).toMatch(/^<!doctype html>/);
    const compared = await runHere(place, [
      "compare",
      place.file("run.json"),
      place.file("run.json"),
    ]);
    expect(compared.out).toMatch(/Note: .*--repeat 5/);
    expect(compared.status).toBe(0);
  });

  test("a scenario file, of which the command line changes something; repetitions", async () => {
    writeFileSync(
      place.file("s.yaml"),
      "jails: 1\nprocs: 3\nrepeat: 2\nworkloads: { storm: { weight: 1, bytes: 8 } }\nseconds: 9\n",
    );
    const { status } = await place.run(
      ...["stress", "--scenario", "s.yaml", "--seconds", "0.5", "--json", "s.json"],
    );
    expect(status).toBe(0);
    const { settings, repetitions } = json("s.json");
    expect(settings).toMatchObject({ procs: 3, seconds: 0.5, options: { storm: { bytes: 8 } } });
    expect(repetitions.map(({ seed }: { seed: number }) => seed)).toEqual([1, 2]);
  });

  test("status 8, and why, in one line each", async () => {
    const { status, out } = await place.run(
      ...["stress", "--workload", "sem", "--seconds", "0.3", "--fail", "operations > 0"],
      ...["--fail", "p99(sem.wait) > 1ns"],
    );
    expect(status).toBe(8);
    expect(out).toMatch(
      /It failed: --fail p99\(sem\.wait\) > 1ns holds: p99\(wait\) is [\d.]+ [nµm]?s\./,
    );
    expect(out).toMatch(/It failed: --fail operations > 0 holds: operations is \d/);
  });

  test("Ctrl-C: status 130, and a valid partial result", async () => {
    const running = place.start(
      "stress",
      "--workload",
      "sem,storm",
      "--seconds",
      "60",
      ...["--json", "p.json", "--report", "p.html"],
    );
    await running.printed("operations");
    running.interrupt();
    const { status, err } = await running.ended;
    expect(status).toBe(130);
    expect(err).toMatch(
      /^a partial result \(interrupted after [\d.]+ of 60 s.*\) is in p\.json\na partial report is in p\.html\n$/,
    );
    const page = readFileSync(place.file("p.html"), "utf8");
    expect(page).toMatch(
      /^<!doctype html>[\s\S]*The result is partial: interrupted after[\s\S]*<\/html>\s*$/,
    );
    const { partial, repetitions } = json("p.json");
    expect(partial).toMatch(/^interrupted after/);
    expect(repetitions[0].workloads[0].operations).toBeGreaterThan(0);
  });

  test("Ctrl-C before anything was measured: says so, and leaves the old result", async () => {
    writeFileSync(place.file("early.json"), "old");
    const running = place.start("stress", "--jails", "500", "--json", "early.json");
    await running.printed("in 500 jails");
    running.interrupt();
    const { status, err } = await running.ended;
    expect({ status, err }).toEqual({
      status: 130,
      err: "interrupted before anything was measured; no file is written\n",
    });
    expect(readFileSync(place.file("early.json"), "utf8")).toBe("old");
  });

  /** Nothing that this writes may be longer than a block, as on a disk that is full. */
  function onFullDisk(...words: string[]): { status: number | null; err: string; out: string } {
    const script = `ulimit -f 1; exec "${process.execPath}" "${ENTRY}" ${words.join(" ")}`;
    const env = { ...process.env, XDG_RUNTIME_DIR: place.path };
    const { status, stderr, stdout } = spawnSync("sh", ["-c", script], { cwd: place.path, env });
    return { status, err: String(stderr), out: String(stdout) };
  }

  test.each([
    ["--json", "old.json"],
    ["--report", "old.html"],
  ])("%s that cannot be written leaves the old one as it is", (option, file) => {
    writeFileSync(place.file(file), "old");
    const words = ["stress", "--workload", "sem", "--seconds", "0.3", option, file];
    const { status, err, out } = onFullDisk(...words);
    expect(err).toMatch(
      new RegExp(`^jailyard: ${file} is not written, and what was there is as it was: [^\\n]*\\n$`),
    );
    expect(status).toBe(1);
    expect(out).toMatch(/operations a second/); // it is told all the same
    expect(readFileSync(place.file(file), "utf8")).toBe("old");
    expect(readdirSync(place.path).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  test("a device is written to and stays one; a link stays a link", async () => {
    symlinkSync(place.file("real.json"), place.file("link.json"));
    writeFileSync(place.file("real.json"), "old", { mode: 0o640 });
    const args = ["stress", "--workload", "sem", "--seconds", "0.2", "--json", "link.json"];
    const ran = await place.run(...args, "--report", "/dev/full");
    expect(ran.err).toMatch(
      /jailyard: \/dev\/full is not written.*no space is left on the device\n$/,
    );
    expect(ran.status).toBe(1);
    expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
    expect(lstatSync(place.file("link.json")).isSymbolicLink()).toBe(true);
    expect(json("real.json")).toMatchObject({ partial: null });
    expect(statSync(place.file("real.json")).mode & 0o777).toBe(0o640);
  });

  test("--native: the machine's own kernel beside it, or why not", async () => {
    const args = ["stress", "--workload", "sem,churn", "--seconds", "0.5", "--native"];
    const { status, out } = await place.run(...args, "--json", "n.json");
    expect(status).toBe(0);
    expect(out).toMatch(/native ops\/s/);
    const { native, nativeMissing } = json("n.json");
    if (!hasCc()) expect(nativeMissing).toMatch(/^there is no C compiler/);
    else for (const { operations } of native) expect(operations).toBeGreaterThan(100);
    const left = existsSync("/proc/sysvipc/sem")
      ? execFileSync("cat", ["/proc/sysvipc/sem"])
      : "\n";
    expect(String(left).trim().split("\n").length).toBe(1);
  });
});

test("--native without a compiler leaves its columns empty and says why", () => {
  const words = [ENTRY, "stress", "--workload", "sem", "--seconds", "0.2", "--native"];
  const env = { ...process.env, PATH: place.path, XDG_RUNTIME_DIR: place.path };
  const { status, stdout } = spawnSync(process.execPath, words, { cwd: place.path, env });
  expect(status).toBe(0);
  expect(String(stdout)).toMatch(/native ops\/s/);
  expect(String(stdout)).toMatch(/own kernel did nothing: there is no C compiler/);
});

describe("bad input is one line, and status 1 as stress-ng has it", () => {
  test.each<[args: string[], line: RegExp]>([
    [["--jails", "0"], /a whole number from 1 to 4000/],
    [["--bogus"], /unknown option '--bogus'/],
    [["--workload", "foo"], /there is no workload foo; there are sem, shm/],
    [["--workload", "sem=1,sem=2"], /sem is given twice/],
    [["--workload", "sem=0"], /workload sem=0: a weight is above 0/],
    [["--workload", "noisy", "--jails", "1"], /workload noisy needs 2 jails/],
    [["--workload", "pipeline", "--procs", "1"], /pipeline need 2 in each jail at least/],
    [["--workload", "shm", "--shared"], /shared: shm keeps to its jail; these can share: sem/],
    [["--workload", "sem", "--shared"], /shared: in model jail-keyed .* take --model flat/],
    [["--workload", "postgres", "--rate", "5"], /rate: postgres has no schedule/],
    [["--rate", "-1"], /operations a second, above 0/],
    [["--rate", "5", "--native"], /native: there is no schedule/],
    [["--workload", "noisy", "--native"], /native: none of the mix has a native form/],
    [["--placement", "moon"], /Allowed choices are central, direct/],
    [["--wake", "moon"], /Allowed choices are herd, handoff/],
    [["--locks", "moon"], /Allowed choices are object, freebsd/],
    [["--with", "convoy.hold=1"], /convoy has options, but is not in the mix/],
    [
      ["--workload", "convoy", "--with", "convoy.hlod=1"],
      /no option "hlod" \(it has: hold, think\)/,
    ],
    [
      ["--workload", "convoy", "--with", "convoy.hold=x"],
      /convoy\.hold=x: it takes a number from 0/,
    ],
    [["--with", "hold"], /WORKLOAD\.OPTION=VALUE/],
    [["--fail", "1 < 2"], /it names no figure, and says nothing of a run/],
    [["--json", ""], /--json takes the name of a file/],
    [["--report", ""], /--report takes the name of a file/],
    [["--workload", "sem", "--workload", "msg"], /given twice; name all of the mix in one/],
    [["--scenario", "."], /\.: a directory/],
    [["--fail", "p99(wiat)>3"], /at position 5: "wiat" is not measured; there are p50/],
    [["--fail", "p99(convoy.wait)>3"], /workload "convoy" is not in the mix/],
    [["--scenario", "nix.yaml"], /nix\.yaml: no such file/],
    [["--json", "no/such/x.json"], /--json no\/such\/x\.json: there is no directory no\/such/],
    [["--json", "x", "--report", "./x"], /--json and --report are both \.\/x; name two files/],
    [["--fail", "p99(wait)>5parsec"], /no figure "5parsec"; .*numbers may have ns us/],
    [["--report", "no/such/x.html"], /--report no\/such\/x\.html: there is no directory/],
    [["-o", "semmni=3"], /did you mean kern\.ipc\.semmni/],
  ])("jailyard stress %j", async (args, line) => {
    const { status, out, err } = await runHere(place, ["stress", ...args]);
    expect(err).toMatch(line);
    expect(err).toMatch(/^jailyard: .*\n$/);
    expect({ status, out }).toEqual({ status: 1, out: "" });
  });
});

describe("compare refuses what is no run", () => {
  test.each([
    ["{", /not JSON/],
    ["[]", /is no run file/],
    [
      '{"format":"jailyard stress","formatVersion":99}',
      /has format version 99; this jailyard reads 1/,
    ],
    ['{"format":"jailyard stress","formatVersion":1,"repetitions":[]}', /holds no result/],
  ])("%j", async (text, line) => {
    writeFileSync(place.file("x.json"), text);
    const file = place.file("x.json");
    const { status, err } = await runHere(place, ["compare", file, file]);
    expect(err).toMatch(line);
    expect(status).toBe(2);
  });
});
