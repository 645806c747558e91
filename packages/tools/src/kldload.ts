/** kldload(8): load the modules sysvmsg, sysvsem and sysvshm. [TOOL-40] */
import { EEXIST } from "@jailyard/abi/errno";
import type { Process } from "@jailyard/trap/process";
import { countOf, getopt } from "./getopt.ts";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { warnx } from "./warn.ts";

const USAGE = ["usage: kldload [-nqv] file ..."];

interface How {
  /** -n: a module that is there already is no error. */
  readonly fresh: boolean;
  readonly verbose: boolean;
}

export default tool("kldload", async (p) => {
  const parsed = getopt(p.args, "nqv");
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  if (parsed.operands.length === 0) return usage(p, USAGE);
  const how = { fresh: countOf(parsed, "n") > 0, verbose: countOf(parsed, "v") > 0 };
  let status = 0;
  for (const file of parsed.operands) status = Math.max(status, await load(p, file, how));
  return status;
});

async function load(p: Process, file: string, { fresh, verbose }: How): Promise<number> {
  const id = await attempt(p.kldload(file));
  if (!failed(id)) {
    if (verbose) p.print(`Loaded ${file}, id=${id}`);
    return 0;
  }
  const isThere = id.errno === EEXIST;
  if (isThere && fresh) {
    if (verbose) p.print(`${file} is already loaded`);
    return 0;
  }
  const why = isThere ? "module already loaded or in kernel" : reasonOf(id);
  warnx(p, `can't load ${file}: ${why}`);
  return 1;
}
