/**
 * Settings as an administrator gives them, and what holds with them: tunables at boot first, then
 * what sysctl writes, where shmall no longer drags shmmax along. [SHM-6]
 */
import { type Limit, limitNamed, limitsProblem } from "@jailyard/abi/limits";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { HostSetting } from "../scenario/hostconf.ts";
import { SettingsError } from "../stress/settings.ts";
import type { LimitValues } from "./breaks.ts";
import { usualLimits } from "./least.ts";

/** Resources of rctl(8) that a server of semaphores and segments meets. */
export const RULED = ["nsem", "nshm", "shmsize"] as const;
type Ruled = (typeof RULED)[number];

export interface Given {
  readonly boot: Readonly<Record<string, number>>;
  readonly run: Readonly<Record<string, number>>;
  /** A rule for each jail. */
  readonly rules: Readonly<Partial<Record<Ruled, number>>>;
  /** What is there but has no effect, with its place. */
  readonly ignored: readonly string[];
}

export const NOTHING_GIVEN: Given = { boot: {}, run: {}, rules: {}, ignored: [] };

/** Add lines of files, in their order. @throws SettingsError that names the line of a wrong value */
export function withSettings(given: Given, settings: readonly HostSetting[]): Given {
  let all = given;
  for (const one of settings) all = withSetting(all, one);
  return all;
}

function withSetting(given: Given, { name, value, file, line, when }: HostSetting): Given {
  const limit = limitNamed(name);
  if (limit === undefined) return given; // of something else than System V IPC
  const number = numberOf(value);
  const problem = limitsProblem({ [name]: number });
  if (problem !== null) throw new SettingsError(`${file}:${line}: ${problem}`);
  if (when === "run" && limit.writable !== "run") {
    const text = `${file}:${line}: ${name} is a tunable of the loader: it has no effect here, put it into loader.conf`;
    return { ...given, ignored: [...given.ignored, text] };
  }
  return { ...given, [when]: { ...given[when], [name]: number } };
}

/** loader(8) and sysctl(8) know decimal, 0x and octal numbers. */
export function numberOf(text: string): number {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
}

/** `NAME=VALUE` as of a command line: a limit at boot, or a rule for each jail. @throws SettingsError */
export function withWord(given: Given, text: string): Given {
  const at = text.indexOf("=");
  const [name, value] = [text.slice(0, at), numberOf(text.slice(at + 1))];
  const ruled = RULED.find((one) => one === name);
  if (ruled !== undefined) {
    if (!Number.isSafeInteger(value)) throw new SettingsError(`${text}: it takes a whole number`);
    return { ...given, rules: { ...given.rules, [ruled]: value } };
  }
  const problem = limitsProblem({ [name]: value });
  if (problem !== null) throw new SettingsError(`--given ${problem}`);
  return { ...given, boot: { ...given.boot, [name]: value } };
}

/** Everything that holds. */
export function limitsOf({ boot, run, rules }: Given): LimitValues {
  const limits = { ...usualLimits(), ...boot };
  const usual = limitNamed("kern.ipc.shmmax") as Limit;
  if (limits[usual.name] === usual.default) {
    limits[usual.name] = limits["kern.ipc.shmall"] * PAGE_SIZE;
  }
  const ruled = Object.entries(rules).map(([resource, amount]) => [`rctl ${resource}`, amount]);
  return { ...limits, ...run, ...Object.fromEntries(ruled) };
}
