/** `jailyard compare-models`: one scenario under several models, and what differs, call by call. */
import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { resolvePackage } from "@jailyard/host/resolve";
import { LATE_LOADS, type LateLoad } from "@jailyard/kernel/lateload";
import { MODELS, type ModelName } from "@jailyard/kernel/model";
import { LIMIT_SCOPES, type LimitScope } from "@jailyard/kernel/usage";
import { compareModels } from "@jailyard/lab/models/compare";
import { isScenario, type Scenario } from "@jailyard/lab/models/scenario";
import { SHIPPED } from "@jailyard/lab/models/shipped";
import type { RunTool } from "@jailyard/lab/models/stage";
import type { ToolName } from "@jailyard/tools/names";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { comparisonText } from "./comparemodelstext.ts";
import { machine } from "./record.ts";
import { print, step, table } from "./terminal.ts";
import { runTool } from "./toolrun.ts";
import { UsageError } from "./usage.ts";

/** --fail-on-difference, and something differs: as a condition of `jailyard stress --fail`. */
const STATUS_DIFFERS = 8;
const MEASURE_MAX = 600;
/** What a scenario imports as "jailyard" where the package is not installed. */
const API = new URL(`./api.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url).href;

interface Options extends YardOptions {
  readonly models: readonly ModelName[];
  readonly lateLoad?: LateLoad | "own";
  readonly limits?: LimitScope | "own";
  readonly measure: number;
  readonly json?: boolean;
  readonly failOnDifference?: boolean;
}

const EXAMPLES = `
SCENARIO is one of these, or a module that exports one:

${table(
  ["scenario", "question"],
  [...SHIPPED].map(([name, { question }]) => [name, question]),
)}

A module says which jails there are and who calls what, one call after the other:

  import { IPC_CREAT, scenario } from "jailyard";
  export default scenario({
    question: "Do two jails that use one key meet?",
    jails: { web: {}, db: {} },
    async run({ host, web, db }) {
      const set = await web.semget(5432001, 1, IPC_CREAT | 0o600);
      await db.semop(set, [[0, 1]]);
      await host.tool("ipcs", "-sZ");
    },
  });

Objects are called #1, #2 by the step that first gave them. Each jail has name spaces of its own in the
model's own way and its root at /jails/NAME, unless its setup says otherwise. A call that fails does not
throw; its result has \`ok\`, and stands for an id. The processes also have as(uid), fork(name),
jail(name, setup), tool(name, ...args), postgres(), mysqld() and mysql(query). docs/questions.md shows
what comes of the shipped ones.

Exit status: 0 done, whether models differ or not; 1 the scenario failed; 2 asked for what cannot be;
8 something differs, with --fail-on-difference; 130 interrupted.

Examples:
  $ jailyard compare-models mysql-and-postgresql
  $ jailyard compare-models late-load --late-load deny --measure 0
  $ jailyard compare-models ./mine.ts --models jail-keyed,disjoint --json`;

function modelsArgument(text: string): ModelName[] {
  const names = text.split(",");
  const unknown = names.find((name) => !(MODELS as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `There is no model "${unknown}"; there are ${MODELS.join(", ")}.`,
    );
  }
  if (new Set(names).size < names.length) throw new InvalidArgumentError("A model is named twice.");
  return names as ModelName[];
}

function measureArgument(text: string): number {
  const seconds = Number(text);
  if (/^\d*\.?\d+$/.test(text) && seconds <= MEASURE_MAX) return seconds;
  throw new InvalidArgumentError(`It takes a number of seconds from 0 to ${MEASURE_MAX}.`);
}

export function addCompareModels(program: Command, run: (status: number) => void): void {
  const command = program
    .command("compare-models")
    .description("run a scenario under each model, and show what differs")
    .argument("<scenario>", "name of a shipped one, or a module that exports one")
    .addOption(
      new Option("--models <names>", "which, the one to compare with first")
        .argParser(modelsArgument)
        .default(MODELS, MODELS.join(",")),
    )
    .addOption(
      new Option(
        "--late-load <policy>",
        "what jails get that were there before a module; own: as each original (default: the scenario's)",
      ).choices([...LATE_LOADS, "own"]),
    )
    .addOption(
      new Option(
        "--limits <whose>",
        "whose use counts against a limit; own: as each original (default: the scenario's)",
      ).choices([...LIMIT_SCOPES, "own"]),
    )
    .addOption(
      new Option(
        "--measure <seconds>",
        "how long to measure cost and contention under each; 0: not",
      )
        .argParser(measureArgument)
        .default(1),
    )
    .option("--json", "all of it as JSON on stdout")
    .option("--fail-on-difference", "exit with 8 if any outcome differs")
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, options: Options) => run(await compare(name, options)));
  addYardOptions(command);
}

const tool: RunTool = async (yard, name, args, jail) => {
  const lines: string[] = [];
  const request = { tool: name as ToolName, args, ...(jail !== undefined && { jail }) };
  const status = await runTool(yard, request, (said) =>
    lines.push("line" in said ? said.line : said.stderr),
  );
  return { status, lines };
};

async function compare(name: string, options: Options): Promise<number> {
  const { models, lateLoad, limits, measure, json } = options;
  const scenario = SHIPPED.get(name) ?? (await loadScenario(name));
  const how = {
    ...{ models, seconds: measure },
    ...(lateLoad && { lateLoad }),
    ...(limits && { limitScope: limits }),
  };
  const result = await watched(name, json === true, (say) =>
    listening(options, (cx) => compareModels(cx, name, scenario, how, tool, say)),
  );
  if (json === true) print(JSON.stringify({ ...machine(), ...result }, null, 2));
  else print(comparisonText(result));
  const differs = [...result.steps, ...result.seen].some((row) => row.differs);
  return differs && options.failOnDifference === true ? STATUS_DIFFERS : 0;
}

/** On a terminal it shows under which model the scenario is. */
function watched<T>(
  name: string,
  quiet: boolean,
  work: (say: (text: string) => void) => Promise<T>,
): Promise<T> {
  return quiet || process.stdout.isTTY !== true ? work(() => {}) : step(name, work);
}

/** @throws UsageError if there is no such file, or it exports no scenario */
async function loadScenario(file: string): Promise<Scenario> {
  if (!existsSync(file) || !statSync(file).isFile()) {
    const known = [...SHIPPED.keys()].join(", ");
    throw new UsageError(`there is no scenario and no file ${file}; scenarios are ${known}`);
  }
  resolvePackage(API);
  const module = (await import(pathToFileURL(resolve(file)).href).catch((error: Error) => {
    throw new UsageError(`${file}: ${error.message.split("\n")[0]}`);
  })) as { default?: unknown };
  if (isScenario(module.default)) return module.default;
  throw new UsageError(
    `${file} has no scenario: write \`export default scenario({ question, jails, run })\``,
  );
}
