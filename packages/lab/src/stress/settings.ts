/**
 * What a stress run is told, with its defaults, and whether it can be: settings that contradict each
 * other are refused before anything starts.
 */
import type { LimitSettings } from "@jailyard/abi/limits";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { type OptionValue, optionsOf } from "@jailyard/workload/stress/about";
import { MANNERS, type Manner, USUAL } from "../scenario/manner.ts";
import { parseThreshold } from "./threshold.ts";
import { POSTGRES_NAME, WORKLOADS } from "./workloads.ts";

/** The user asked for what cannot be; the message names the setting and the remedy. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

export const MAX = { jails: 4000, procs: 500, seconds: 86_400, repeat: 100, rate: 1e7 } as const;
export const SEED_MAX = 2 ** 31 - 1;
export const WEIGHT_MAX = 1000;

export interface StressSettings extends Manner {
  readonly jails: number;
  /** Processes in each jail, over all workloads. */
  readonly procs: number;
  /** Weights by name. */
  readonly workloads: Readonly<Record<string, number>>;
  /** Options by workload. */
  readonly options: Readonly<Record<string, Readonly<Record<string, OptionValue>>>>;
  readonly seconds: number;
  /** Operations a second of the whole run, by a schedule; null: as fast as they go. */
  readonly rate: number | null;
  readonly seed: number;
  readonly model: ModelName;
  /** All jails work on the same objects. */
  readonly shared: boolean;
  readonly repeat: number;
  /** Set by the user; others are made large enough. */
  readonly limits: LimitSettings;
  /** Conditions under which the run fails, as `p99(wait)>5ms`. */
  readonly fail: readonly string[];
  /** Run the same on the machine's own kernel too. */
  readonly native: boolean;
}

export const DEFAULTS: StressSettings = {
  jails: 2,
  procs: 4,
  workloads: { sem: 1, shm: 1, msg: 1 },
  options: {},
  seconds: 5,
  rate: null,
  seed: 1,
  model: "jail-keyed",
  ...USUAL,
  shared: false,
  repeat: 1,
  limits: {},
  fail: [],
  native: false,
};

/** Fill in defaults and options. @throws SettingsError for what cannot be */
export function completed(given: Partial<StressSettings>): StressSettings {
  const all = { ...DEFAULTS, ...given };
  checkNumbers(all);
  checkWords(all);
  checkMix(all);
  const options = Object.fromEntries(
    Object.keys(all.workloads).map((name) => [name, checkedOptions(name, all)]),
  );
  const stray = Object.keys(all.options).find((name) => !(name in all.workloads));
  if (stray !== undefined) {
    throw new SettingsError(`${stray} has options, but is not in the mix: --workload ${stray}=1`);
  }
  for (const text of all.fail) parseThreshold(text, Object.keys(all.workloads));
  return { ...all, options };
}

function checkNumbers(all: StressSettings): void {
  const whole = ["jails", "procs", "repeat"] as const;
  for (const name of whole) {
    const value = all[name];
    if (Number.isInteger(value) && value >= 1 && value <= MAX[name]) continue;
    throw new SettingsError(`${name}: it takes a whole number from 1 to ${MAX[name]}`);
  }
  const { seconds, rate, seed } = all;
  if (!(seconds > 0 && seconds <= MAX.seconds)) {
    throw new SettingsError(`seconds: it takes a number above 0, up to ${MAX.seconds}`);
  }
  if (rate !== null && !(rate > 0 && rate <= MAX.rate)) {
    throw new SettingsError(`rate: it takes operations a second, above 0, up to ${MAX.rate}`);
  }
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
    throw new SettingsError(`seed: it takes a whole number from 0 to ${SEED_MAX}`);
  }
}

function checkWords(all: StressSettings): void {
  oneOf("model", all.model, MODELS);
  for (const name of Object.keys(MANNERS) as (keyof Manner)[]) {
    oneOf(name, all[name], MANNERS[name]);
  }
}

function oneOf(name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new SettingsError(`${name}: there is no ${value}; it is one of ${choices.join(", ")}`);
}

function checkMix(all: StressSettings): void {
  const { workloads, jails, rate } = all;
  const names = Object.keys(workloads);
  if (names.length === 0) throw new SettingsError("workloads: name one at least, as sem=1");
  for (const name of names) {
    const about = WORKLOADS.get(name);
    if (about === undefined) throw new SettingsError(unknown(name));
    const weight = workloads[name];
    if (!(weight > 0 && weight <= WEIGHT_MAX)) {
      throw new SettingsError(
        `workload ${name}=${weight}: a weight is above 0, up to ${WEIGHT_MAX}`,
      );
    }
    if (jails < about.leastJails) {
      throw new SettingsError(
        `workload ${name} needs ${about.leastJails} jails: --jails 2 or more`,
      );
    }
    if (all.shared && !about.shareable) throw new SettingsError(notShareable(name));
  }
  if (rate !== null && POSTGRES_NAME in workloads) {
    throw new SettingsError("rate: postgres has no schedule; leave out --rate, or postgres");
  }
  // In jail-keyed a key is found by its own jail only, also where jails inherit the host's tables.
  if (all.shared && all.model !== "flat") {
    throw new SettingsError(
      `shared: in model ${all.model} jails find no keys of others; take --model flat`,
    );
  }
}

function unknown(name: string): string {
  return `there is no workload ${name}; there are ${[...WORKLOADS.keys()].join(", ")}`;
}

function notShareable(name: string): string {
  const all = [...WORKLOADS.values()].filter(({ shareable }) => shareable);
  return `shared: ${name} keeps to its jail; these can share: ${all.map((one) => one.name).join(", ")}`;
}

function checkedOptions(
  name: string,
  { workloads, options, procs, jails }: StressSettings,
): Record<string, OptionValue> {
  const weights = Object.values(workloads).reduce((sum, weight) => sum + weight, 0);
  const share = Math.round((jails * procs * workloads[name]) / weights);
  try {
    return optionsOf(WORKLOADS.get(name)!, options[name] ?? {}, share);
  } catch (error) {
    throw new SettingsError((error as Error).message);
  }
}
