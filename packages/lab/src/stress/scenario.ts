/**
 * A scenario file: the settings of `jailyard stress` in YAML, checked against a schema. What is not
 * known, or of the wrong kind, is refused with its line.
 */
import { LIMITS, type Limit } from "@jailyard/abi/limits";
import { MODELS } from "@jailyard/kernel/model";
import type { About, OptionAbout, OptionValue } from "@jailyard/workload/stress/about";
import { checkedYaml } from "../checkedyaml.ts";
import { MANNERS } from "../scenario/manner.ts";
import { MAX, SEED_MAX, type StressSettings, WEIGHT_MAX } from "./settings.ts";
import { WORKLOADS } from "./workloads.ts";

const number = { type: "number" } as const;
const flag = { type: "boolean" } as const;
const word = (choices: readonly string[]): object => ({ type: "string", enum: choices });
const text = { type: "string", minLength: 1 } as const;
const whole = (minimum: number, maximum: number): object => ({ type: "integer", minimum, maximum });
const above0 = (maximum: number): object => ({ ...number, exclusiveMinimum: 0, maximum });

/** YAML has 15 as a number, also where it is a name. */
const words = (choices: readonly string[]): object => ({
  enum: [...choices, ...choices.map(Number).filter((one) => !Number.isNaN(one))],
});
const optionSchema = (about: OptionAbout): object =>
  "choices" in about ? words(about.choices) : { ...number, minimum: about.min, maximum: about.max };

/** A weight, or a weight and options. */
function workloadSchema({ options }: About): object {
  const own = Object.entries(options).map(([name, about]) => [name, optionSchema(about)]);
  const properties = { weight: above0(WEIGHT_MAX), ...Object.fromEntries(own) };
  const chosen = { type: "object", required: ["weight"], additionalProperties: false, properties };
  return { anyOf: [above0(WEIGHT_MAX), chosen] };
}

const perName = <T>(all: Iterable<readonly [string, T]>, schema: (one: T) => object): object => ({
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries([...all].map(([name, one]) => [name, schema(one)])),
});

const limitSchema = ({ min, max }: Limit): object => whole(min, max);

const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    jails: whole(1, MAX.jails),
    procs: whole(1, MAX.procs),
    workloads: { ...perName(WORKLOADS, workloadSchema), minProperties: 1 },
    seconds: above0(MAX.seconds),
    rate: above0(MAX.rate),
    seed: whole(0, SEED_MAX),
    model: word(MODELS),
    placement: word(MANNERS.placement),
    wake: word(MANNERS.wake),
    locks: word(MANNERS.locks),
    stats: word(MANNERS.stats),
    shared: flag,
    repeat: whole(1, MAX.repeat),
    limits: perName(
      LIMITS.map((limit) => [limit.name, limit] as const),
      limitSchema,
    ),
    fail: { type: "array", items: text },
    native: flag,
    json: text,
    report: text,
    trace: text,
    flame: text,
  },
} as const;

/** Settings, and the files that results go to. */
export interface Scenario {
  readonly settings: Partial<StressSettings>;
  readonly json?: string;
  readonly report?: string;
  readonly trace?: string;
  readonly flame?: string;
}

type Written = Omit<Partial<StressSettings>, "workloads" | "options"> & {
  readonly workloads?: Readonly<Record<string, number | Readonly<Record<string, OptionValue>>>>;
} & Omit<Scenario, "settings">;

const read = checkedYaml<Written>("the scenario", SCHEMA);

/** @throws SettingsError that names the file, the line, and what is wrong there */
export const readScenario = (file: string): Scenario => scenarioOf(read(file));

function scenarioOf({ workloads, json, report, trace, flame, ...rest }: Written): Scenario {
  const named = Object.entries({ json, report, trace, flame });
  const files: Omit<Scenario, "settings"> = Object.fromEntries(named.filter(([, file]) => file));
  if (workloads === undefined) return { settings: rest, ...files };
  const weights: Record<string, number> = {};
  const options: Record<string, Record<string, OptionValue>> = {};
  for (const [name, value] of Object.entries(workloads)) {
    if (typeof value === "number") weights[name] = value;
    else {
      const { weight, ...given } = value;
      weights[name] = Number(weight);
      options[name] = given;
    }
  }
  return { settings: { ...rest, workloads: weights, options }, ...files };
}
