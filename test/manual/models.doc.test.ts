/** docs/models.md says what the models say, and they say what the calls do. */
import { MODEL_CALLS, MODELS } from "@jailyard/kernel/model";
import { modelNamed } from "@jailyard/kernel/models";
import { modelsPage } from "@jailyard/kernel/modeltable";
import { describe, expect, test } from "vitest";
import { probe } from "../support/modelprobe.ts";

test("the page is up to date; `vitest run test/manual/models.doc.test.ts -u` writes it", async () => {
  await expect(modelsPage()).toMatchFileSnapshot("../../docs/models.md");
});

describe.each(MODELS.slice(1))("model %s", (model) => {
  test("differs from jail-keyed in the calls that it names, and in no other", () => {
    const differing = MODEL_CALLS.filter((call) => probe(model, call) !== probe(MODELS[0], call));
    expect(differing).toEqual(
      MODEL_CALLS.filter((call) => modelNamed(model).about.differs[call] !== undefined),
    );
  });
});
