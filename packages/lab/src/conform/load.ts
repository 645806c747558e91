/**
 * Reads files of conformance cases, JSON Lines, and refuses what is not one: a runner that guesses
 * at a script would report a system's faults that are the script's.
 */
import { readFileSync } from "node:fs";
import { limitsProblem } from "@jailyard/abi/limits";
import { CALLS, FROM_OUTSIDE, JAIL_SETTINGS, REF } from "./callshape.ts";
import type { CallName, ConformCase, LoadedCase } from "./case.ts";
import {
  anyObject,
  bool,
  type Check,
  either,
  type Fields,
  int,
  list,
  mapOf,
  matching,
  name,
  oneOf,
  record,
  text,
  whole,
  yes,
} from "./shape.ts";

/** A file that is not one of conformance cases. The message begins with file and line. */
export class CorpusError extends Error {
  override readonly name = "CorpusError";
  readonly file: string;
  /** Counted from 1; 0 if it is the file as a whole. */
  readonly line: number;
  constructor(file: string, line: number, problem: string) {
    super(`${file}${line === 0 ? "" : `:${line}`}: ${problem}`);
    this.file = file;
    this.line = line;
  }
}

const errno = matching("an errno name", /^E[A-Z0-9]+$/);
const ret = either("a number or a name", int, name);
const bound = matching('a bound name "$..."', REF);

const expect: Check = exactlyOne(
  record({}, { ret, same: bound, errno, blocks: yes, fault: name, exits: yes }),
  ["ret", "errno", "blocks", "fault", "exits"],
);
const completes: Check = list(
  exactlyOne(record({ proc: name }, { of: whole, ret, errno, killed: yes, out: anyObject }), [
    "ret",
    "errno",
    "killed",
  ]),
);
const answer: Fields = { expect };
const answerRest: Fields = { out: anyObject, completes };

/** Objects that passed `check` and have one of `fields`, not more. */
function exactlyOne(check: Check, fields: readonly string[]): Check {
  return (value, path) => {
    const problem = check(value, path);
    if (problem !== null) return problem;
    const given = fields.filter((field) => Object.hasOwn(value as object, field));
    return given.length === 1 ? null : `${path}: expected one of ${fields.join(", ")}`;
  };
}

const callName: Check = (value, path) => {
  if (typeof value === "string" && Object.hasOwn(CALLS, value)) return null;
  return value === undefined
    ? `${path}: call is missing`
    : `${path}: unknown call ${JSON.stringify(value)}`;
};

/** A step: its fields, then the arguments of its call. */
const step: Check = (value, path) => {
  const given = value as Record<string, unknown>;
  const hasCall = anyObject(value, path) ?? callName(given.call, path);
  if (hasCall !== null) return hasCall;
  const call = given.call as CallName;
  const args = CALLS[call];
  const problem = record(
    { call: callName, ...answer },
    { proc: name, bind: name, args, ...answerRest },
  )(value, path);
  if (problem !== null) return problem;
  if (given.proc === undefined && !FROM_OUTSIDE.has(call)) return `${path}: ${call} needs a proc`;
  return given.args === undefined ? args({}, `${path}.args`) : null;
};

const conformCase = record(
  {
    name,
    procs: mapOf(record({ uid: int, gid: int }, { groups: list(int), jail: name })),
    steps: list(step),
  },
  {
    about: text,
    seed: int,
    tags: list(name),
    limits: mapOf(int),
    jails: mapOf(record({ parent: name }, { ...JAIL_SETTINGS, persist: bool })),
    order_dependent: bool,
    order_step: whole,
    order_alts: list(record(answer, answerRest)),
    quirks: list(record({ step: whole, tag: name })),
    linux: either('"same" or {differs}', oneOf("same"), record({ differs: list(whole) })),
  },
);

/** Read and check files. @throws CorpusError for the first thing wrong */
export function loadCases(files: readonly string[]): LoadedCase[] {
  return files.flatMap((file) => parseCases(file, readText(file)));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CorpusError(file, 0, (error as Error).message);
  }
}

/** The cases in the text of a file, one a line; empty lines are passed over. */
export function parseCases(file: string, content: string): LoadedCase[] {
  const cases: LoadedCase[] = [];
  for (const [index, line] of content.split("\n").entries()) {
    if (line.trim() === "") continue;
    cases.push({ file, line: index + 1, conform: parseCase(file, index + 1, line) });
  }
  return cases;
}

