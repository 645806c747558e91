/** `jailyard top`: a yard that is up, again and again; on a terminal full screen, in a pipe as lines. */
import { setTimeout as delay } from "node:timers/promises";
import type { YardSample } from "@jailyard/abi/yardsample";
import { COLUMNS, rowsOf, VIEWS, type View } from "@jailyard/lab/top/columns";
import { type Look, lookAt } from "@jailyard/lab/top/look";
import { type Command, InvalidArgumentError, Option } from "commander";
import { interrupted, interruptStatus } from "./interrupt.ts";
import { print, printError } from "./terminal.ts";
import { choiceOf, columnNamed, firstState, INTERVAL, sortedBy, type TopState } from "./topkeys.ts";
import { plainLines } from "./topscreen.ts";
import { TopSession } from "./topsession.ts";
import { AbsentError, UsageError, whole } from "./usage.ts";
import { askSample, NotUpError } from "./yardclient.ts";

const EXAMPLES = `
Keys: 1 jails, 2 locks, 3 sleepers and whom they wait for, 4 limits; < > or o sort, r reverses; / filters,
i leaves out what is idle, t makes a tree of sleepers, c shows totals; p pauses, s sets the interval;
? shows all keys, and what the columns mean; q quits.

Figures are those a second since the last look. WAIT is seconds waited a second, which is how many
processes waited on average; CAUSED is what a jail made others wait. docs/top.md has a screen of each view.

In a pipe, or with --batch, the views are plain lines: one sample over --interval, or -n of them.

Examples:
  $ jailyard top                                of the yard that runs, such as \`jailyard stress\`
  $ jailyard top --yard lab --view sleepers
  $ jailyard top --batch -n 3 -s 1 --view locks -o avg
  $ jailyard top --json -n all | jq .calls      a line of JSON for each sample

Exit status: 0 done, or quit; 2 asked for what cannot be; 3 no such yard, or it went down in a pipe;
130 interrupted in a pipe, 143 by SIGTERM.`;

interface TopOptions {
  readonly yard?: string;
  readonly view?: View;
  readonly interval: number;
  readonly delay?: number;
  readonly samples?: number;
  readonly sort?: string;
  readonly reverse?: boolean;
  readonly filter?: string;
  readonly busy?: boolean;
  readonly tree?: boolean;
  readonly totals?: boolean;
  readonly rows: number;
  readonly batch?: boolean;
  readonly json?: boolean;
}

const ROWS_MAX = 100_000;

export function addTop(program: Command, run: (status: number) => void): void {
  program
    .command("top")
    .description("watch jails, locks, sleepers and limits of a yard that is up")
    .option("--yard <name>", "which one, if several are")
    .addOption(
      new Option("--view <what>", "what to show (default: jails; all in JSON)").choices(VIEWS),
    )
    .option("-s, --interval <seconds>", "between two looks", interval, INTERVAL.usual)
    .addOption(new Option("-d, --delay <seconds>", "the same").argParser(interval).hideHelp())
    .option("-o, --sort <column>", "numbers largest first, words by the alphabet")
    .option("-r, --reverse", "in reverse order")
    .option("-f, --filter <text>", "rows of which a word has this in it")
    .option("-i, --busy", "leave out what does nothing")
    .option("-t, --tree", "sleepers below whom they wait for")
    .option("-c, --totals", "since the yard began, and not a second")
    .option("-b, --batch", "plain lines, also on a terminal")
    .option("-n, --samples <n>", "how many, or all, until the yard ends (default: 1)", samples)
    .option("--rows <n>", "most rows of a plain sample", whole(1, ROWS_MAX), ROWS_MAX)
    .option("--json", "a line of JSON for each sample")
    .addHelpText("after", EXAMPLES)
    .action(async (options: TopOptions) => run(await runTop(options)));
}

