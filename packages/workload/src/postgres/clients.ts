/** The clients of an instance, pgbench's part: who still works, and what they measured. */

import type { Client } from "./backend.ts";
import { now } from "./clock.ts";
import { Counters, type ResultRecord } from "./records.ts";
import type { Settings } from "./settings.ts";

interface Session {
  readonly client: Client;
  readonly counters: Counters;
  connected: boolean;
  /** It lost its connection, or was refused one. */
  lost: boolean;
}

export class Clients {
  readonly #settings: Settings;
  readonly #sessions: Session[];
  readonly #since: number;
  #lastEnd: number;
  /** Crash restarts of the server while they were there. */
  crashes = 0;

  /** They begin to work now. */
  constructor(settings: Settings) {
    this.#settings = settings;
    this.#since = now();
    this.#lastEnd = this.#since;
    const until = this.#since + settings.seconds * 1000;
    this.#sessions = Array.from({ length: settings.backends }, (_, ix) => ({
      client: { ix, transactionsLeft: settings.transactions, until },
      counters: new Counters(),
      connected: false,
      lost: false,
    }));
  }

  /** Nobody has work left to do. */
  get over(): boolean {
    return this.#sessions.every(
      ({ client }) => client.transactionsLeft <= 0 || now() >= client.until,
    );
  }

  /** The postmaster has died: no connection is one any more. */
  disconnected(): void {
    for (const session of this.#sessions) {
      if (session.connected) session.lost = true;
      session.connected = false;
    }
  }

  /** Those who want a connection now: all at first, the unfinished after a crash restart. */
  connecting(): Session[] {
    const wanting = this.#sessions.filter(
      ({ client, connected }) => !connected && client.transactionsLeft > 0 && now() < client.until,
    );
    for (const session of wanting) {
      session.connected = true;
      session.lost = false;
    }
    return wanting;
  }

  ended(client: Client, status: number | null): void {
    const session = this.#sessions[client.ix];
    session.connected = false;
    session.lost = status !== 0;
    this.#lastEnd = now();
  }

  get working(): boolean {
    return this.#sessions.some(({ connected }) => connected);
  }

  get count(): number {
    return this.#sessions.length;
  }

  totals(): Counters {
    const sum = new Counters();
    for (const { counters } of this.#sessions) sum.add(counters);
    return sum;
  }

  /** Transactions and sleeps so far, without adding up the rest. */
  progress(): { transactions: number; sleeps: number } {
    let transactions = 0;
    let sleeps = 0;
    for (const { counters } of this.#sessions) {
      transactions += counters.transactions;
      sleeps += counters.sleeps;
    }
    return { transactions, sleeps };
  }

  /** `server`: the counters of the processes that serve no client. */
  result(server: Counters): ResultRecord {
    const { instance, version } = this.#settings;
    const sum = this.totals();
    const { latency, transactions } = sum;
    const micros = {
      p50Micros: latency.quantile(0.5),
      p99Micros: latency.quantile(0.99),
      maxMicros: latency.maxMicros,
    };
    sum.add(server);
    const seconds = (this.#lastEnd - this.#since) / 1000;
    return {
      type: "result",
      instance,
      version,
      seconds,
      transactions,
      tps: seconds > 0 ? transactions / seconds : 0,
      aborted: sum.aborted,
      ...micros,
      latency: latency.record(),
      semops: sum.semops,
      semctls: sum.semctls,
      sleeps: sum.sleeps,
      latchSignals: sum.latchSignals,
      fsyncs: sum.fsyncs,
      deadlocks: sum.deadlocks,
      checkpoints: sum.checkpoints,
      vacuums: sum.vacuums,
      crashes: this.crashes,
      waits: Object.fromEntries(sum.waits),
      clients: this.#sessions.map(({ client, counters }) => ({
        client: client.ix,
        transactions: counters.transactions,
        aborted: counters.aborted,
        semops: counters.semops,
        semctls: counters.semctls,
        sleeps: counters.sleeps,
      })),
      lost: this.#sessions.filter(({ lost }) => lost).length,
    };
  }
}
