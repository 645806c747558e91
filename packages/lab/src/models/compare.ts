/** A scenario under several models, one after the other, and what differs between them. */
import { type YardConfig, YardError } from "@jailyard/host/yard";
import type { LateLoad } from "@jailyard/kernel/lateload";
import type { Model, ModelName } from "@jailyard/kernel/model";
import { modelNamed } from "@jailyard/kernel/models";
import type { LimitScope } from "@jailyard/kernel/usage";
import { type Context, inYard } from "../scenario/inyard.ts";
import { type Load, measureLoads } from "./load.ts";
import type { Step } from "./outcome.ts";
import type { Actor, Scenario } from "./scenario.ts";
import { type RunTool, Stage } from "./stage.ts";

export interface CompareOptions {
  readonly models: readonly ModelName[];
  /** Instead of what the scenario says. */
  readonly lateLoad?: LateLoad | "own";
  readonly limitScope?: LimitScope | "own";
  /** How long the load of each model is measured; 0: not at all. */
  readonly seconds: number;
}

/** A scenario under one model. */
export interface ModelRun {
  readonly model: ModelName;
  readonly lateLoad: LateLoad;
  readonly limitScope: LimitScope;
  readonly steps: readonly Step[];
  /** What each place lists in the end, and the host with -Z. */
  readonly seen: Readonly<Record<string, string>>;
  /** System calls in the host and the jails that are there in the end, and how many slept. */
  readonly calls: number;
  readonly sleeps: number;
  readonly load: Load | null;
}

/** The same step, or the same place, under each model. */
export interface Row {
  readonly who: string;
  readonly what: string;
  /** Name of the call or tool; empty for a place. */
  readonly call: string;
  /** By model, in their order; null: it did not come to that there. */
  readonly outcomes: readonly (string | null)[];
  readonly details: readonly string[];
  readonly differs: boolean;
}

export interface Comparison {
  readonly name: string;
  readonly question: string;
  readonly models: readonly ModelName[];
  readonly steps: readonly Row[];
  readonly seen: readonly Row[];
  /** Limits that refused a call: which, of whom, by model. */
  readonly limits: readonly Row[];
  /** Why calls of the scenario differ from those of the first model, as the others say. */
  readonly reasons: readonly { readonly model: ModelName; readonly why: string }[];
  readonly runs: readonly ModelRun[];
}

/** @throws Interrupted, YardError or ScenarioError */
export async function compareModels(
  cx: Context,
  name: string,
  scenario: Scenario,
  options: CompareOptions,
  tool: RunTool,
  progress: (what: string) => void,
): Promise<Comparison> {
  const runs: ModelRun[] = [];
  for (const model of options.models) {
    progress(`model ${model}`);
    runs.push(await runUnder(cx, name, scenario, modelNamed(model), options, tool));
  }
  const jails = Object.keys(scenario.jails).length;
  const { models, seconds } = options;
  progress("cost and contention");
  const loads = seconds > 0 ? await measureLoads(cx, models, jails, seconds) : null;
  const measured = runs.map((run, at) => ({ ...run, load: loads?.[at] ?? null }));
  return comparisonOf(name, scenario, measured);
}

