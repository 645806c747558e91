/**
 * `jailyard run postgres`, the main job: recordings of PostgreSQL replayed in jails, then the
 * collision of 2006, then private name spaces under load, then what ipcs sees of it.
 */
import type { Yard } from "@jailyard/host/yard";
import {
  type CollisionOptions,
  type RefusedRun,
  refusedRun,
  type SharedRun,
  sharedRun,
} from "@jailyard/lab/scenario/collision";
import type { Context } from "@jailyard/lab/scenario/inyard";
import { shippedTraces } from "@jailyard/lab/scenario/modules";
import { type PrivateRun, privateLimits, privateRun } from "@jailyard/lab/scenario/private";
import { type FileReplay, loadRecordings, replayAll } from "@jailyard/lab/scenario/replays";
import { VERSIONS, type Version } from "@jailyard/workload/postgres/version";
import { entryOf } from "@jailyard/workload/replay/manifest";
import { nameOf } from "@jailyard/workload/replay/recording";
import { type Command, Option } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { printPrivate, printRefused, printShared } from "./postgrestext.ts";
import { effectiveLimits, machine, writeJson } from "./record.ts";
import { printReplays, replayProgress } from "./replay.ts";
import { bold, count, dim, plural, print, step } from "./terminal.ts";
import { tool } from "./toolrun.ts";
import { checkWritable, limitSettings, secondsUpTo, settingOption, whole } from "./usage.ts";

const JAILS = 8;
const BACKENDS = 8;
const SECONDS = 5;
const VERSION_DEFAULT = "9.6";
const LIMITS = { jails: 64, backends: 400, seconds: 3600, seed: 2 ** 31 - 1 } as const;

interface PostgresOptions extends YardOptions {
  readonly jails: number;
  readonly backends: number;
  readonly seconds: number;
  readonly postgres: Version;
  readonly seed: number;
  readonly set?: readonly string[];
  readonly json?: string;
}

const EXAMPLES = `
1. Replay: System V calls recorded from PostgreSQL, in all jails at once, every result checked.
2. 2006: PostgreSQL 8.1 in jails that share one name space, and what the second does to the first.
3. Private: the same with a name space for each jail, under load, with the version you choose.
4. What ipcs shows, on the host and in a jail.

-o sets limits of step 3; without it they are made large enough. Too small, they fail as they did.

Examples:
  $ jailyard run postgres
  $ jailyard run postgres --jails 4 --backends 16 --seconds 20 --postgres 18
  $ jailyard run postgres -o kern.ipc.semmns=340     two servers fit, the third does not
  $ jailyard run postgres --json result.json`;

export function addRunPostgres(runCommand: Command, run: (status: number) => void): void {
  const command = runCommand
    .command("postgres")
    .description("the main job: PostgreSQL in jails, replayed, colliding, and side by side")
    .option("--jails <n>", "jails, with a server in each", whole(1, LIMITS.jails), JAILS)
    .option("--backends <n>", "clients of each server", whole(1, LIMITS.backends), BACKENDS)
    .option(
      "--seconds <t>",
      "how long the load of step 3 lasts",
      secondsUpTo(LIMITS.seconds),
      SECONDS,
    )
    .addOption(
      new Option("--postgres <version>", "version that step 3 simulates")
        .choices(VERSIONS)
        .default(VERSION_DEFAULT),
    )
    .option("--seed <n>", "seed of the load", whole(0, LIMITS.seed), 1)
    .addOption(settingOption())
    .option("--json <file>", "write everything to this file")
    .addHelpText("after", EXAMPLES)
    .action(async (options: PostgresOptions) => run(await runPostgres(options)));
  addYardOptions(command);
}

/** What ipcs printed halfway through step 3. */
interface Views {
  readonly host: readonly string[];
  readonly jail: readonly string[];
}

interface Outcome {
  readonly replays: readonly FileReplay[];
  readonly shared: SharedRun;
  readonly refused: RefusedRun;
  readonly priv: PrivateRun;
  readonly views: Views | null;
}

async function runPostgres(options: PostgresOptions): Promise<number> {
  if (options.json !== undefined) checkWritable(options.json);
  const limits = limitSettings(options.set);
  const started = performance.now();
  const outcome = await listening(options, (cx) => allSteps(cx, options, limits));
  const passed = hasPassed(outcome);
  const seconds = (performance.now() - started) / 1000;
  if (options.json !== undefined) writeJson(options.json, recordOf(options, outcome, seconds));
  print(`\n${bold(passed ? "Done" : "Failed")} in ${seconds.toFixed(1)} s.`);
  return passed ? 0 : 1;
}

const hasPassed = ({ replays, shared, refused, priv }: Outcome): boolean =>
  replays.every((one) => one.passed) &&
  (shared.collision !== null || shared.instances.length < 2) &&
  refused.instances.every(({ started }) => !started) &&
  priv.passed;

