/** The virtualisation models by name. A new model is a file in model/ and a line here. */
import { flat } from "./model/flat.ts";
import { jailKeyed } from "./model/jail-keyed.ts";
import type { Model, ModelName } from "./model.ts";

const BY_NAME: Readonly<Record<ModelName, Model>> = { "jail-keyed": jailKeyed, flat };

export const modelNamed = (name: ModelName): Model => BY_NAME[name];
