/**
 * A scenario file: the settings of `jailyard stress` in YAML, checked against a schema. What is not
 * known, or of the wrong kind, is refused with its line.
 */
import { readFileSync } from "node:fs";
import { MODELS } from "@jailyard/kernel/model";
import type { OptionValue } from "@jailyard/workload/stress/about";
import { Ajv, type ErrorObject } from "ajv";
import { type Document, isNode, isPair, LineCounter, parseDocument } from "yaml";
import { LOCKS, PLACEMENTS, SettingsError, type StressSettings, WAKES } from "./settings.ts";

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
    placement: word(PLACEMENTS),
    wake: word(WAKES),
    locks: word(LOCKS),
    shared: flag,
    repeat: { type: "integer" },
    limits: { type: "object", additionalProperties: { type: "integer" } },
    fail: { type: "array", items: text },
    native: flag,
    json: text,
    report: text,
  },
} as const;

/** Settings, and the files that results go to. */
export interface Scenario {
  readonly settings: Partial<StressSettings>;
  readonly json?: string;
  readonly report?: string;
}

type Written = Omit<Partial<StressSettings>, "workloads" | "options"> & {
  readonly workloads?: Readonly<Record<string, number | Readonly<Record<string, OptionValue>>>>;
  readonly json?: string;
  readonly report?: string;
};

const validate = new Ajv({ allowUnionTypes: true }).compile<Written>(SCHEMA);

/** @throws SettingsError that names the file, the line, and what is wrong there */
export function readScenario(file: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(textOf(file), { lineCounter: lines, prettyErrors: false });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    const { line } = lines.linePos(syntax.pos[0]);
    throw new SettingsError(`${file}:${line}: ${syntax.message.split("\n")[0]}`);
  }
  const value: unknown = document.toJS() ?? {};
  if (!validate(value)) {
    const { path, what } = problemOf(validate.errors!);
    const { line } = lines.linePos(placeOf(document, path));
    throw new SettingsError(`${file}:${line}: ${what}`);
  }
  return scenarioOf(value);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new SettingsError(`${file}: ${code === "ENOENT" ? "no such file" : message}`);
  }
}

/** The first that says something definite: of a choice of kinds each says what it is not. */
function problemOf(errors: readonly ErrorObject[]): { path: string[]; what: string } {
  const error =
    errors.find(({ keyword }) => keyword !== "anyOf" && keyword !== "type") ?? errors[0];
  const path = error.instancePath.split("/").slice(1);
  const at = path.join(".") || "the scenario";
  if (error.keyword === "additionalProperties") {
    const key = String(error.params.additionalProperty);
    const known = Object.keys(SCHEMA.properties).join(", ");
    return { path: [...path, key], what: `there is no setting "${key}"; there are ${known}` };
  }
  const choices = (error.params as { allowedValues?: string[] }).allowedValues;
  const what = choices === undefined ? error.message : `it is one of ${choices.join(", ")}`;
  return { path, what: `${at}: ${what}` };
}

/** Where the key or value at this path begins. */
function placeOf(document: Document, path: readonly string[]): number {
  const parent = document.getIn(path.slice(0, -1), true);
  const items = (parent as { items?: unknown[] } | undefined)?.items ?? [];
  const pair = items.find((one) => isPair(one) && String(one.key) === path.at(-1));
  const node = isPair(pair) ? pair.key : document.getIn(path, true);
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function scenarioOf({ workloads, json, report, ...rest }: Written): Scenario {
  const files = { ...(json && { json }), ...(report && { report }) };
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
