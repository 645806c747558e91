/**
 * kldunload(8): unload modules by name or id; it stops at the first that fails. [TOOL-41]
 *
 * A forced unload is as any other: no module of this host vetoes anything else.
 */
import { ENOENT } from "@jailyard/abi/errno";
import type { Process } from "@jailyard/trap/process";
import type { KldStat } from "@jailyard/trap/records";
import { countOf, getopt } from "./getopt.ts";
import { kldNamed } from "./kldfiles.ts";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { warnx } from "./warn.ts";

const USAGE = ["usage: kldunload [-fv] -i id ...", "       kldunload [-fv] [-n] name ..."];

export default tool("kldunload", async (p) => {
  const parsed = getopt(p.args, "finv");
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  if (parsed.operands.length === 0) return usage(p, USAGE);
  const byId = parsed.options.findLast(({ letter }) => letter === "i" || letter === "n");
  for (const operand of parsed.operands) {
    const file = await fileOf(p, operand, byId?.letter === "i");
    const why = typeof file === "string" ? file : await unload(p, file, countOf(parsed, "v") > 0);
    if (why === null) continue;
    warnx(p, why);
    return 1;
  }
  return 0;
});

/** The file that an operand means, or what is wrong with it. */
async function fileOf(p: Process, operand: string, byId: boolean): Promise<KldStat | string> {
  const files = await p.kldstat();
  if (!byId) return kldNamed(files, operand) ?? `can't find file ${operand}`;
  if (!/^\d{1,9}$/.test(operand)) return `Invalid ID ${operand}`;
  return files.find(({ id }) => id === Number(operand)) ?? `can't find file with ID ${operand}`;
}

/** Why not; null once it is done. */
async function unload(p: Process, { name, id }: KldStat, verbose: boolean): Promise<string | null> {
  if (verbose) p.print(`Unloading ${name}, id=${id}`);
  const result = await attempt(p.kldunload(name));
  if (!failed(result)) return null;
  // Somebody else was faster.
  if (result.errno === ENOENT && id > 1) return `can't find file ${name}`;
  return `can't unload file: ${reasonOf(result)}`;
}
