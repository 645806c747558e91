/**
 * A scenario file: the settings of `jailyard stress` in YAML, checked against a schema. What is not
 * known, or of the wrong kind, is refused with its line.
 */
import { MODELS } from "@jailyard/kernel/model";
import type { OptionValue } from "@jailyard/workload/stress/about";
import { checkedYaml } from "../checkedyaml.ts";
import { MANNERS } from "../scenario/manner.ts";
import type { StressSettings } from "./settings.ts";

const number = { type: "number" } as const;
const flag = { type: "boolean" } as const;
const word = (choices: readonly string[]): object => ({ type: "string", enum: choices });
const text = { type: "string", minLength: 1 } as const;

/** Bounds are those of the command line, which looks at them again. */
const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    jails: { type: "integer" },
    procs: { type: "integer" },
    workloads: {
      type: "object",
      minProperties: 1,
      additionalProperties: {
        anyOf: [
          number,
          {
            type: "object",
            required: ["weight"],
            properties: { weight: number },
            additionalProperties: { type: ["number", "string"] },
          },
        ],
      },
    },
    seconds: number,
    rate: number,
    seed: { type: "integer" },
    model: word(MODELS),
    placement: word(MANNERS.placement),
    wake: word(MANNERS.wake),
    locks: word(MANNERS.locks),
    stats: word(MANNERS.stats),
    shared: flag,
    repeat: { type: "integer" },
    limits: { type: "object", additionalProperties: { type: "integer" } },
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
