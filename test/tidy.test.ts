/** Rules of this repository that no linter knows. Files are those that git would have. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const text = (file: string): string => readFileSync(join(root, file), "utf8");

function git(...args: string[]): string[] {
  const listed = execFileSync("git", ["ls-files", "-z", ...args], { cwd: root, encoding: "utf8" });
  return listed.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
}

const files = git("--cached", "--others", "--exclude-standard");
const code = files.filter((file) => /^(packages|test|bench)\/.*\.ts$/.test(file));
const sources = code.filter((file) => /^packages\/[a-z]+\/src\//.test(file));

/** The code of a file, without what its comments say. */
const bare = (file: string): string => text(file).replace(/\/\*.*?\*\/|(?<=^|\s)\/\/[^\n]*/gs, "");

/** Files of which `wrong` says something, with what it says. */
function offenders(among: readonly string[], wrong: (file: string) => unknown): string[] {
  return among.flatMap((file) => {
    const what = wrong(file);
    return what ? [`${file}: ${what}`] : [];
  });
}

describe("the tree", () => {
  test("the top level has the four folders, the workspace, and files of tools", () => {
    const top = new Set(git("--cached").map((file) => file.split("/")[0]));
    const ours = ["packages", "test", "bench", "docs", "README.md", "LICENSE"];
    const tools = ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", "tsconfig.base.json"];
    tools.push("tsconfig.json", "biome.jsonc", "vitest.config.ts", ".gitignore", ".ci");
    expect([...top].sort()).toEqual([...ours, ...tools].sort());
  });

  test("a file has at most 500 lines", () => {
    const lines = (file: string): number => text(file).trimEnd().split("\n").length;
    expect(offenders(code, (file) => lines(file) > 500 && lines(file))).toEqual([]);
  });

  test("a file is named for its noun", () => {
    const vague = /^(index|.*(utils?|helpers?|manager|service|common|misc))\.ts$/i;
    expect(offenders(code, (file) => vague.test(basename(file)) && "says nothing")).toEqual([]);
  });

  test("a source opens with what it is", () => {
    const opens = (file: string): boolean => /^(#!.*\n)?(\/\*\*|\/\/ )/.test(text(file));
    const entry = "packages/cli/src/jailyard.ts"; // two lines that say it themselves
    const others = sources.filter((file) => file !== entry);
    expect(offenders(others, (file) => !opens(file) && "no comment")).toEqual([]);
  });

  test("nothing names a place outside the repository", () => {
    const readable = files.filter((file) => !/\.gz$|^test\/tidy|pnpm-lock/.test(file));
    const outside =
      /(?<![\w.])\/work\/|\bshared\/(reference|conformance|traces|style|design|roadmap)/;
    expect(offenders(readable, (file) => outside.exec(text(file))?.[0])).toEqual([]);
  });
});

describe("layers", () => {
  const BELOW: Readonly<Record<string, readonly string[]>> = {
    abi: [],
    memory: [],
    kernel: ["abi", "memory"],
    trap: ["abi", "memory"],
    host: ["abi", "memory", "kernel", "trap"],
    workload: ["abi", "trap"],
    tools: ["abi", "trap"],
    lab: ["abi", "memory", "kernel", "trap", "host", "workload"],
    cli: ["abi", "memory", "kernel", "trap", "host", "workload", "tools", "lab"],
  };

  const layerOf = (specifier: string): string => specifier.replace("@jailyard/", "");

  /** Of the workspace, as its package.json declares them. */
  function declared(layer: string): string[] {
    const { dependencies = {} } = JSON.parse(text(`packages/${layer}/package.json`));
    return Object.keys(dependencies)
      .filter((name) => name.startsWith("@jailyard/"))
      .map(layerOf);
  }

  test("every package is a layer", () => {
    const packages = files.flatMap(
      (file) => /^packages\/(\w+)\/package\.json$/.exec(file)?.[1] ?? [],
    );
    expect(packages.sort()).toEqual(Object.keys(BELOW).sort());
  });

  test.each(Object.entries(BELOW))("%s depends on %j at most", (layer, below) => {
    expect(declared(layer).filter((name) => !below.includes(name))).toEqual([]);
  });

  test.each(Object.keys(BELOW))("%s names no package that it does not declare", (layer) => {
    const known = [layer, ...declared(layer)];
    const own = sources.filter((file) => file.startsWith(`packages/${layer}/`));
    const named = (file: string): string[] => bare(file).match(/(?<=["'`])@jailyard\/\w+/g) ?? [];
    const strange = (file: string) => named(file).find((name) => !known.includes(layerOf(name)));
    expect(offenders(own, strange)).toEqual([]);
  });

  test("abi, memory and kernel know no platform; the kernel no clock, chance or sleep", () => {
    const pure = sources.filter((file) => /^packages\/(abi|memory|kernel)\//.test(file));
    const kernel = pure.filter((file) => file.startsWith("packages/kernel/"));
    const platform = /["']node:|\bprocess\.|\bconsole\./;
    const worldly =
      /\bnew Date|\bDate\.|\bMath\.random|\bperformance\.|\bset(Timeout|Interval|Immediate)\(|\bAtomics\.wait|\b(async|await)\b/;
    expect(offenders(pure, (file) => platform.exec(bare(file))?.[0])).toEqual([]);
    expect(offenders(kernel, (file) => worldly.exec(bare(file))?.[0])).toEqual([]);
  });
});

describe("rules", () => {
  const cited = (among: readonly string[], family: string): number =>
    among.filter((file) => text(file).includes(`[${family}-`)).length;

  test.each(["COM", "SEM", "SHM", "MSG", "JAIL"])(
    "%s is cited where it is built and tested",
    (f) => {
      expect(
        cited(
          sources.filter((file) => file.startsWith("packages/kernel/")),
          f,
        ),
      ).toBeGreaterThan(0);
      expect(
        cited(
          code.filter((file) => file.startsWith("test/")),
          f,
        ),
      ).toBeGreaterThan(0);
    },
  );

  test("PG is cited by the workload and by its tests", () => {
    expect(cited(sources, "PG")).toBeGreaterThan(0);
    expect(
      cited(
        code.filter((file) => file.startsWith("test/")),
        "PG",
      ),
    ).toBeGreaterThan(0);
  });
});
