/** A look at a yard from outside: its counters and sleepers, which yard it is, and in which manner. */
import type { YardSample } from "@jailyard/abi/yardsample";
import type { Yard } from "./yard.ts";
import type { YardConfig } from "./yardconfig.ts";

/** As `jailyard top` looks at it; the name is whoever's who listens for it. */
export async function sampleOf(yard: Yard): Promise<Omit<YardSample, "yard">> {
  const sample = await yard.control.sample();
  return { ...sample, born: yard.epoch.join("."), manner: mannerText(yard.config) };
}

function mannerText(config: YardConfig): string {
  const { model = "jail-keyed", placement = "direct", wake = "herd", locks = "object" } = config;
  const { stats = "contended", limitScope = "host" } = config;
  const policies = [`wake ${wake}`, `locks ${locks}`, `stats ${stats}`, `limits by ${limitScope}`];
  return [model, placement, ...policies].join(", ");
}
