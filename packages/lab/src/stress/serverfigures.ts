/** What PostgreSQL servers count beside transactions, and what a database administrator makes of it. */
import type { ResultRecord, WaitCounts } from "@jailyard/workload/postgres/records";
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
  "LWLock:WALWrite": "the write-ahead log to be flushed",
  "LWLock:WALInsert": "room in the write-ahead log",
  "LWLock:LockManager": "the table of locks",
  "LWLock:BufferContent": "a page that others change",
  "LWLock:ProcArray": "the list of running transactions",
};
/** Waits that are spoken of: how many, and from which share on. */
const TOLD = { most: 3, least: 0.02 } as const;

export function serverSentences(server: ServerFigures): string[] {
  return [waitSentence(server), semaphoreSentence(server), ...mishaps(server)].filter(
    (text) => text !== null,
  );
}

function waitSentence({ waits, transactions }: ServerFigures): string | null {
  const all = Object.entries(waits).sort(([, a], [, b]) => b.micros - a.micros);
  const total = all.reduce((sum, [, { micros }]) => sum + micros, 0);
  if (total === 0 || transactions === 0) return null;
  const told = all
    .filter(([, { micros }]) => micros >= total * TOLD.least)
    .slice(0, TOLD.most)
    .map(([event, { micros }]) => {
      const share = `${figureText((100 * micros) / total)} %`;
      return WORDS[event] === undefined
        ? `${share} for ${event}`
        : `${share} for ${WORDS[event]} (${event})`;
    });
  return (
    `A transaction waited ${timeText(total / 1000 / transactions)} for locks on average: ` +
    `${told.join(", ")}.`
  );
}

function semaphoreSentence({
  sleeps,
  latchSignals,
  fsyncs,
  transactions,
}: ServerFigures): string | null {
  if (transactions === 0) return null;
  const each = (n: number): string => figureText(n / transactions);
  return (
    `Of System V calls a transaction made ${each(sleeps)} semop that sleep, each woken by another; ` +
    `row locks took ${each(latchSignals)} signals instead, and the log ${each(fsyncs)} flushes.`
  );
}

function mishaps(server: ServerFigures): string[] {
  const { deadlocks, crashes, lost, aborted, checkpoints, vacuums } = server;
  const times = (n: number): string => (n === 1 ? "once" : `${n.toLocaleString("en-US")} times`);
  const told: [number, string][] = [
    [deadlocks, `Deadlocks were found ${times(deadlocks)}; ${aborted} transactions were aborted.`],
    [crashes, `Servers reinitialised after the death of a process ${times(crashes)}.`],
    [lost, `Clients that had lost their connection and had none at the end: ${lost}.`],
    [checkpoints, `Checkpoints while clients worked: ${checkpoints}.`],
    [vacuums, `Rounds of autovacuum workers: ${vacuums}.`],
  ];
  return told.filter(([n]) => n > 0).map(([, text]) => text);
}