function interval(text: string): number {
  const value = Number(text);
  const { least, most } = INTERVAL;
  if (/^\d*\.?\d+$/.test(text) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It takes a number of seconds from ${least} to ${most}.`);
}

const samples = (text: string): number =>
  text === "all" ? Number.POSITIVE_INFINITY : whole(1, 1_000_000)(text);

async function runTop(options: TopOptions): Promise<number> {
  const state = stateOf(options);
  const isPlain = options.batch === true || options.json === true || !isScreen();
  if (!isPlain && options.samples !== undefined) {
    throw new UsageError("-n counts samples of plain lines: add --batch or --json");
  }
  const first = await firstSample(options.yard);
  if (isPlain) return batch(first, state, options);
  await new TopSession(options.yard, first, state).run();
  return interrupted.aborted ? interruptStatus() : 0;
}

const isScreen = (): boolean =>
  process.stdin.isTTY === true && process.stdout.isTTY === true && process.env.TERM !== "dumb";

/** @throws UsageError for a column that the view does not have */
function stateOf(options: TopOptions): TopState {
  const {
    view = "jails",
    sort,
    reverse = false,
    filter = "",
    busy = false,
    tree = false,
  } = options;
  const span = options.totals === true ? "totals" : "interval";
  const seconds = options.delay ?? options.interval;
  const state = firstState({ view, filter, busy, tree, span, seconds });
  if (tree && view !== "sleepers") throw new UsageError("--tree goes with --view sleepers");
  const { sort: usual } = choiceOf(state);
  if (sort === undefined) return reverse ? sortedBy(state, usual, true) : state;
  const column = columnNamed(view, sort);
  if (column !== undefined) return sortedBy(state, column.key, reverse);
  const keys = COLUMNS[view].map(({ key }) => key).join(", ");
  throw new UsageError(`--sort ${sort}: ${view} have no such column; there are ${keys}`);
}

/** A command that listens will have a yard: it is waited for. */
async function firstSample(yard: string | undefined): Promise<YardSample> {
  for (let told = false; ; told = true) {
    try {
      return await askSample(yard, interrupted);
    } catch (error) {
      if (!(error instanceof NotUpError)) throw error;
      if (!told) printError("the yard is not up yet; waiting for it, Ctrl-C ends that");
      await delay(200, null, { signal: interrupted }).catch(() => {});
    }
  }
}

/** Each sample is of the time since the last one. */
async function batch(first: YardSample, state: TopState, options: TopOptions): Promise<number> {
  const { samples: most = 1 } = options;
  let before = first;
  for (let n = 0; n < most; n++) {
    await delay(state.seconds * 1000, null, { signal: interrupted }).catch(() => {});
    const now = await nextSample(before, options.yard);
    const look = lookAt(now, before, state.span);
    before = now;
    if (options.json === true) print(JSON.stringify(record(look, state, options)));
    else print(`${n === 0 ? "" : "\n"}${plainLines(look, state, options.rows).join("\n")}`);
  }
  return 0;
}

/** Of the yard that was there before; if it runs no more, that is an end. */
async function nextSample(before: YardSample, yard: string | undefined): Promise<YardSample> {
  try {
    return await askSample(yard ?? before.yard, interrupted);
  } catch (error) {
    if (!(error instanceof AbsentError) || error instanceof NotUpError) throw error;
    throw new AbsentError(`yard ${before.yard} went down`);
  }
}

/** Rows of all views, or of the one that was asked for. */
function record(look: Look, state: TopState, { view, rows }: TopOptions): object {
  const { sample, jails, locks, sleepers, limits, ...figures } = look;
  const { yard, manner, stats, lockCount, waitingCount, deadlocks, deadlockCount } = sample;
  const shown = (view === undefined ? VIEWS : [view]).map((one) => {
    const choice = choiceOf({ ...state, view: one });
    return [one, rowsOf(look, choice).slice(0, rows)] as const;
  });
  return {
    ...{ date: new Date().toISOString(), yard, manner, stats, up: sample.atNanos / 1e9 },
    ...{ ...figures, lockCount, waitingCount, deadlockCount, deadlocks },
    ...Object.fromEntries(shown),
  };
}