function parseCase(file: string, line: number, source: string): ConformCase {
  const value = parseJson(file, line, source);
  const problem = conformCase(value, "") ?? sense(value as ConformCase);
  if (problem === null) return value as ConformCase;
  const called = (value as { name?: unknown } | null)?.name;
  const who = typeof called === "string" ? `case ${called}: ` : "";
  throw new CorpusError(file, line, who + problem.replace(/^: /, ""));
}

function parseJson(file: string, line: number, source: string): unknown {
  try {
    return JSON.parse(spareLongs(source));
  } catch (error) {
    throw new CorpusError(file, line, `not JSON: ${(error as Error).message}`);
  }
}

/**
 * -LONG_MAX is not a double; it would become LONG_MIN, which as a message type means something
 * else. Every type that a script can name lies above the number that is put in its place. [MSG-54]
 */
const spareLongs = (source: string): string =>
  source.includes("-9223372036854775807")
    ? source.replace(/(?<=[:[,]\s*)-9223372036854775807\b/g, String(Number.MIN_SAFE_INTEGER))
    : source;

/** What no field can say by itself: names that nothing has, steps that are not there. */
function sense(conform: ConformCase): string | null {
  const { limits, steps, order_dependent, order_step, quirks } = conform;
  const limit = limitsProblem(limits ?? {});
  if (limit !== null) return `limits: ${limit}`;
  if (order_dependent === true && order_step === undefined) return "order_step is missing";
  const far = [order_step, ...(quirks ?? []).map((quirk) => quirk.step)].find(
    (at) => at !== undefined && at >= steps.length,
  );
  if (far !== undefined) return `there is no step ${far}`;
  return jailsKnown(conform) ?? namesKnown(conform);
}

function jailsKnown({ jails = {}, procs }: ConformCase): string | null {
  const known = new Set(["host"]);
  for (const [jail, { parent }] of Object.entries(jails)) {
    if (!known.has(parent)) return `jails.${jail}: there is no jail ${parent} before it`;
    known.add(jail);
  }
  for (const [proc, { jail = "host" }] of Object.entries(procs)) {
    if (!known.has(jail)) return `procs.${proc}: there is no jail ${jail}`;
  }
  return null;
}

/** Who and what a step names must have been there, or come, by then. */
function namesKnown({ jails = {}, procs, steps }: ConformCase): string | null {
  const knownProcs = new Set(Object.keys(procs));
  const knownJails = new Set(["host", ...Object.keys(jails)]);
  const bounds = new Set<string>();
  for (const [i, { proc, call, args, bind, expect: answered }] of steps.entries()) {
    if (proc !== undefined && !knownProcs.has(proc))
      return `steps[${i}]: there is no process ${proc}`;
    const ref = [...refsIn(args), ...refsIn(answered.same)].find((one) => !bounds.has(one));
    if (ref !== undefined) return `steps[${i}]: nothing is bound to ${ref}`;
    if (call === "jail_set" && args.create === true) knownJails.add(args.jail);
    for (const jail of jailsIn(call, args)) {
      if (!knownJails.has(jail)) return `steps[${i}]: there is no jail ${jail}`;
    }
    if (call === "fork") knownProcs.add(args.child);
    if (bind !== undefined) bounds.add(`$${bind}`);
  }
  return null;
}

function jailsIn(call: CallName, args: object | undefined): string[] {
  if (!call.startsWith("jail_")) return [];
  const { jail, parent } = args as { jail: string; parent?: string };
  return parent === undefined ? [jail] : [jail, parent];
}

const REFERRING = ["semid", "msqid", "shmid", "addr"] as const;

/** The bound names that the arguments of a step, or `same`, refer to. */
function refsIn(args: object | string | undefined): string[] {
  if (args === undefined) return [];
  if (typeof args === "string") return [args];
  const found: string[] = [];
  for (const field of REFERRING) {
    const value = (args as Record<string, unknown>)[field];
    if (typeof value === "string") found.push(value);
    else if (typeof value === "object" && value !== null) {
      const { base, index_of } = value as { base?: string; index_of?: string };
      found.push((base ?? index_of)!);
    }
  }
  return found;
}
