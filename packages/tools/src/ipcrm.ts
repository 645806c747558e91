/**
 * ipcrm(1) of FreeBSD: remove System V objects by id or key, or all of them. [TOOL-16] to [TOOL-25]
 *
 * Ours are -j, which takes ids and keys of one jail as the host knows them; -n, which changes
 * nothing; and --unused, which lists what nobody seems to use any more and with --remove removes it.
 * An argument that is no number counts as 0, as atoi(3) has it, and its failure is told, where
 * FreeBSD says nothing.
 */
import { EINVAL, ENOENT, strerror } from "@jailyard/abi/errno";
import type { SysError } from "@jailyard/abi/syserror";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { ListRow } from "@jailyard/trap/records";
import { secondsOf } from "./duration.ts";
import { idOfKey, NAMES, ORDER, ofLetter, remove, removeListed, rowsOf } from "./facility.ts";
import { argumentOf, atoi, countOf, getopt, type Option, type Options } from "./getopt.ts";
import { type JailFilter, jailFilter } from "./jails.ts";
import { attempt, failed, reasonOf, tool, usage } from "./tool.ts";
import { unusedObjects } from "./unused.ts";
import { unusedJson, unusedLines } from "./unusedlines.ts";
import { warnx } from "./warn.ts";

const USAGE = [
  "usage: ipcrm [-W] [-v[v]] [-n] [-j jail]",
  "             [-q msqid] [-m shmid] [-s semid]",
  "             [-Q msgkey] [-M shmkey] [-S semkey] ...",
  "       ipcrm --unused [--older time] [--remove] [-v[v]] [-j jail] [--json]",
];
const LONGS = { unused: false, older: true, remove: false, "dry-run": false, json: false };
/** Every object of a type. [TOOL-22] */
const ALL = -1;
const STATUS_MAX = 255;

interface Job {
  readonly p: Process;
  /** -n: say what would be removed. */
  readonly dry: boolean;
  /** How often -v is given, wherever it stands. [TOOL-17] */
  readonly verbose: number;
  readonly jail: JailFilter | null;
  /** Set when a call is not there at all. [TOOL-21] */
  signaled: boolean;
}

export default tool("ipcrm", async (p) => {
  const parsed = getopt(p.args, "q:m:s:Q:M:S:vWynj:", LONGS);
  if (typeof parsed === "string") return usage(p, USAGE, parsed);
  if (parsed.operands.length > 0) {
    return usage(p, USAGE, `unknown argument: ${parsed.operands[0]}`); // [TOOL-25]
  }
  const problem = misused(parsed);
  if (problem !== null) return usage(p, USAGE, problem);
  const name = argumentOf(parsed, "j");
  const jail = name === undefined ? null : await jailFilter(p, name);
  if (typeof jail === "string") {
    warnx(p, jail);
    return 1;
  }
  const dry = countOf(parsed, "n") + countOf(parsed, "dry-run") > 0;
  const job: Job = { p, dry, verbose: countOf(parsed, "v"), jail, signaled: false };
  await p.signal("SIGSYS", () => {
    job.signaled = true;
  });
  const reaps = countOf(parsed, "unused") > 0;
  const failures = await (reaps ? reap(job, parsed) : removeAsked(job, parsed));
  return Math.min(failures, STATUS_MAX); // 256 would be 0
});

/** Options that do not go together, before anything is removed. */
function misused(parsed: Options): string | null {
  const reaps = countOf(parsed, "unused") > 0;
  const targets = parsed.options.some(({ letter }) => /^[qmsQMSW]$/.test(letter));
  if (countOf(parsed, "j") > 1) return "multiple -j options not allowed";
  if (reaps && targets) return "--unused chooses by itself: no ids, keys or -W";
  const orphan = ["older", "remove", "json"].find((letter) => countOf(parsed, letter) > 0);
  if (!reaps && orphan !== undefined) return `--${orphan} goes with --unused`;
  const older = argumentOf(parsed, "older");
  if (older === undefined || secondsOf(older) !== null) return null;
  return `--older ${older}: a time is a number with s, m, h or d, as 10m`;
}

/** One option after the other. @returns the number of failures [TOOL-17] [TOOL-25] */
async function removeAsked(job: Job, { options }: Options): Promise<number> {
  let failures = 0;
  for (const option of options) {
    if (option.letter === "W") for (const f of ORDER) failures += await removeAll(job, f);
    else if (/^[qms]$/i.test(option.letter)) failures += await removeOne(job, option);
  }
  return failures;
}

