/** What an instance emits for whoever started it, and the counters behind that. */
import { Histogram, type HistogramRecord } from "./histogram.ts";
import type { Version } from "./version.ts";

export type LogLevel = "LOG" | "WARNING" | "ERROR" | "FATAL" | "PANIC" | "DETAIL" | "HINT";

/** A line of the server log. A DETAIL or HINT belongs to the line before it of the same pid. */
export interface LogRecord {
  readonly type: "log";
  readonly instance: string;
  readonly pid: number;
  readonly level: LogLevel;
  readonly text: string;
  /** The system call whose refusal the line tells of. */
  readonly refused?: Refused;
}

export interface Refused {
  readonly syscall: string;
  /** ENOSPC. */
  readonly code: string;
  /** Rule and limit, as of SysError. */
  readonly reason: string;
}

/** The server accepts connections; again after each crash restart. */
export interface ReadyRecord {
  readonly type: "ready";
  readonly instance: string;
  readonly pid: number;
}

/** About four times a second: totals since the start. */
export interface ProgressRecord {
  readonly type: "progress";
  readonly instance: string;
  readonly transactions: number;
  readonly sleeps: number;
}

/** How often processes waited for a lock of this name, and how long in all. [PG-58] */
export interface WaitCounts {
  waits: number;
  micros: number;
}

export interface ClientRecord {
  readonly client: number;
  readonly transactions: number;
  readonly aborted: number;
  readonly semops: number;
  readonly semctls: number;
  readonly sleeps: number;
}

/** Once, before the end of an instance that had clients. */
export interface ResultRecord {
  readonly type: "result";
  readonly instance: string;
  readonly version: Version;
  /** From `ready` to the end of the last client, without the shutdown. */
  readonly seconds: number;
  readonly transactions: number;
  readonly tps: number;
  readonly aborted: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly maxMicros: number;
  readonly latency: HistogramRecord;
  /** Calls of all processes of the instance, clients and auxiliary ones. */
  readonly semops: number;
  readonly semctls: number;
  /** semop -1: waits for a lightweight lock, up to 9.4 also for a heavyweight one. */
  readonly sleeps: number;
  /** Signals sent to wake the owner of a latch. */
  readonly latchSignals: number;
  readonly fsyncs: number;
  readonly deadlocks: number;
  readonly checkpoints: number;
  /** Tables of changed pages that autovacuum workers went through. */
  readonly vacuums: number;
  readonly crashes: number;
  /** By wait event: `LWLock:WALWrite`, `Lock:transactionid`. */
  readonly waits: Readonly<Record<string, WaitCounts>>;
  readonly clients: readonly ClientRecord[];
  /** Clients that lost their connection and had none at the end. */
  readonly lost: number;
}

/** Something that was done to the server on purpose, or came of it. */
export interface ChaosRecord {
  readonly type: "chaos";
  readonly instance: string;
  /** `wrong`: what came of it should not have. */
  readonly what: "death" | "refusal" | "start" | "wrong";
  readonly text: string;
}

export type PostgresRecord = LogRecord | ReadyRecord | ProgressRecord | ResultRecord | ChaosRecord;

/** Counters of one process, or of one client over all its connections. */
export class Counters {
  readonly latency = new Histogram();
  readonly waits = new Map<string, WaitCounts>();
  transactions = 0;
  aborted = 0;
  semops = 0;
  semctls = 0;
  sleeps = 0;
  latchSignals = 0;
  fsyncs = 0;
  deadlocks = 0;
  checkpoints = 0;
  vacuums = 0;

  waited(event: string, micros: number): void {
    const entry = this.waits.get(event);
    if (entry === undefined) this.waits.set(event, { waits: 1, micros });
    else {
      entry.waits++;
      entry.micros += micros;
    }
  }

  add(other: Counters): void {
    this.latency.addRecord(other.latency.record());
    for (const [event, { waits, micros }] of other.waits) {
      const entry = this.waits.get(event) ?? { waits: 0, micros: 0 };
      this.waits.set(event, { waits: entry.waits + waits, micros: entry.micros + micros });
    }
    for (const field of SUMS) this[field] += other[field];
  }
}

const SUMS = [
  "transactions",
  "aborted",
  "semops",
  "semctls",
  "sleeps",
  "latchSignals",
  "fsyncs",
  "deadlocks",
  "checkpoints",
  "vacuums",
] as const;
