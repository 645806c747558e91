/** What PostgreSQL servers count beside transactions, and what a database administrator makes of it. */
import type { ResultRecord, WaitCounts } from "@jailyard/workload/postgres/records";
import type { OptionValue } from "@jailyard/workload/stress/about";
import { figureText, timeText } from "./figuretext.ts";

const COUNTS = [
  "semops",
  "sleeps",
  "latchSignals",
  "fsyncs",
  "deadlocks",
  "checkpoints",
  "vacuums",
  "crashes",
  "aborted",
  "lost",
] as const;

/** Sums over all servers of a workload. */
export type ServerFigures = Readonly<Record<(typeof COUNTS)[number], number>> & {
  readonly transactions: number;
  /** By wait event, in microseconds. */
  readonly waits: Readonly<Record<string, WaitCounts>>;
};

export function withServer(sum: ServerFigures | null, result: ResultRecord): ServerFigures {
  const waits: Record<string, WaitCounts> = { ...sum?.waits };
  for (const [event, { waits: n, micros }] of Object.entries(result.waits)) {
    const old = waits[event] ?? { waits: 0, micros: 0 };
    waits[event] = { waits: old.waits + n, micros: old.micros + micros };
  }
  const counts = Object.fromEntries(
    COUNTS.map((name) => [name, (sum?.[name] ?? 0) + result[name]]),
  );
  const transactions = (sum?.transactions ?? 0) + result.transactions;
  return { ...(counts as Record<(typeof COUNTS)[number], number>), transactions, waits };
}

/** Wait events in words. */
export const WORDS: Readonly<Record<string, string>> = {
  "Lock:transactionid": "another transaction that has changed the same row",
  "Lock:tuple": "their turn at a row that several want",
  "LWLock:WALWrite": "another backend that flushes the write-ahead log",
  "LWLock:WALInsert": "room in the write-ahead log",
  "LWLock:LockManager": "the table of locks",
  "LWLock:BufferContent": "a page that others change",
  "LWLock:ProcArray": "the list of running transactions",
  "IPC:ProcArrayGroupUpdate": "another backend that ends their transaction with its own",
  "IPC:XactGroupUpdate": "another backend that notes their commit with its own",
  "LWLock:XidGen": "the next transaction number",
  "LWLock:XactSLRU": "the note of which transactions committed",
  "LWLock:BufferMapping": "the table of which pages are in memory",
  "LWLock:LockFastPath": "a backend's own short table of locks",
  "LWLock:ControlFile": "the note of the last checkpoint",
  "LWLock:CheckpointerComm": "the list of files to flush at a checkpoint",
  "IO:WALSync": "the disk, to flush the write-ahead log",
  "IO:DataFileSync": "the disk, to flush tables at a checkpoint",
  "IO:ControlFileSync": "the disk, to note a checkpoint",
};
/** Waits that are spoken of: how many, and from which share on. */
const TOLD = { most: 3, least: 0.02 } as const;
/** From this share of all waiting on, clients queue for rows and little else. */
const ROW_BOUND = 0.5;

const SCRIPTS: Readonly<Record<string, string>> = {
  tpcb: "TPC-B-like",
  "simple-update": "simple update",
  "select-only": "select only",
};

/** What ran, as pgbench's report begins: `TPC-B-like, scale 1, fsync on`. */
export function loadText({ script, scale, fsync }: Readonly<Record<string, OptionValue>>): string {
  return `${SCRIPTS[script]}, scale ${scale}, fsync ${fsync}`;
}

type Options = Readonly<Record<string, OptionValue>>;

/** `clients` of each server. */
export function serverSentences(
  server: ServerFigures,
  options: Options,
  clients: number,
): string[] {
  return [
    waitSentence(server),
    rowSentence(server, options, clients),
    semaphoreSentence(server),
    ...mishaps(server),
  ].filter((text) => text !== null);
}

const microsOf = (waits: ServerFigures["waits"], kind = ""): number =>
  Object.entries(waits).reduce(
    (sum, [event, { micros }]) => sum + (event.startsWith(kind) ? micros : 0),
    0,
  );

function waitSentence({ waits, transactions }: ServerFigures): string | null {
  const total = microsOf(waits);
  if (total === 0 || transactions === 0) return null;
  const told = Object.entries(waits)
    .sort(([, a], [, b]) => b.micros - a.micros)
    .filter(([, { micros }]) => micros >= total * TOLD.least)
    .slice(0, TOLD.most)
    .map(([event, { micros }]) => {
      const share = `${figureText((100 * micros) / total)} %`;
      return WORDS[event] === undefined
        ? `${share} for ${event}`
        : `${share} for ${WORDS[event]} (${event})`;
    });
  return (
    `A transaction waited ${timeText(total / 1000 / transactions)} on average, by wait event: ` +
    `${told.join(", ")}.`
  );
}

/** Of TPC-B with few branches one figure says all, and it is no fault of the server. */
function rowSentence(
  { waits }: ServerFigures,
  { script, scale }: Options,
  clients: number,
): string | null {
  const rows = microsOf(waits, "Lock:") / microsOf(waits);
  if (script !== "tpcb" || clients <= Number(scale) || !(rows > ROW_BOUND)) return null;
  const branches = Number(scale) === 1 ? "the one row of branches" : `${scale} rows of branches`;
  return (
    `${clients} clients of a server update ${branches}, so they queue for it as with pgbench: ` +
    `--with postgres.scale=${clients} takes that queue away.`
  );
}

/** What of it the System V calls had to do with. */
function semaphoreSentence({
  sleeps,
  latchSignals,
  fsyncs,
  waits,
  transactions,
}: ServerFigures): string | null {
  if (transactions === 0) return null;
  const each = (n: number): string => figureText(n / transactions);
  const asleep = Object.entries(waits).filter(([event]) => sleepsInSemop(event, latchSignals));
  const [most] = asleep.sort(([, a], [, b]) => b.waits - a.waits);
  const why = most === undefined ? "" : `, most often for ${most[0]}`;
  const rows =
    latchSignals === 0
      ? ""
      : `; who waits for a row sleeps without one and is woken by a signal, ${each(latchSignals)} a transaction`;
  return (
    `On its System V semaphore a backend slept ${each(sleeps)} times a transaction${why}${rows}. ` +
    `The log was flushed ${each(fsyncs)} times a transaction.`
  );
}

/** Versions that signal latches do not sleep in semop for heavyweight locks. */
const sleepsInSemop = (event: string, latchSignals: number): boolean =>
  !event.startsWith("IO:") && !(latchSignals > 0 && event.startsWith("Lock:"));

function mishaps(server: ServerFigures): string[] {
  const { deadlocks, crashes, lost, aborted, checkpoints, vacuums } = server;
  const times = (n: number): string => (n === 1 ? "once" : `${n.toLocaleString("en-US")} times`);
  const told: [number, string][] = [
    [deadlocks, `Deadlocks were found ${times(deadlocks)}; aborted transactions: ${aborted}.`],
    [crashes, `Servers reinitialised after the death of a process ${times(crashes)}.`],
    [lost, `Clients that had lost their connection and had none at the end: ${lost}.`],
    [checkpoints, `Checkpoints while clients worked: ${checkpoints}.`],
    [vacuums, `Rounds of autovacuum workers: ${vacuums}.`],
  ];
  return told.filter(([n]) => n > 0).map(([, text]) => text);
}
