/**
 * jail.conf(5) for `jailyard up`, as far as this host has what it speaks of: parameters of jails,
 * `depend`, and `exec.start`, each value of which names a module and its arguments and runs in the
 * background. What jail(8) runs around that is its own (`jailyard jail -f`); anything else is refused
 * with its line.
 */

import { globSync } from "node:fs";
import { dirname, isAbsolute, join, normalize } from "node:path";
import {
  type ConfJail,
  isPattern,
  JailConfError,
  lastWords,
  parseJailConf,
  type Setting,
} from "@jailyard/abi/jailconf";
import { EXEC_PARAMS, inOrder } from "@jailyard/abi/jailorder";
import { jailParamNamed, parseJailParam } from "@jailyard/abi/jailparam";
import { textOf } from "../checkedyaml.ts";
import { SettingsError } from "../stress/settings.ts";
import { programPlan } from "./programplan.ts";
import type { JailPlan, ProgramPlan } from "./yardfile.ts";

const START = "exec.start";
const DEPEND = "depend";

const refusal = ({ file, line }: Setting, what: string): SettingsError =>
  new SettingsError(`${file}:${line}: ${what}`);

/**
 * The jails of a file, each after those that it depends on. `commands`: what only jail(8) runs is
 * passed over, not refused. @throws SettingsError with the line
 */
export function readJailConf(
  file: string,
  commands: "refused" | "skipped" = "refused",
): JailPlan[] {
  const jails = withErrors(() => inOrder(readConf(file)));
  if (commands === "refused") return jails.map(planOf);
  const skipped = ({ name }: Setting): boolean => name !== START && EXEC_PARAMS.has(name);
  return jails.map((jail) =>
    planOf({ ...jail, settings: jail.settings.filter((one) => !skipped(one)) }),
  );
}

/** What is written, whether it makes sense or not. @throws SettingsError with the line */
export const writtenJails = (file: string): ConfJail[] =>
  withErrors(() => readConf(file, (unset) => `$${unset}`));

function readConf(file: string, unset?: (name: string) => string | null): ConfJail[] {
  const include = (pattern: string, from: string) => {
    const path = isAbsolute(pattern) ? pattern : join(dirname(from), pattern);
    const files = isPattern(pattern) ? globSync(path).sort() : [path];
    return files.map((one) => ({ file: one, text: textOf(one) }));
  };
  return parseJailConf(normalize(file), textOf(file), include, unset);
}

function withErrors<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof JailConfError) throw new SettingsError(error.message);
    throw error;
  }
}

/** The last word on a parameter counts. */
function planOf({ name, settings }: ConfJail): JailPlan {
  const params: Record<string, string | number | boolean> = {};
  let programs: ProgramPlan[] = [];
  for (const setting of lastWords(settings).values()) {
    if (setting.name === START)
      programs = (setting.values ?? [""]).map((one) => programOf(setting, one));
    else if (setting.name !== DEPEND) Object.assign(params, paramOf(setting));
  }
  return { name: String(params.name ?? name), params, programs };
}

function paramOf(setting: Setting): object {
  const { name, values } = setting;
  const known = jailParamNamed(name);
  if (EXEC_PARAMS.has(name)) {
    throw refusal(setting, `${name}: up does not run it; make the jail by jailyard jail -f`);
  }
  if (known === undefined || !known.param.settable) {
    throw refusal(setting, `unknown parameter: ${name}; this host has no such thing to set`);
  }
  if (values !== null && values.length > 1) throw refusal(setting, `${name}: it takes one value`);
  const parsed = parseJailParam(values === null ? name : `${name}=${values[0]}`);
  if (parsed.error !== undefined) throw refusal(setting, parsed.error);
  return known.negated ? { [known.param.name]: parsed.value !== true } : { [name]: parsed.value };
}

function programOf({ file, line }: Setting, command: string): ProgramPlan {
  const [run, ...args] = command.trim().split(/\s+/);
  return programPlan({ file, line }, run, args, { uid: 0, procs: 1 });
}
