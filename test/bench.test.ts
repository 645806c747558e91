/** The benchmarks run, and write what docs/benchmarks.md says: numbers that mean nothing here. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IDS } from "../bench/main.ts";
import { bucketNanos, bucketOf, histogramQuantile } from "../bench/programs/histogram.ts";
import { BASELINES, type Result, result } from "../bench/result.ts";
import type { Run } from "../bench/run.ts";
import { markdown, rewriteReadme } from "../bench/table.ts";
import { TARGETS, verdict } from "../bench/targets.ts";
import { Place, type Ran, runHere } from "./support/cli.ts";

const root = join(import.meta.dirname, "..");
const place = new Place();
let ran: Ran;
let run: Run;

beforeAll(async () => {
  // Threads are started by the dozen: what they load is compiled once.
  process.env.NODE_COMPILE_CACHE = mkdtempSync(place.file("cache-"));
  ran = await place.run("bench", "--quick", "--json", place.file("results.json"));
  run = JSON.parse(readFileSync(place.file("results.json"), "utf8"));
}, 600_000); // a hundred threads start; a busy machine is no failure

afterAll(async () => {
  rmSync(process.env.NODE_COMPILE_CACHE!, { recursive: true, force: true });
  await place.remove();
});

const MULTIPLES = (name: string, numbers: readonly (number | string)[]): string[] =>
  numbers.map((n) => `${name}_${n}`);

describe("a run with tiny numbers", () => {
  test("ends well, with a table and nothing on stderr", () => {
    expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: "" });
    expect(ran.out).toContain("| semop, nobody contends (`semop_uncontended`) |");
  });

  test("has every id that there is to be", () => {
    const ids = run.results.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([...IDS]));
    expect(new Set(ids).size).toBe(ids.length);
    const named = ["semop_uncontended", "semop_undo", "semop_awaited", "semop_pingpong"];
    named.push("msg_64", "msg_1024", "shm_cycle", "gate_call", "gate_throughput_8x8");
    named.push(...MULTIPLES("contended", [2, 4, 8, 16]), "call_at_1000_jails");
    named.push("key_lookup_10000", "jail_start_ms", "jail_memory_mib");
    expect(IDS).toEqual(expect.arrayContaining(named));
  });

  test("has exactly the keys of the format", () => {
    expect(Object.keys(run)).toEqual(["machine", "node", "commit", "results"]);
    expect(run.node).toBe(process.version);
    const keys = ["id", "unit", "n", "median", "p10", "p90", "baselines", "ratios"];
    for (const one of run.results) {
      expect(Object.keys(one)).toEqual(keys);
      expect(BASELINES).toEqual(expect.arrayContaining(Object.keys(one.baselines)));
    }
  });

  test("a ratio is our median divided by theirs", () => {
    for (const { id, median, p10, p90, baselines, ratios } of run.results) {
      expect(p10, id).toBeLessThanOrEqual(median);
      expect(median, id).toBeLessThanOrEqual(p90);
      expect(Object.keys(ratios)).toEqual(Object.keys(baselines));
      for (const name of BASELINES) {
        const theirs = baselines[name];
        if (theirs !== undefined) expect(ratios[name]! / (median / theirs), id).toBeCloseTo(1, 4);
      }
    }
  });

  test("every id has a line in docs/benchmarks.md", () => {
    const page = readFileSync(join(root, "docs/benchmarks.md"), "utf8");
    const documented = [...page.matchAll(/`([a-z]+_[a-z0-9_*]+)`/g)].map(
      ([, id]) => new RegExp(`^${id.replaceAll("*", "[0-9x]+")}$`),
    );
    expect(IDS.filter((id) => !documented.some((pattern) => pattern.test(id)))).toEqual([]);
  });
});

describe("results", () => {
  const one = (samples: readonly number[], native?: number): Result =>
    result("semop_uncontended", "ns", samples, native === undefined ? {} : { native: [native] });

  test("are quantiles of their samples", () => {
    const { n, median, p10, p90 } = one([5, 1, 3, 2, 4]);
    expect({ n, median, p10, p90 }).toEqual({ n: 5, median: 3, p10: 1.4, p90: 4.6 });
    expect(() => one([])).toThrow("semop_uncontended");
    expect(() => one([1, Number.NaN])).toThrow("semop_uncontended");
  });

  test("meet their target or not, or have nothing to be compared with", () => {
    expect(verdict(one([30], 100))).toEqual({ target: "at most 0.3 × native", met: true });
    expect(verdict(one([31], 100)).met).toBe(false);
    expect(verdict(one([30])).met).toBeNull();
    expect(Object.keys(TARGETS).filter((id) => !IDS.includes(id))).toEqual([]);
  });

  test("of placement central are a column beside those of another", () => {
    const central = { ...one([500], 100), id: "semop_uncontended_central" };
    const [heads, , row, ...rest] = markdown([one([30], 100), central]).split("\n");
    expect(heads).toContain("| central |");
    expect(row).toContain("| 500 | native 100 (0.3 ×) | at most 0.3 × native | yes |");
    expect(rest).toEqual([]);
    expect(markdown([central])).toContain("`semop_uncontended_central`");
  });

  test("go into the marked block of the readme, and nowhere else", () => {
    const file = place.file("README.md");
    const text = readFileSync(join(root, "README.md"), "utf8");
    writeFileSync(file, text);
    rewriteReadme(file, { ...run, results: [one([30], 100)] });
    const [before, , after] = text.split(/<!-- bench: .* -->|<!-- end of bench -->/);
    const written = readFileSync(file, "utf8");
    expect(written.startsWith(before)).toBe(true);
    expect(written.endsWith(after)).toBe(true);
    expect(written).toContain("(`semop_uncontended`) | 30 ns | 30 to 30 | native 100 (0.3 ×) |");
    expect(written).toContain("1 of 1 targets are met.");
    writeFileSync(file, "no block\n");
    expect(() => rewriteReadme(file, run)).toThrow("has no block");
  });
});

test("the histogram of waits is within one of its steps", () => {
  for (const nanos of [1, 7, 100, 12_345, 1_000_003, 1_999_999_999]) {
    const from = bucketNanos(bucketOf(nanos));
    expect(from).toBeLessThanOrEqual(nanos);
    expect(from).toBeGreaterThan(nanos / 2 - 1);
    if (nanos >= 16) expect(from).toBeGreaterThan(nanos / 1.07);
  }
  const counts = new Float64Array(1024);
  counts[bucketOf(100)] = 98;
  counts[bucketOf(1_000_000)] = 2;
  expect(histogramQuantile(counts, 0.5)).toBeLessThanOrEqual(100);
  expect(histogramQuantile(counts, 0.99)).toBeGreaterThan(900_000);
});

describe("the command line", () => {
  test("--list shows the ids", async () => {
    expect((await runHere(place, ["bench", "--list"])).out).toBe(`${IDS.join("\n")}\n`);
  });

  test("--help has examples", async () => {
    const { status, out } = await runHere(place, ["bench", "--help"]);
    expect(status).toBe(0);
    expect(out).toContain("$ jailyard bench --only semop_uncontended,gate_call");
  });

  test.each([
    [["--only", "semop,gate_call"], /--only semop: there is no such id; --list shows all/],
    [["--placement", "orbit"], /--placement orbit: this version has .*central/],
    [["--wake", "kiss"], /--wake kiss: this version has herd/],
    [["--list", "--readme"], /ask for one of them/],
  ])("%j is refused", async (args, line) => {
    const { status, out, err } = await runHere(place, ["bench", ...args]);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(line);
  });
});
