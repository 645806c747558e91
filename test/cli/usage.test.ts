/** Help, version, and bad input: one clear line on stderr, nothing on stdout, nothing left. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Place, runHere } from "../support/cli.ts";

const place = new Place();

const FILES: Readonly<Record<string, string>> = {
  "ok.ts": 'import { program } from "jailyard";\nexport default program("ok", () => 0);\n',
  "throws-at-import.ts": 'throw new Error("boom");\n',
  "no-program.ts": "export const one = 1;\n",
  "no-syntax.ts": "export default (;\n",
  "text.txt": "hello\n",
  "not-json.jsonl": '{"t":0,\n',
  "half.jsonl": '{"name":"half"}\n',
};

beforeAll(() => {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(place.file(name), text);
});
afterAll(() => place.remove());

test("--version, and an exit status, as the shell gets them", async () => {
  expect(await place.run("--version")).toEqual({ status: 0, out: "0.1.0\n", err: "" });
  const { status, err } = await place.run("ipsc");
  expect({ status, err }).toEqual({
    status: 2,
    err: "jailyard: unknown command 'ipsc' (Did you mean ipcs?) (--help shows what there is)\n",
  });
});

describe("--help has examples and leaves with status 0", () => {
  test.each([
    [["--help"], "$ jailyard run postgres"],
    [["run", "--help"], 'import { IPC_CREAT, program } from "jailyard";'],
    [["run", "postgres", "--help"], "$ jailyard run postgres --jails 4"],
    [["replay", "--help"], "$ jailyard replay --jails 8"],
    [["compare-models", "--help"], "$ jailyard compare-models mysql-and-postgresql"],
    [["conform", "--help"], "$ jailyard conform"],
    [["size", "--help"], "$ jailyard size --instances 40"],
    [["lint", "--help"], "$ jailyard lint /etc/jail.conf"],
    [["ipcs", "--help"], "$ jailyard ipcs -sZ"],
    [["jls", "--help"], "$ jailyard jls -h jid name"],
    [["ipcrm", "-W", "--help"], "$ jailyard ipcrm -j web -M 5432001"],
    [["jexec", "--help"], "jailyard jexec [-l] [-u username | -U username] jail command ..."],
    [["help", "jail"], "$ jailyard jail -i -c name=app"],
    [["lockstat", "--help"], "$ jailyard lockstat --live"],
    [["completion", "--help"], "source <(jailyard completion bash)"],
  ])("%j", async (args, text) => {
    const { status, out, err } = await runHere(place, args);
    expect(out).toContain(text);
    expect({ status, err }).toEqual({ status: 0, err: "" });
  });
});

test.each([
  "run ok.ts",
  "run postgres",
  "replay x.jsonl",
  "conform x.jsonl",
  "compare-models late-load",
  "size --instances 1 --verify",
  "up",
  "bench",
])("%s takes --placement", async (words) => {
  const { err } = await runHere(place, [...words.split(" "), "--placement", "elsewhere"]);
  expect(err).toMatch(/elsewhere.*(central.*direct|direct.*central)/);
});

describe("bad input", () => {
  test.each<[status: number, args: string[], line: RegExp]>([
    [2, ["frobnicate"], /unknown command 'frobnicate'/],
    [2, ["--colour"], /unknown option '--colour'/],
    [2, ["run"], /run what\?/],
    [2, ["run", "ok.ts", "--jial", "2"], /unknown option '--jial'.*Did you mean --jails/],
    [2, ["run", "ok.ts", "--jails", "0"], /a whole number from 1 to 1000/],
    [2, ["run", "ok.ts", "--jails", "1.5"], /a whole number/],
    [2, ["run", "ok.ts", "--jails", "a,,b"], /names as web,db/],
    [2, ["run", "ok.ts", "--procs", "many"], /a whole number from 1 to 500/],
    [2, ["run", "ok.ts", "--model", "linux"], /are jail-keyed, flat, tagged, disjoint, broker/],
    [2, ["run", "ok.ts", "--late-load", "x"], /Allowed choices are freebsd, deny, create/],
    [2, ["run", "ok.ts", "--limits", "jail"], /Allowed choices are host, namespace/],
    [2, ["run", "ok.ts", "--yard", "../x"], /--yard \.\.\/x: a name has up to 32 letters/],
    [2, ["run", "ok.ts", "-o", "semmni"], /NAME=VALUE/],
    [2, ["run", "ok.ts", "-o", "semmni=3"], /did you mean kern\.ipc\.semmni\?/],
    [2, ["run", "ok.ts", "-o", "kern.ipc.semmni=x"], /has to be a whole number/],
    [2, ["run", "ok.ts", "-o", "kern.ipc.semmni=0"], /out of range: 1 to 65535/],
    [2, ["run", "ok.ts", "-o", "a=1", "-o", "a=2"], /a is given twice/],
    [2, ["run", "ok.ts", "--json", "no/such/x.json"], /no directory no\/such; make it first/],
    [2, ["run", "missing.ts"], /missing\.ts: no such file/],
    [2, ["run", "."], /\. is not a file/],
    [2, ["run", "text.txt"], /a module whose name ends in \.ts/],
    [2, ["run", "postgres", "--backends", "401"], /a whole number from 1 to 400/],
    [2, ["run", "postgres", "--seconds", "0"], /seconds above 0/],
    [2, ["run", "postgres", "--postgres", "7.4"], /Allowed choices are 8\.1/],
    [2, ["run", "postgres", "-o", "kern.maxproc=9"], /takes limits with -o/],
    [2, ["lockstat"], /lockstat of what\?/],
    [2, ["lockstat", "missing.json"], /missing\.json: no such file/],
    [2, ["lockstat", "text.txt"], /text\.txt: not JSON/],
    [2, ["lockstat", "--live", "x.json"], /--live or x\.json: choose one/],
    [2, ["lockstat", "x.json", "--yard", "y"], /--yard goes with --live/],
    [2, ["lockstat", "x.json", "--sort", "size"], /Allowed choices are max, wait_max/],
    [3, ["lockstat", "--live", "--yard", "none"], /no yard called none is running/],
    [2, ["run", "ok.ts", "--stats", "some"], /Allowed choices are off, contended, full/],
    [2, ["size"], /required option '--instances <n>' not specified/],
    [2, ["size", "--instances", "0"], /a whole number from 1 to 10000/],
    [2, ["size", "--instances", "2", "--postgres", "7"], /Allowed choices are 8\.1/],
    [2, ["size", "--instances", "2", "--shared-buffers", "8"], /at least 16 pages/],
    [2, ["size", "--instances", "2", "--given", "x"], /x: write NAME=VALUE, or a file named/],
    [2, ["size", "--instances", "2", "--given", "nsem=x"], /nsem=x: it takes a whole number/],
    [2, ["size", "--instances", "2", "--given", "kern.x=1"], /--given unknown limit kern\.x/],
    [2, ["size", "--instances", "2", "--given", "no/sysctl.conf"], /no such file/],
    [2, ["size", "--instances", "900", "--verify"], /up to 200 servers/],
    [
      2,
      ["size", "--instances", "2", "--postgres", "9.2", "--shared-memory-type", "mmap"],
      /9\.2 has no other shared memory/,
    ],
    [2, ["lint"], /missing required argument 'file'/],
    [2, ["lint", "missing.conf"], /missing\.conf: no such file/],
    [2, ["replay", "missing.gz"], /missing\.gz: no such file/],
    [2, ["replay", "not-json.jsonl"], /not-json\.jsonl:1: not JSON/],
    [
      2,
      ["compare-models", "nix"],
      /no scenario and no file nix; scenarios are late-load, facility/,
    ],
    [2, ["compare-models", "ok.ts"], /ok\.ts has no scenario: write `export default scenario/],
    [2, ["compare-models", "no-syntax.ts"], /no-syntax\.ts: /],
    [2, ["compare-models", "names", "--models", "linux"], /no model "linux"; there are jail-keyed/],
    [2, ["compare-models", "names", "--models", "flat,flat"], /A model is named twice/],
    [2, ["compare-models", "names", "--measure", "x"], /a number of seconds from 0 to 600/],
    [2, ["compare-models", "names", "--limits", "jail"], /choices are host, namespace, own/],
    [2, ["conform"], /missing required argument 'file'/],
    [2, ["conform", "half.jsonl"], /half\.jsonl:1: .*is missing/],
    [2, ["conform", "half.jsonl", "--placement", "moon"], /Allowed choices are kernel, central/],
    [3, ["ipcs"], /no yard is running; start one/],
    [3, ["jls", "--yard", "nix"], /no yard called nix is running/],
    [3, ["ipcrm", "-W", "--yard=nix"], /no yard called nix is running/],
    [3, ["jexec", "web", "ipcs", "--help"], /no yard is running/],
    [2, ["ipcs", "--yard"], /--yard takes a name/],
    [2, ["kill", "--in=", "7"], /--in takes a name/],
    [2, ["ps", "--yard", "../x"], /--yard \.\.\/x: a name has up to 32 letters/],
    [2, ["ipcrm", "-q", "9".repeat(20_000)], /the arguments are too long for a yard/],
    [2, ["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
    [2, ["completion"], /missing required argument 'shell'/],
    [1, ["run", "throws-at-import.ts"], /throws-at-import\.ts:1:7: Error: boom/],
    [1, ["run", "no-program.ts"], /has no program: write `export default program/],
    [1, ["run", "no-syntax.ts"], /no-syntax\.ts:1: SyntaxError/],
    [1, ["run", "ok.ts", "--jails", "web,web"], /jail "web" already exists/],
    [1, ["run", "ok.ts", "-p", "sysvsem=maybe"], /unknown jailsys value "maybe"/],
    [1, ["run", "ok.ts", "--model", "flat", "-p", "sysvsem=new"], /unknown parameter: sysvsem/],
  ])("%i: jailyard %j", async (status, args, line) => {
    const ran = await runHere(
      place,
      args.map((arg) => (arg in FILES ? place.file(arg) : arg)),
    );
    expect(ran.err).toMatch(line);
    expect(ran.err.trimEnd()).not.toContain("\n");
    expect(ran.err).toMatch(/^jailyard: /);
    expect({ status: ran.status, out: ran.out }).toEqual({ status, out: "" });
  });
});
