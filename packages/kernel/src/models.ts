/** The virtualisation models by name. A new model is a file in model/ and a line here. */
import type { KernelConfig } from "./kernel.ts";
import { LATE_LOADS } from "./lateload.ts";
import { broker } from "./model/broker.ts";
import { disjoint } from "./model/disjoint.ts";
import { flat } from "./model/flat.ts";
import { jailKeyed } from "./model/jail-keyed.ts";
import { tagged } from "./model/tagged.ts";
import { MODELS, type Model, type ModelName } from "./model.ts";
import { LIMIT_SCOPES } from "./usage.ts";

const BY_NAME: Readonly<Record<ModelName, Model>> = {
  "jail-keyed": jailKeyed,
  flat,
  tagged,
  disjoint,
  broker,
};

export const modelNamed = (name: ModelName): Model => BY_NAME[name];

/** Names that a boot may say, by option. */
const CHOICES = { model: MODELS, lateLoad: LATE_LOADS, limitScope: LIMIT_SCOPES } as const;
const CALLED = { model: "model", lateLoad: "late load", limitScope: "limits" } as const;

/** What is wrong with the names in a configuration, as a sentence for the user; null if nothing is. */
export function policyProblem(config: Pick<KernelConfig, keyof typeof CHOICES>): string | null {
  for (const option of ["model", "lateLoad", "limitScope"] as const) {
    const name = config[option];
    const known: readonly string[] = CHOICES[option];
    if (name === undefined || known.includes(name)) continue;
    return `${CALLED[option]} ${JSON.stringify(name)} is not known; there are ${known.join(", ")}`;
  }
  return null;
}