async function allSteps(
  cx: Context,
  options: PostgresOptions,
  limits: Readonly<Record<string, number>>,
): Promise<Outcome> {
  const replays = await replayStep(cx, options);
  const { shared, refused } = await collisionStep(cx, options);
  const { priv, views } = await privateStep(cx, options, limits);
  printViews(views);
  return { replays, shared, refused, priv, views };
}

/** PostgreSQL 15 with room enough: they share a yard. `jailyard replay` has all recordings. */
const isMain = (file: string): boolean =>
  nameOf(file).startsWith("pg15-") && entryOf(file).limits === undefined;

async function replayStep(cx: Context, { jails }: PostgresOptions): Promise<FileReplay[]> {
  const recordings = loadRecordings(shippedTraces().filter(isMain));
  const title = `1. Replay: ${recordings.length} recordings of real PostgreSQL 15 servers in ${plural(jails, "jail")}`;
  const replays = await step(bold(title), (say) =>
    replayAll(cx, recordings, jails, (at) => say(replayProgress(at))),
  );
  printReplays(replays);
  return replays;
}

async function collisionStep(
  cx: Context,
  { jails, backends, seed }: PostgresOptions,
): Promise<Pick<Outcome, "shared" | "refused">> {
  const options: CollisionOptions = { jails, backends, seed };
  print();
  const servers = `${plural(jails, "PostgreSQL 8.1 server")} on port 5432 in ${plural(jails, "jail")}`;
  const shared = await step(bold(`2. 2006: ${servers}, one System V name space for all`), (say) =>
    sharedRun(cx, options, say),
  );
  printShared(shared);
  print();
  const refused = await step(bold("The same with security.jail.sysvipc_allowed=0"), () =>
    refusedRun(cx, options),
  );
  printRefused(refused);
  return { shared, refused };
}

async function privateStep(
  cx: Context,
  options: PostgresOptions,
  limits: Readonly<Record<string, number>>,
): Promise<Pick<Outcome, "priv" | "views">> {
  const { jails, backends, seconds, postgres: version, seed } = options;
  const all = { jails, backends, seconds, version, seed, limits };
  const servers = `${plural(jails, `PostgreSQL ${version} server`)} on port 5432`;
  let views: Views | null = null;
  print();
  const priv = await step(bold(`3. Private: ${servers}, a name space for each jail`), (say) =>
    privateRun(
      cx,
      all,
      ({ ready, transactions }) =>
        say(`${ready} of ${jails} accept connections, ${count(transactions)} transactions`),
      async (yard) => {
        views = await lookAround(yard);
      },
    ),
  );
  printPrivate(priv, all);
  return { priv, views };
}

async function lookAround(yard: Yard): Promise<Views> {
  const [first] = yard.jails.values();
  const host = await tool(yard, "ipcs", "-Z");
  const jail = await tool(yard, "jexec", first.name, "ipcs");
  return { host: [...host.out], jail: [...jail.out] };
}

/** Rows of one kind of object that are shown; `--json` has all of them. */
const ROWS_SHOWN = 12;

function printViews(views: Views | null): void {
  if (views === null) return;
  print();
  print(bold("4. Seen by ipcs, halfway through step 3"));
  print("\n  On the host, `ipcs -Z`: every object, with its jail");
  printView(views.host);
  print("\n  In jail1, `ipcs`: its own only");
  printView(views.jail);
}

function printView(lines: readonly string[]): void {
  for (const line of shortened(lines)) print(line === "" ? "" : `  ${line}`);
}

/** Lists cut to the first rows, and a line for those left out; no empty line at the end. */
function shortened(lines: readonly string[]): string[] {
  const out: string[] = [];
  let rows = 0;
  for (const line of lines) {
    const isRow = /^[qms] /.test(line);
    if (!isRow && rows > ROWS_SHOWN) out.push(dim(`… and ${rows - ROWS_SHOWN} more`));
    rows = isRow ? rows + 1 : 0;
    if (rows <= ROWS_SHOWN) out.push(line);
  }
  return out.at(-1) === "" ? out.slice(0, -1) : out;
}

function recordOf(options: PostgresOptions, outcome: Outcome, seconds: number): object {
  const { jails, backends, postgres, placement, seed } = options;
  const { replays, shared, refused, priv, views } = outcome;
  const load = { jails, backends, seconds: options.seconds, version: postgres, seed };
  const limits = effectiveLimits(privateLimits({ ...load, limits: limitSettings(options.set) }));
  const settings = { jails, backends, seconds: options.seconds, postgres, placement, limits };
  return {
    job: "run postgres",
    ...machine(),
    seed,
    settings,
    seconds,
    passed: hasPassed(outcome),
    replay: replays,
    collision: { model: "flat", postgres: "8.1", allowed: shared, denied: refused },
    private: { model: "jail-keyed", ...priv },
    ipcs: views,
  };
}
