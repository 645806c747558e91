/** kldstat(8): the kernel and the modules that are loaded. [TOOL-42] */
import type { Process } from "@jailyard/trap/process";
import type { KldStat } from "@jailyard/trap/records";
import { argumentOf, countOf, getopt } from "./getopt.ts";
import { humanized } from "./humanize.ts";
import { kldNamed, moduleId, moduleOf, placeOf } from "./kldfiles.ts";
import { left, right } from "./printf.ts";
import { tool, usage } from "./tool.ts";
import { warnx } from "./warn.ts";

const USAGE = ["usage: kldstat [-dhqv] [-i id] [-n filename]", "       kldstat [-dq] [-m modname]"];
const NOT_FOUND = "No such file or directory";

export default tool("kldstat", async (p) => {
  const parsed = getopt(p.args, "dhqvi:n:m:");
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  if (parsed.operands.length > 0) return usage(p, USAGE);
  const quiet = countOf(parsed, "q") > 0;
  const files = await p.kldstat();
  const module = argumentOf(parsed, "m");
  if (module !== undefined) return showModule(p, files, module, quiet);
  const chosen = choose(files, argumentOf(parsed, "i"), argumentOf(parsed, "n"));
  if (typeof chosen === "string") {
    if (!quiet) warnx(p, chosen);
    return 1;
  }
  if (quiet) return 0;
  const how = { verbose: countOf(parsed, "v") > 0, human: countOf(parsed, "h") > 0 };
  for (const line of fileLines(chosen, how)) p.print(line);
  return 0;
});

/** All files, or the one that is asked for, or why it is not there. */
function choose(
  files: readonly KldStat[],
  id: string | undefined,
  name: string | undefined,
): readonly KldStat[] | string {
  if (id !== undefined) {
    if (!/^\d{1,9}$/.test(id)) return `Invalid ID ${id}`;
    const file = files.find((one) => one.id === Number(id));
    return file === undefined ? `can't stat file id ${id}: ${NOT_FOUND}` : [file];
  }
  if (name === undefined) return files;
  const file = kldNamed(files, name);
  return file === undefined ? `can't find file ${name}: ${NOT_FOUND}` : [file];
}

/** -m: a module that is in no file here is none. */
function showModule(p: Process, files: readonly KldStat[], name: string, quiet: boolean): number {
  const file = files.find((one) => one.id > 1 && moduleOf(one) === name);
  if (file === undefined) {
    if (!quiet) warnx(p, `can't find module ${name}: ${NOT_FOUND}`);
    return 1;
  }
  if (quiet) return 0;
  p.print("Id  Refs Name");
  p.print(moduleLine(file));
  return 0;
}

const moduleLine = (file: KldStat): string =>
  `${right(moduleId(file), 3)} ${right(file.refs, 4)} ${moduleOf(file)}`;

interface How {
  readonly verbose: boolean;
  /** -h: sizes as people read them. */
  readonly human: boolean;
}

function fileLines(files: readonly KldStat[], { verbose, human }: How): string[] {
  const size = human ? right("Size", 5) : right("Size", 8);
  const lines = [`Id Refs Address            ${size} Name`];
  for (const file of files) {
    const { address, size: bytes, path } = placeOf(file);
    const shown = human ? right(humanized(bytes), 5) : right(bytes.toString(16), 8);
    const start = `${right(file.id, 2)} ${right(file.refs, 4)} ${left(`0x${address.toString(16)}`, 18)}`;
    lines.push(`${start} ${shown} ${file.name}${verbose ? ` (${path})` : ""}`);
    if (verbose && file.id > 1) {
      lines.push(
        "\tContains modules:",
        "\t\t Id Name",
        `\t\t${right(moduleId(file), 3)} ${moduleOf(file)}`,
      );
    }
  }
  return lines;
}
