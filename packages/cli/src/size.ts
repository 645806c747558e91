/** `jailyard size`: the settings that PostgreSQL servers in jails need, or which one breaks first. */
import { hostFileOf, readHostSettings } from "@jailyard/lab/scenario/hostconf";
import { type Break, firstBreak } from "@jailyard/lab/sizing/breaks";
import { demandOf, type ServerPlan } from "@jailyard/lab/sizing/demand";
import {
  type Given,
  limitsOf,
  NOTHING_GIVEN,
  withSettings,
  withWord,
} from "@jailyard/lab/sizing/given";
import { leastLimits, leastRules } from "@jailyard/lab/sizing/least";
import { confLines, leastGiven } from "@jailyard/lab/sizing/lines";
import { agrees, type Seen, startServers } from "@jailyard/lab/sizing/verify";
import { VERSIONS, type Version } from "@jailyard/workload/postgres/version";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addYardOptions, listening, type YardOptions } from "./command.ts";
import { breakSentence, printGiven, printLeast, printVerified } from "./sizetext.ts";
import { print } from "./terminal.ts";
import { UsageError, whole } from "./usage.ts";

interface SizeOptions extends YardOptions {
  readonly instances: number;
  readonly maxConnections: number;
  readonly postgres: Version;
  readonly autovacuumMaxWorkers?: number;
  readonly maxWorkerProcesses?: number;
  readonly maxWalSenders?: number;
  readonly sharedBuffers?: number;
  readonly sharedMemoryType?: "sysv" | "mmap";
  readonly given?: readonly string[];
  readonly rctl?: boolean;
  readonly all?: boolean;
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** What is said of one question; `--json` prints it. */
export interface Sizing {
  readonly plan: ServerPlan;
  readonly demand: ReturnType<typeof demandOf>;
  /** null: the question is for the least settings. */
  readonly given: Given | null;
  /** Of what is given, or of FreeBSD's defaults. */
  readonly breaks: Break | null;
  readonly verified: { readonly seen: Seen | null; readonly agrees: boolean } | null;
}

const STATUS_BREAKS = 1;
const STATUS_DISAGREES = 4;
/** A thread each. */
const VERIFY_MAX = 200;

const EXAMPLES = `
Prints the least kern.ipc.* settings with which all servers start, each in a jail of its own, ready
for loader.conf, sysctl.conf and jail.conf. With --given, says whether those settings suffice, and
if not which breaks first: at which server, at which call, and why. --given takes NAME=VALUE of
kern.ipc.*, nsem=N, nshm=N or shmsize=N for a rule of rctl on each jail, and paths of a loader.conf
or a sysctl.conf; it may be repeated, the last word counts. --verify does not take this command's
word for it: it starts exactly these servers in a yard, under exactly these settings.

Versions from 10 on use System V semaphores only where they were built to.

Examples:
  $ jailyard size --instances 40 --max-connections 200
  $ jailyard size --instances 3 --given kern.ipc.semmni=50 --verify
  $ jailyard size --instances 8 --postgres 9.2 --shared-buffers 128MB --given /etc/sysctl.conf
  $ jailyard size --instances 40 --rctl --json

Exit status: 0 the settings suffice, or the least are printed; 1 they do not, or none can; 2 asked for
what cannot be; 4 with --verify, the run does not do what was predicted; 130 interrupted.`;

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

export function addSize(program: Command, run: (status: number) => void): void {
  const command = program
    .command("size")
    .description("the least settings that PostgreSQL servers in jails need, or which breaks first")
    .requiredOption("--instances <n>", "servers, each in a jail", whole(1, 10_000))
    .option("--max-connections <n>", "of each server", whole(1, 262_143), 100)
    .addOption(
      new Option("--postgres <version>", "version of all servers").choices(VERSIONS).default("9.6"),
    )
    .option("--autovacuum-max-workers <n>", "18: its worker slots", whole(1, 262_143))
    .option("--max-worker-processes <n>", "counted from 9.4 on", whole(0, 262_143))
    .option("--max-wal-senders <n>", "counted from 12 on", whole(0, 262_143))
    .option("--shared-buffers <size>", "pages of 8 kB, or as 128MB", buffers)
    .addOption(
      new Option("--shared-memory-type <type>", "where all but the interlock lies").choices([
        "mmap",
        "sysv",
      ]),
    )
    .addOption(
      new Option("--given <setting>", "NAME=VALUE, loader.conf or sysctl.conf").argParser(
        collect as never,
      ),
    )
    .option("--rctl", "also the least rules of rctl for each jail")
    .option("--all", "also lines for settings whose default is enough")
    .option("--verify", "start exactly these servers in a yard")
    .option("--json", "the answer as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action(async (options: SizeOptions) => run(await runSize(options)));
  addYardOptions(command);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, kB: 1 / 8, MB: 128, GB: 131_072 };

/** shared_buffers as postgresql.conf has it, in pages. */
function buffers(text: string): number {
  const [, digits, unit] = /^(\d+)(kB|MB|GB|)$/.exec(text) ?? [];
  const pages = Math.ceil(Number(digits) * UNITS[unit ?? ""]);
  if (!(pages >= 16 && pages <= 2 ** 30)) {
    throw new InvalidArgumentError("It takes at least 16 pages of 8 kB, as 1024, 128MB or 1GB.");
  }
  return pages;
}

async function runSize(options: SizeOptions): Promise<number> {
  const plan = planOf(options);
  checkPlan(plan, options);
  const given = options.given === undefined ? null : givenOf(options.given);
  const sizing: Sizing = {
    plan,
    demand: demandOf(plan),
    given,
    breaks: firstBreak(plan, limitsOf(given ?? NOTHING_GIVEN)),
    verified: options.verify === true ? await verified(plan, given, options) : null,
  };
  if (options.json === true) print(JSON.stringify(recordOf(sizing, options), null, 2));
  else report(sizing, options);
  return statusOf(sizing);
}

function planOf(options: SizeOptions): ServerPlan {
  const { postgres: version, instances, maxConnections } = options;
  const { maxWorkerProcesses, maxWalSenders, sharedBuffers, sharedMemoryType } = options;
  const { autovacuumMaxWorkers: autovacuumWorkers } = options;
  const rest = { autovacuumWorkers, maxWorkerProcesses, maxWalSenders };
  const all = { ...rest, sharedBuffers, sharedMemoryType };
  const said = Object.entries(all).filter(([, value]) => value !== undefined);
  return { version, instances, maxConnections, ...Object.fromEntries(said) };
}

/** @throws UsageError */
function checkPlan({ version, instances, sharedMemoryType }: ServerPlan, options: SizeOptions) {
  if (sharedMemoryType === "mmap" && (version === "8.1" || version === "9.2")) {
    throw new UsageError(`PostgreSQL ${version} has no other shared memory than sysv`);
  }
  if (options.verify === true && instances > VERIFY_MAX) {
    throw new UsageError(`--verify starts up to ${VERIFY_MAX} servers; ask for fewer instances`);
  }
}

/** @throws UsageError; SettingsError */
function givenOf(words: readonly string[]): Given {
  let given = NOTHING_GIVEN;
  for (const word of words) {
    const kind = word.includes("=") ? null : hostFileOf(word);
    if (word.includes("=")) given = withWord(given, word);
    else if (kind === "loader" || kind === "sysctl") {
      given = withSettings(given, readHostSettings(word, kind));
    } else {
      throw new UsageError(
        `--given ${word}: write NAME=VALUE, or a file named loader.conf or sysctl.conf`,
      );
    }
  }
  return given;
}

async function verified(
  plan: ServerPlan,
  given: Given | null,
  options: SizeOptions,
): Promise<Sizing["verified"]> {
  const settings = given ?? leastGiven(plan, options.rctl === true);
  if (leastLimits(plan).some(({ impossible }) => impossible) && given === null) return null;
  const seen = await listening(options, (cx) => startServers(cx, plan, settings));
  return { seen, agrees: agrees(firstBreak(plan, limitsOf(settings)), seen) };
}

function statusOf({ plan, given, breaks, verified: run }: Sizing): number {
  if (run !== null && !run.agrees) return STATUS_DISAGREES;
  if (given !== null) return breaks === null ? 0 : STATUS_BREAKS;
  return leastLimits(plan).some(({ impossible }) => impossible) ? STATUS_BREAKS : 0;
}

function report(sizing: Sizing, { rctl = false, all = false }: SizeOptions): void {
  if (sizing.given === null) printLeast(sizing, rctl, all);
  else printGiven(sizing);
  if (sizing.verified !== null) printVerified(sizing);
}

function recordOf(sizing: Sizing, { rctl = false, all = false }: SizeOptions): object {
  const { plan, breaks } = sizing;
  const why = breaks === null ? null : breakSentence(sizing, breaks);
  return {
    ...sizing,
    why,
    least: leastLimits(plan),
    rules: leastRules(plan),
    lines: Object.fromEntries(confLines(plan, rctl, all).map(({ file, lines }) => [file, lines])),
  };
}