/** The scenario threw, or gave a call what none takes; the message says under which model. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}

async function runUnder(
  cx: Context,
  name: string,
  scenario: Scenario,
  model: Model,
  options: CompareOptions,
  tool: RunTool,
): Promise<ModelRun> {
  const policies = policiesOf(scenario, model, options);
  const { modules, limits, sysvipc_allowed = true } = scenario;
  const config: YardConfig = {
    ...{ model: model.name, sysvipc_allowed, ...policies },
    ...(modules && { modules }),
    ...(limits && { limits }),
  };
  const result = await inYard(cx, config, async (yard) => {
    const stage = new Stage(yard, model, tool);
    const actors = await actorsOf(stage, scenario);
    await scenario.run(actors).catch((error: Error) => {
      if (error instanceof YardError) throw error;
      const message = `${name} under model ${model.name}: ${error.message}`;
      throw new ScenarioError(message, { cause: error });
    });
    const seen = await stage.survey();
    const { jails } = await yard.stats();
    const calls = jails.reduce((sum, jail) => sum + jail.calls, 0);
    await stage.cast.end();
    const sleeps = jails.reduce((sum, jail) => sum + jail.sleeps, 0);
    return { steps: stage.steps, seen, calls, sleeps };
  });
  return { model: model.name, ...policies, ...result, load: null };
}

function policiesOf(
  scenario: Scenario,
  { about }: Model,
  options: CompareOptions,
): { lateLoad: LateLoad; limitScope: LimitScope } {
  const lateLoad = options.lateLoad ?? scenario.lateLoad ?? "freebsd";
  const limitScope = options.limitScope ?? scenario.limitScope ?? "host";
  return {
    lateLoad: lateLoad === "own" ? about.lateLoad : lateLoad,
    limitScope: limitScope === "own" ? about.limits : limitScope,
  };
}

async function actorsOf(stage: Stage, scenario: Scenario): Promise<Record<string, Actor>> {
  const actors: Record<string, Actor> = { host: await stage.hostActor() };
  for (const [name, setup] of Object.entries(scenario.jails)) {
    actors[name] = await stage.jailActor(name, setup);
  }
  return actors;
}

export function comparisonOf(
  name: string,
  { question }: Scenario,
  runs: readonly ModelRun[],
): Comparison {
  const steps = rowsOf(
    runs.map(({ steps }) => steps.map((step) => ({ ...step, key: `${step.who} ${step.what}` }))),
  );
  const seen = rowsOf(
    runs.map(({ seen }) =>
      Object.entries(seen).map(([who, outcome]) => ({ key: who, who, what: "", outcome })),
    ),
  );
  const limits = rowsOf(runs.map(({ steps }) => limitsMet(steps)));
  const models = runs.map(({ model }) => model);
  return { name, question, models, steps, seen, limits, reasons: reasonsOf(runs, steps), runs };
}

interface Cell {
  readonly key: string;
  readonly who: string;
  readonly what: string;
  readonly call?: string;
  readonly outcome: string;
  readonly detail?: string;
}

/** Cells of the same key are in one row; of a key that comes again, the first with the first. */
function rowsOf(columns: readonly (readonly Cell[])[]): Row[] {
  const rows = new Map<string, (Cell | undefined)[]>();
  for (const [at, cells] of columns.entries()) {
    const times = new Map<string, number>();
    for (const cell of cells) {
      const time = (times.get(cell.key) ?? 0) + 1;
      times.set(cell.key, time);
      const key = `${cell.key}\0${time}`;
      const row = rows.get(key) ?? [];
      row[at] = cell;
      rows.set(key, row);
    }
  }
  return [...rows.values()].map((row) => rowOf(columns.map((_, at) => row[at])));
}

function rowOf(cells: readonly (Cell | undefined)[]): Row {
  const { who, what, call = "" } = cells.find((cell) => cell !== undefined)!;
  const outcomes = cells.map((cell) => cell?.outcome ?? null);
  const details = cells.map((cell) => cell?.detail ?? "");
  return { who, what, call, outcomes, details, differs: new Set(outcomes).size > 1 };
}

/** How often each limit refused each caller. */
function limitsMet(steps: readonly Step[]): Cell[] {
  const times = new Map<string, { who: string; what: string; count: number }>();
  for (const { who, limit: what } of steps) {
    if (what === "") continue;
    const met = times.get(`${who} ${what}`) ?? { who, what, count: 0 };
    met.count++;
    times.set(`${who} ${what}`, met);
  }
  return [...times].map(([key, { who, what, count }]) => {
    return { key, who, what, outcome: `${count} time${count === 1 ? "" : "s"}` };
  });
}

/** The call by which a tool or a program does what differs. */
const MADE_BY: Readonly<Record<string, string>> = { jail: "jail_set", postgres: "shmget" };

/** What a model says of a call of the scenario, where that gave something else than in the first. */
function reasonsOf(runs: readonly ModelRun[], rows: readonly Row[]): Comparison["reasons"] {
  const [first, ...others] = runs;
  const reasons: { model: ModelName; why: string }[] = [];
  for (const [at, { model }] of others.entries()) {
    const differs = differsOf(first.model, model);
    const calls = rows
      .filter(({ outcomes }) => outcomes[0] !== outcomes[at + 1])
      .map(({ call }) => MADE_BY[call] ?? call);
    const whys = new Set(calls.flatMap((call) => differs[call] ?? []));
    for (const why of whys) reasons.push({ model, why });
  }
  return reasons;
}

/** The models say how they differ from `jail-keyed`, and so only to that can others be compared. */
const differsOf = (first: ModelName, model: ModelName): Readonly<Record<string, string>> =>
  first === "jail-keyed" ? modelNamed(model).about.differs : {};
