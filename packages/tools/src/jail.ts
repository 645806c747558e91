/**
 * jail(8): create, modify and remove jails. [TOOL-33] to [TOOL-37]
 *
 * Parameters come on the command line, or with -f from a jail.conf(5), which has no usual place here.
 * Beside FreeBSD's messages, whoever removes a jail that another administrator
 * removes at that moment is told that it is not there.
 */
import { EPERM } from "@jailyard/abi/errno";
import type { JailInfo } from "@jailyard/abi/jail";
import type { Process } from "@jailyard/trap/process";
import { argumentOf, countOf, getopt, type Options } from "./getopt.ts";
import { readJails } from "./jailfile.ts";
import { allJails, jailNamed } from "./jails.ts";
import { setJail } from "./jailsetting.ts";
import { carryOutFile, chooseJails } from "./jailtask.ts";
import { attempt, failed, reasonOf, type Surroundings, tool, usage } from "./tool.ts";
import { warnx } from "./warn.ts";

const USAGE = [
  "usage: jail [-iqv] [-u username] -[cmr] param=value ... [command=command ...]",
  "       jail [-qv] -[rR] ['*' | jail ...]",
  "       jail [-qv] -f file -[cmr] ['*' | jail ...]",
  "       jail -f file -e separator",
];
/** stop.timeout: how long the processes of a jail may take to leave after SIGTERM, in seconds. */
const STOP_TIMEOUT = 10;
const LOOK_MS = 10;

export default tool("jail", async (p, around) => {
  const parsed = getopt(p.args, "cmrRiqvu:f:e:");
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  const [sets, removes] = ["cm", "rR"].map((letters) => countAll(parsed, letters));
  const isBoth = countOf(parsed, "R") > 0 && sets > 0;
  if (has(parsed, "f") || has(parsed, "e")) return ofFile(p, parsed, around);
  if (sets + removes === 0 || isBoth || parsed.operands.length === 0) return usage(p, USAGE);
  return sets > 0 ? set(p, parsed, around) : remove(p, parsed);
});

const countAll = (parsed: Options, letters: string): number =>
  [...letters].reduce((sum, letter) => sum + countOf(parsed, letter), 0);

const has = (parsed: Options, letter: string): boolean => countOf(parsed, letter) > 0;

function set(p: Process, parsed: Options, around: Surroundings): Promise<number> {
  const how = {
    create: has(parsed, "c"),
    modify: has(parsed, "m"),
    restart: has(parsed, "r"),
    jidOnly: has(parsed, "i"),
    verbose: has(parsed, "v") && !has(parsed, "q"),
    user: parsed.options.findLast(({ letter }) => letter === "u")?.argument,
    around,
    remove: (jail: JailInfo) => stop(p, jail, STOP_TIMEOUT),
  };
  return setJail(p, parsed.operands, how);
}

/** -f: make, change or remove jails of a file, or -e, name them. @returns 1 if any failed */
async function ofFile(p: Process, parsed: Options, around: Surroundings): Promise<number> {
  const file = argumentOf(parsed, "f");
  const separator = argumentOf(parsed, "e");
  const [c, m, r] = ["c", "m", "r"].map((letter) => has(parsed, letter));
  const isWrong = separator === undefined ? !(c || m || r) : c || m || r;
  if (file === undefined || isWrong || has(parsed, "R")) return usage(p, USAGE);
  const jails = readJails(file, around);
  if (typeof jails === "string") return refuse(p, jails);
  if (separator !== undefined) {
    p.print(jails.map(({ name }) => name).join(separator));
    return 0;
  }
  const chosen = chooseJails(jails, parsed.operands);
  if (typeof chosen === "string") return refuse(p, chosen);
  const task = {
    create: c,
    modify: m,
    remove: r,
    quiet: has(parsed, "q"),
    verbose: has(parsed, "v"),
  };
  return carryOutFile(p, chosen, task, (jail, seconds) => stop(p, jail, seconds));
}

function refuse(p: Process, why: string): number {
  warnx(p, why);
  return 1;
}

/** -r and -R: each operand on its own. @returns 1 if any failed */
async function remove(p: Process, parsed: Options): Promise<number> {
  const { operands } = parsed;
  const everyone = operands.includes("*");
  const loud = everyone || operands.length > 1 || has(parsed, "v");
  const names = everyone
    ? (await allJails(p)).filter(isTop).map(({ jid }) => String(jid))
    : operands;
  let status = 0;
  for (const name of names) {
    const jail = await jailNamed(p, name);
    const why =
      typeof jail === "string"
        ? notFound(name)
        : await stop(p, jail, has(parsed, "R") ? null : STOP_TIMEOUT);
    if (why !== null) {
      warnx(p, why);
      status = 1;
    } else if (loud && !has(parsed, "q")) p.print(`${(jail as JailInfo).name}: removed`);
  }
  return status;
}

/** Right below the caller's own: those below it go with it. */
const isTop = ({ parent }: JailInfo): boolean => parent === 0;

const notFound = (name: string): string => `"${name}" not found`;

/** End the processes, gently if there is time for that, and the jail. @returns why not */
async function stop(p: Process, jail: JailInfo, seconds: number | null): Promise<string | null> {
  if (seconds !== null) await terminate(p, jail, seconds);
  const result = await attempt(p.jail_remove(jail.jid));
  if (!failed(result)) return null;
  if (result.errno === EPERM) return `${jail.name}: jail_remove: ${reasonOf(result)}`;
  return notFound(jail.name); // another administrator was faster
}

/** SIGTERM to all in the jail, then wait for a while. [TOOL-36] */
async function terminate(p: Process, jail: JailInfo, seconds: number): Promise<void> {
  for (const pid of await pidsIn(p, jail)) await attempt(p.kill(pid, "SIGTERM"));
  const deadline = Date.now() + seconds * 1000;
  while ((await pidsIn(p, jail)).length > 0 && Date.now() < deadline) await p.sleep(LOOK_MS);
}

/** Processes that run in the jail or in one below it. */
async function pidsIn(p: Process, { jid, name }: JailInfo): Promise<number[]> {
  return (await p.kinfo_procs())
    .filter(({ state }) => state !== "Z")
    .filter((proc) => proc.jid === jid || proc.jail.startsWith(`${name}.`))
    .map(({ pid }) => pid);
}