/** By id, or by key if the letter is a capital. @returns the number of failures */
async function removeOne(job: Job, { letter, argument }: Option): Promise<number> {
  const { p } = job;
  const f = ofLetter(letter);
  const { short, many } = NAMES[f];
  const byKey = letter !== letter.toLowerCase();
  const target = atoi(argument);
  if (target === ALL) return removeAll(job, f);
  if (byKey && target === 0) {
    warnx(p, `can't remove private ${many}`); // [TOOL-20]
    return 0;
  }
  job.signaled = false;
  const result = byKey ? await removeKey(job, f, target) : await removeId(job, f, target);
  if (result === null) return 0;
  if (job.signaled) warnx(p, `${many} are not configured in the running kernel`);
  else warnx(p, `${short}${byKey ? "s" : "id"}(${target}): : ${result}`); // [TOOL-19]
  return 1;
}

/** Why an object cannot be removed, as strerror(3) says it; null once it is. */
type Refusal = string | null;
const refusal = (result: unknown): Refusal =>
  failed(result) ? reasonOf(result as SysError) : null;

async function removeKey(job: Job, f: Facility, key: number): Promise<Refusal> {
  const { p, jail } = job;
  if (jail !== null) {
    const row = (await rowsOf(p, f, jail)).find(({ owner }) => owner?.key === key);
    return row === undefined ? absent(job, f, ENOENT) : removeId(job, f, row.id);
  }
  const id = await attempt(idOfKey(p, f, key));
  return failed(id) ? reasonOf(id) : removeId(job, f, id);
}

/** With -j, or where nothing is to be changed, only what is listed is there. */
async function removeId(job: Job, f: Facility, id: number): Promise<Refusal> {
  const { p, jail, dry } = job;
  if (jail === null && !dry) return refusal(await attempt(remove(p, f, id)));
  const row = (await rowsOf(p, f, jail)).find((one) => one.id === id);
  if (row === undefined) return absent(job, f, EINVAL);
  if (!dry) return refusal(await attempt(removeListed(p, f, row)));
  p.print(`Would remove ${NAMES[f].one} ${id}`);
  return null;
}

/** Nothing is listed: because there is no such object, or no such facility. */
async function absent(job: Job, f: Facility, error: typeof EINVAL): Promise<Refusal> {
  const asked = await attempt(idOfKey(job.p, f, ALL)); // any get tells
  const configured = !failed(asked) || asked.code !== "ENOSYS";
  return configured ? strerror(error) : reasonOf(asked);
}

/** Highest index first; failures are silent without -vv, but counted. [TOOL-22] [TOOL-23] */
async function removeAll(job: Job, f: Facility): Promise<number> {
  const rows = await rowsOf(job.p, f, job.jail);
  return removeRows(job, f, rows.reverse());
}

async function removeRows(job: Job, f: Facility, rows: readonly ListRow[]): Promise<number> {
  const { p, dry, verbose } = job;
  const { one, short } = NAMES[f];
  let failures = 0;
  for (const row of rows) {
    const { id } = row;
    if (dry) {
      p.print(`Would remove ${one} ${id}`);
      continue;
    }
    const refused = refusal(await attempt(removeListed(p, f, row), false));
    if (refused !== null) failures++;
    if (refused === null && verbose > 0) p.print(`Removed ${one} ${id}`);
    if (refused !== null && verbose > 1) warnx(p, `${short}id(${id}): : ${refused}`);
  }
  return failures;
}

/** List what is unused, and remove it if --remove says so. @returns the number of failures */
async function reap(job: Job, parsed: Options): Promise<number> {
  const { p, jail, dry } = job;
  const older = secondsOf(argumentOf(parsed, "older") ?? "0")!;
  const unused = await unusedObjects(p, FACILITIES, jail, older);
  if (countOf(parsed, "json") > 0) p.print(unusedJson(unused));
  else for (const line of unusedLines(unused)) p.print(line);
  if (countOf(parsed, "remove") === 0 || dry) return 0;
  let failures = 0;
  for (const { f, row } of unused) failures += await removeRows(job, f, [row]);
  return failures;
}
