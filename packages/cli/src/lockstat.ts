/** `jailyard lockstat`: locks of a run, or of a yard that is up, in the columns of FreeBSD's lock profiling. */
import { lockText } from "@jailyard/abi/contention";
import {
  eventsTallied,
  SORTS,
  type SortName,
  sorted,
  tallied,
  VIEWS,
  type View,
} from "@jailyard/lab/stress/lockstat";
import { readRun } from "@jailyard/lab/stress/readrun";
import { type Command, Option } from "commander";
import { interrupted } from "./interrupt.ts";
import { dim, print, table } from "./terminal.ts";
import { UsageError, whole } from "./usage.ts";
import { askLocks, type Known } from "./yardclient.ts";

const EXAMPLES = `
Columns, times in microseconds, as LOCK_PROFILING(9) has them:
  max, wait_max    the longest time that it was held, and waited for
  total            held in all; 0 unless --stats full timed holds
  wait_total       waited in all
  count            times that it was taken; of a jail: that it waited, or held where holds are timed
  avg, wait_avg    total by holds, wait_total by waits
  cnt_hold         somebody came while it was held; of a jail: while this jail held it
  cnt_lock         it was held already when somebody came
  queue, owners    longest queue, and changes of owner; ours

Waits that nobody is known to have caused count in wait_total, and in neither cnt_hold nor cnt_lock;
docs/measuring.md says what each figure means.

Examples:
  $ jailyard stress --workload convoy --json run.json && jailyard lockstat run.json
  $ jailyard lockstat run.json --by jail --sort wait_max
  $ jailyard lockstat run.json --by event       waits as programs call them, such as LWLock:WALWrite
  $ jailyard lockstat --live                    of the yard that runs, such as \`jailyard up\`
  $ jailyard lockstat --live --by point --json

Exit status: 0 done; 2 asked for what cannot be, or no such file; 3 no such yard; 130 interrupted.`;

interface LockstatOptions {
  readonly live?: boolean;
  readonly yard?: string;
  readonly sort: SortName;
  readonly by: View;
  readonly count: number;
  readonly json?: boolean;
}

export function addLockstat(program: Command, run: (status: number) => void): void {
  program
    .command("lockstat")
    .description("show what was waited for, as FreeBSD's lock profiling does")
    .argument("[file]", "run file of `jailyard stress --json`")
    .option("--live", "of a yard that is up, and not of a file")
    .option("--yard <name>", "which one, if several are")
    .addOption(new Option("--by <what>", "a row for each of these").choices(VIEWS).default("lock"))
    .addOption(new Option("--sort <column>", "largest first").choices(SORTS).default("wait_total"))
    .option("--count <n>", "most rows", whole(1, 100_000), 50)
    .option("--json", "rows as JSON on stdout")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, options: LockstatOptions) => {
      const { by, sort } = options;
      const { locks, events } = await knownOf(file, options);
      const rows = sorted(by === "event" ? eventsTallied(events) : tallied(locks, by), sort);
      printRows(rows, options);
      run(0);
    });
}

async function knownOf(file: string | undefined, { live, yard }: LockstatOptions): Promise<Known> {
  if (live === true && file === undefined) return askLocks(yard, interrupted);
  if (live === true) throw new UsageError(`--live or ${file}: choose one of them`);
  if (file === undefined) throw new UsageError("lockstat of what? Name a run file, or give --live");
  if (yard !== undefined) throw new UsageError("--yard goes with --live, not with a file");
  const { locks, waitEvents: events = [] } = readRun(file);
  if (locks !== undefined) return { locks, events };
  throw new UsageError(`${file} says nothing of locks: an older jailyard wrote it; run it again`);
}

type Row = ReturnType<typeof tallied>[number];

function printRows(rows: readonly Row[], { count, json }: LockstatOptions): void {
  const shown = rows.slice(0, count);
  if (json === true) return print(JSON.stringify(shown, null, 2));
  if (shown.length === 0) return print("Nothing of the kind was taken or waited for.");
  const heads = [
    ...[">max", ">wait_max", ">total", ">wait_total", ">count", ">avg", ">wait_avg"],
    ...[">cnt_hold", ">cnt_lock", ">queue", ">owners", "name"],
  ];
  print(table(heads, shown.map(cells)));
  const left = rows.length - shown.length;
  if (left > 0) print(dim(`  and ${left} more: --count ${rows.length} shows them`));
}

function cells(row: Row): string[] {
  const numbers = [
    ...[row.max, row.wait_max, row.total, row.wait_total, row.count, row.avg, row.wait_avg],
    ...[row.cnt_hold, row.cnt_lock, row.queue, row.owners],
  ];
  const of = [row.mechanism, row.jail].filter((word) => word !== null).join(":");
  const name = of === row.name ? row.name : `${lockText(row)} (${of})`;
  return [...numbers.map((n) => String(Math.round(n))), name];
}
