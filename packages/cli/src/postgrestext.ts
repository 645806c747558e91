/** What `jailyard run postgres` says about servers: the collision in words, the load as a table. */
import type {
  Collision,
  InstanceState,
  RefusedRun,
  Removed,
  SharedRun,
} from "@jailyard/lab/scenario/collision";
import type { PrivateInstance, PrivateOptions, PrivateRun } from "@jailyard/lab/scenario/private";
import { Histogram } from "@jailyard/workload/postgres/histogram";
import type { LogRecord, ResultRecord } from "@jailyard/workload/postgres/records";
import { count, dim, green, plural, print, red, table, wrapped } from "./terminal.ts";

const logLine = ({ level, text }: LogRecord): string => `${level}:  ${text}`;

export function printShared({ collision, instances }: SharedRun): void {
  print(dim("  security.jail.sysvipc_allowed=1, model flat (FreeBSD before 11), all as one user"));
  if (collision === null) {
    const why =
      instances.length < 2
        ? "One server alone meets nobody: use --jails 2 or more to see the collision."
        : "The second server removed nothing, which it should have: this is a failure.";
    return print(wrapped(why));
  }
  print();
  print(wrapped(storyOf(collision)));
  if (instances.length > 2) print(wrapped(REST));
  print();
  print(
    table(
      ["jail", ">pid", "state at the end", ">crashes", ">transactions", "its log"],
      instances.map(rowOf),
    ),
  );
}

const REST =
  "Each later server does the same to those before it, and one that restarts after its crash does it to them.";

/** The collision in one sentence: who removed what of whom, why, and what came of it. */
export function storyOf({ newcomer, victim, removed, failure }: Collision): string {
  const found = `the server that was starting in ${newcomer.jail} (pid ${newcomer.pid})`;
  const met = `met the live server of ${victim.jail} (pid ${victim.pid}) under its own keys`;
  const asked =
    `asked kill(${victim.pid}, 0) whether that owner lives, and was told ESRCH, "No such process", ` +
    `because a jail cannot see processes of another jail`;
  const end =
    failure === null
      ? `and ${victim.jail} has not noticed yet`
      : `and ${victim.jail} failed: ${logLine(failure)}`;
  const took = `so it took the live neighbour's ${objectsOf(removed)} for those of a dead server and removed them`;
  return `What happened: ${found} ${met}, ${asked}; ${took}, ${end}.`;
}

/** `shared memory segment (key 5432001) and 7 semaphore sets (keys 5432001 to 5432007)`. */
function objectsOf(removed: readonly Removed[]): string {
  const segments = removed.filter(({ what }) => what === "segment");
  const sets = removed.filter(({ what }) => what === "set");
  const parts = [listed(segments, "shared memory segment"), listed(sets, "semaphore set")];
  return parts.filter((part) => part !== "").join(" and ");
}

function listed(removed: readonly Removed[], noun: string): string {
  if (removed.length === 0) return "";
  const keys = removed.map(({ key }) => key).sort((a, b) => a - b);
  if (removed.length === 1) return `${noun} (key ${keys[0]})`;
  return `${plural(removed.length, noun)} (keys ${keys[0]} to ${keys.at(-1)})`;
}

function rowOf({ jail, pid, started, crashes, transactions, trouble }: InstanceState): string[] {
  const state = started ? (trouble.length > 0 ? "failed" : "alive") : "never started";
  const first = trouble.length === 0 ? "" : logLine(trouble[0]);
  return [jail, String(pid), state, count(crashes), count(transactions), first];
}

export function printRefused({ instances }: RefusedRun): void {
  const [first] = instances;
  const started = instances.filter((instance) => instance.started).length;
  if (started > 0) print(red(`  ${plural(started, "server")} started, and none should have.`));
  else
    print(
      wrapped(
        `No server starts: every System V call of a jail fails with ENOSYS. In ${first.jail}:`,
      ),
    );
  for (const line of first.trouble) print(wrapped(logLine(line), "    "));
}

const HEADS = [
  "jail",
  ">transactions",
  ">tps",
  ">p50 ms",
  ">p99 ms",
  ">max ms",
  ">semop",
  ">semctl",
  ">sleeps",
];

export function printPrivate(run: PrivateRun, options: PrivateOptions): void {
  const { backends, seconds } = options;
  print(
    dim(
      wrapped(
        `sysvshm=new sysvsem=new; TPC-B-like load of ${plural(backends, "backend")} a jail for ${seconds} s`,
      ),
    ),
  );
  printSet(run);
  const failed = run.instances.filter(({ trouble, error }) => trouble.length > 0 || error !== null);
  if (failed.length > 0) return printFailed(failed, run);
  const results = run.instances.flatMap(({ jail, result }) =>
    result === null ? [] : [{ jail, result }],
  );
  const rows = results.map(({ jail, result }) => loadRow(jail, result));
  print(table(HEADS, [...rows, totalRow(results.map(({ result }) => result))]));
  if (run.passed) print(`\n  ${green("All servers lived side by side and shut down cleanly.")}`);
  else print(`\n  ${red("Not every server came to a clean end.")}`);
}

/** Limits that are not FreeBSD's defaults. */
function printSet({ limits, semaphoreSets }: PrivateRun): void {
  const set = Object.entries(limits).map(([name, value]) => `${name}=${value}`);
  if (set.length === 0) return;
  const each = plural(semaphoreSets, "semaphore set");
  print(dim(wrapped(`each server makes ${each}, so the host has ${set.join(" ")}`)));
}

function printFailed(failed: readonly PrivateInstance[], { instances }: PrivateRun): void {
  print(red(`  ${failed.length} of ${plural(instances.length, "server")} failed:`));
  for (const { jail, trouble, error } of failed) {
    print(`  ${jail}`);
    for (const line of trouble) print(wrapped(logLine(line), "    "));
    if (error !== null) print(wrapped(`the simulation threw: ${error}`, "    "));
  }
}

const millis = (micros: number): string => (micros / 1000).toFixed(2);

function loadRow(jail: string, result: ResultRecord): string[] {
  const { transactions, tps, p50Micros, p99Micros, maxMicros, semops, semctls, sleeps } = result;
  return [
    jail,
    count(transactions),
    count(Math.round(tps)),
    ...[p50Micros, p99Micros, maxMicros].map(millis),
    ...[semops, semctls, sleeps].map(count),
  ];
}

/** Sums; the quantiles are those of all transactions together. */
function totalRow(results: readonly ResultRecord[]): string[] {
  const all = new Histogram();
  for (const { latency } of results) all.addRecord(latency);
  const sum = (field: "transactions" | "tps" | "semops" | "semctls" | "sleeps"): number =>
    results.reduce((total, result) => total + result[field], 0);
  return [
    "all",
    count(sum("transactions")),
    count(Math.round(sum("tps"))),
    ...[all.quantile(0.5), all.quantile(0.99), all.maxMicros].map(millis),
    ...(["semops", "semctls", "sleeps"] as const).map((field) => count(sum(field))),
  ];
}
