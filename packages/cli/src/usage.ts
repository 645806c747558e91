/** What users type: errors in it, and the numbers and settings that options take. */
import { statSync } from "node:fs";
import { LIMITS, type LimitSettings, limitNamed, limitsProblem } from "@jailyard/abi/limits";
import type { YardConfig } from "@jailyard/host/yard";
import { InvalidArgumentError, Option } from "commander";

/** The user asked for what cannot be: one line that names the thing and the remedy; status 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Nothing is there to do it with, such as a yard that runs: one line; status 3. */
export class AbsentError extends Error {
  override readonly name = "AbsentError";
}

/** Parser of a whole number in [min, max]. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = /^[+-]?\d+$/.test(text) && value >= min && value <= max;
    if (!fits) throw new InvalidArgumentError(`It takes a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Parser of seconds, with or without a fraction. */
export function secondsUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = /^\d*\.?\d+$/.test(text) && value > 0 && value <= max;
    if (!fits)
      throw new InvalidArgumentError(`It takes a number of seconds above 0, up to ${max}.`);
    return value;
  };
}

/** `--log-level`, `-o` and what else several commands have. */
export const LIMIT_OPTION_TEXT = "set a limit or tunable of the yard, as kern.ipc.semmns=680";

export function setting(text: string, before: readonly string[] = []): string[] {
  if (!/^[\w.]+=.+$/.test(text)) throw new InvalidArgumentError("It takes NAME=VALUE.");
  const name = text.slice(0, text.indexOf("="));
  if (before.some((one) => one.startsWith(`${name}=`))) {
    throw new InvalidArgumentError(`${name} is given twice; leave one of them out.`);
  }
  return [...before, text];
}

/** A repeatable `-o NAME=VALUE`. */
export const settingOption = (): Option =>
  new Option("-o, --set <name=value>", `${LIMIT_OPTION_TEXT}; repeatable`).argParser(
    setting as never,
  );

/** Settings of a yard that are not limits. */
const TUNABLES: Readonly<Record<string, (value: number) => YardConfig>> = {
  "security.jail.sysvipc_allowed": (value) => ({ sysvipc_allowed: value === 1 }),
  "kern.racct.enable": (value) => ({ racct: value === 1 }),
  "kern.maxproc": (maxproc) => ({ maxproc }),
};
const FLAGS = new Set(["security.jail.sysvipc_allowed", "kern.racct.enable"]);
const MAXPROC_MAX = 99999;

/** What `-o` asks of a yard. @throws UsageError */
export function yardSettings(settings: readonly string[] = []): YardConfig {
  const limits: Record<string, number> = {};
  let rest: YardConfig = {};
  for (const text of settings) {
    const at = text.indexOf("=");
    const name = text.slice(0, at);
    const value = numberOf(name, text.slice(at + 1));
    const tunable = TUNABLES[name];
    if (tunable !== undefined) rest = { ...rest, ...tunable(checked(name, value)) };
    else limits[known(name)] = value;
  }
  const problem = limitsProblem(limits);
  if (problem !== null) throw new UsageError(`-o ${problem}`);
  return { ...rest, limits };
}

/** The same where only limits make sense. @throws UsageError */
export function limitSettings(settings: readonly string[] | undefined): LimitSettings {
  const { limits = {}, ...rest } = yardSettings(settings);
  if (Object.keys(rest).length > 0) {
    throw new UsageError("this command takes limits with -o, such as kern.ipc.semmns=680, only");
  }
  return limits;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value)) {
    throw new UsageError(`-o ${name}=${text}: the value has to be a whole number`);
  }
  return value;
}

function checked(name: string, value: number): number {
  const [min, max] = FLAGS.has(name) ? [0, 1] : [1, MAXPROC_MAX];
  if (value >= min && value <= max) return value;
  throw new UsageError(`-o ${name}=${value} is out of range: ${min} to ${max}`);
}

function known(name: string): string {
  if (limitNamed(name) !== undefined) return name;
  const full = `kern.ipc.${name}`;
  if (limitNamed(full) !== undefined) {
    throw new UsageError(`-o ${name}: there is no such limit; did you mean ${full}?`);
  }
  const names = [...Object.keys(TUNABLES), ...LIMITS.map((limit) => limit.name)].join(" ");
  throw new UsageError(`-o ${name}: there is no such limit; there are ${names}`);
}

/** A file to be written at the end of a long run: refused at its beginning. @throws UsageError */
export function checkWritable(file: string, exists = isDirectory, option = "--json"): void {
  if (file === "") throw new UsageError(`${option} takes the name of a file`);
  const directory = file.includes("/") ? file.replace(/\/[^/]*$/, "") || "/" : ".";
  if (exists(file)) throw new UsageError(`${option} ${file} is a directory; name a file in it`);
  if (!exists(directory)) {
    throw new UsageError(`${option} ${file}: there is no directory ${directory}; make it first`);
  }
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
