/** docs/models.md says what calls do that are made, and why, as the models say. */
import { MODELS, type ModelCall, type ModelName } from "@jailyard/kernel/model";
import { modelsPage } from "@jailyard/kernel/modeltable";
import { expect, test } from "vitest";
import { probe } from "../support/modelprobe.ts";

const differs = (model: ModelName, call: ModelCall): boolean =>
  probe(model, call) !== probe(MODELS[0], call);

test("the page is up to date; `vitest run test/manual/models.doc.test.ts -u` writes it", async () => {
  await expect(modelsPage(differs)).toMatchFileSnapshot("../../docs/models.md");
});

test("a call that differs, and of which the model does not say why, is found out", () => {
  const changed = (model: ModelName, call: ModelCall): boolean =>
    (model === "tagged" && call === "shmdt") || differs(model, call);
  expect(() => modelsPage(changed)).toThrow("tagged: shmdt differs, nobody says why");
  expect(() => modelsPage(() => false)).toThrow("flat: semget is the same");
});
