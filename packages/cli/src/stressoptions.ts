/** The options of `jailyard stress`, and what settings they amount to. */
import { MODELS } from "@jailyard/kernel/model";
import { DEFAULTS, MAX, SEED_MAX, type StressSettings } from "@jailyard/lab/stress/settings";
import type { OptionValue } from "@jailyard/workload/stress/about";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addMannerOptions } from "./command.ts";
import { limitSettings, secondsUpTo, settingOption, whole } from "./usage.ts";

/** As commander gives them; what is absent was not given. */
export interface StressOptions
  extends Partial<Omit<StressSettings, "workloads" | "options" | "fail">> {
  readonly workload?: Readonly<Record<string, number>>;
  readonly with?: StressSettings["options"];
  readonly fail?: readonly string[];
  readonly set?: readonly string[];
  readonly scenario?: string;
  readonly json?: string;
  readonly report?: string;
}

const mixText = Object.entries(DEFAULTS.workloads)
  .map(([name, weight]) => `${name}=${weight}`)
  .join(",");

/** No option has a default: what is not given may be in a scenario file. */
export function addStressOptions(command: Command): Command {
  const usual = (what: string, value: unknown): string => `${what} (default: ${value})`;
  command
    .option("--workload <mix>", usual("workloads and weights, as sem=3,msg=1", mixText), mix)
    .addOption(
      new Option(
        "--with <option=value>",
        "option of a workload, as convoy.hold=200; repeatable",
      ).argParser(withOption as never),
    )
    .option("--jails <n>", usual("jails", DEFAULTS.jails), whole(1, MAX.jails))
    .option("--procs <n>", usual("processes in each jail", DEFAULTS.procs), whole(1, MAX.procs))
    .option(
      "--seconds <t>",
      usual("how long they work", DEFAULTS.seconds),
      secondsUpTo(MAX.seconds),
    )
    .option("--rate <n>", "operations a second of the whole run, by a schedule", rate)
    .option("--seed <n>", usual("seed of all that is drawn", DEFAULTS.seed), whole(0, SEED_MAX))
    .addOption(
      new Option("--model <model>", usual("virtualisation model", DEFAULTS.model)).choices(MODELS),
    );
  return addMannerOptions(command, false)
    .option("--shared", "all jails work on the same objects (--model flat)")
    .option("--repeat <n>", usual("times, each with the next seed", 1), whole(1, MAX.repeat))
    .addOption(
      new Option("--fail <condition>", "status 8 if this holds of the run; repeatable").argParser(((
        text: string,
        before: readonly string[] = [],
      ) => [...before, text]) as never),
    )
    .addOption(settingOption())
    .option("--scenario <file>", "read settings from this YAML file")
    .option("--json <file>", "write the run to this file")
    .option("--report <file>", "write a report to this file, one HTML page");
}

/** The settings among the options; those of a workload are added to the scenario's. */
export function given(
  options: StressOptions,
  scenario: Partial<StressSettings>,
): Partial<StressSettings> {
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(DEFAULTS) as (keyof StressOptions)[]) {
    if (options[name] !== undefined) settings[name] = options[name];
  }
  if (options.workload !== undefined) settings.workloads = options.workload;
  if (options.set !== undefined) {
    settings.limits = { ...scenario.limits, ...limitSettings(options.set) };
  }
  const mixed = Object.keys(
    (settings.workloads ?? scenario.workloads ?? DEFAULTS.workloads) as object,
  );
  settings.options = merged(keep(scenario.options ?? {}, mixed), options.with ?? {});
  return settings;
}

type Options = StressSettings["options"];

/** What a scenario says of workloads that the command line has left out of the mix is left out. */
const keep = (options: Options, names: readonly string[]): Options =>
  Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));

function merged(first: Options, second: Options): Options {
  const all: Record<string, Readonly<Record<string, OptionValue>>> = { ...first };
  for (const [name, options] of Object.entries(second)) all[name] = { ...all[name], ...options };
  return all;
}

/** `sem=3,msg`: weights, 1 if left out. */
function mix(text: string, before?: object): Record<string, number> {
  if (before !== undefined) {
    throw new InvalidArgumentError(
      "It is given twice; name all of the mix in one, as sem=3,msg=1.",
    );
  }
  const weights: Record<string, number> = {};
  for (const part of text.split(",")) {
    const found = /^([a-z]+)(?:=(\d*\.?\d+))?$/.exec(part.trim());
    if (found === null)
      throw new InvalidArgumentError("It takes names and weights, as sem=3,msg=1.");
    const [, name, weight = "1"] = found;
    if (name in weights) throw new InvalidArgumentError(`${name} is given twice.`);
    weights[name] = Number(weight);
  }
  return weights;
}

function withOption(text: string, before: Options = {}): Options {
  const found = /^([a-z]+)\.([a-z]+)=(.+)$/.exec(text);
  if (found === null) {
    throw new InvalidArgumentError("It takes WORKLOAD.OPTION=VALUE, as convoy.hold=200.");
  }
  const [, name, option, value] = found;
  const number = Number(value);
  return merged(before, { [name]: { [option]: Number.isNaN(number) ? value : number } });
}

function rate(text: string): number {
  const value = Number(text);
  if (/^\d*\.?\d+$/.test(text) && value > 0 && value <= MAX.rate) return value;
  throw new InvalidArgumentError(`It takes operations a second, above 0, up to ${MAX.rate}.`);
}
