/**
 * A simulated PostgreSQL server as a party of a mix. Its clients begin when all others do.
 */
import type { Jail } from "@jailyard/host/jail";
import type { Exit } from "@jailyard/host/processhandle";
import type { ChaosRecord, PostgresRecord } from "@jailyard/workload/postgres/records";
import type { OptionValue } from "@jailyard/workload/stress/about";
import { serverOf } from "@jailyard/workload/stress/postgres";
import { fatalLines, Instance } from "../scenario/instances.ts";
import { emptyHdr } from "./histogram.ts";
import type { Log } from "./log.ts";
import type { Party } from "./party.ts";
import type { Tally } from "./tally.ts";

export interface ServerStart {
  readonly procs: number;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly seconds: number;
  readonly sliceMs: number;
  readonly seed: number;
}

export class PostgresParty implements Party {
  readonly jail: string;
  readonly workload = "postgres";
  readonly ended: Promise<Exit>;
  readonly #instance: Instance;
  readonly #tally: Tally;
  readonly #sliceMs: number;
  readonly #slicesMax: number;
  #seen = 0;
  #slices = 0;
  #collided = false;
  #watch: NodeJS.Timeout | null = null;

  private constructor(instance: Instance, start: ServerStart, tally: Tally, log: Log) {
    this.jail = instance.jail.name;
    this.#instance = instance;
    this.#tally = tally;
    this.#sliceMs = start.sliceMs;
    this.#slicesMax = Math.max(1, Math.ceil((start.seconds * 1000) / start.sliceMs));
    void instance.started.then((started) => {
      if (!started) return;
      log.event("start", this, "the server accepts connections");
    });
    instance.process.on("record", (record) => {
      const { type, what, text, level } = record as PostgresRecord & {
        what: ChaosRecord["what"];
        text: string;
        level: string;
      };
      if (type === "log" && !this.#collided && isCollision(level, text)) {
        this.#collided = true; // each of its processes says so
        log.event("collision", this, `somebody removed what this server uses: ${level}:  ${text}`);
      }
      if (type !== "chaos") return;
      if (what === "wrong") tally.wrong++;
      log.event(what, this, text);
    });
    this.ended = instance.ended.then((exit) => {
      this.#last(log);
      return exit;
    });
  }

  static async start(
    jail: Jail,
    start: ServerStart,
    tally: Tally,
    log: Log,
  ): Promise<PostgresParty> {
    const { procs, options, seconds, seed } = start;
    const config = { ...serverOf(procs, options), seconds, seed };
    return new PostgresParty(await Instance.start(jail, config), start, tally, log);
  }

  get ready(): Promise<boolean> {
    return this.#instance.started;
  }

  get refused(): string | null {
    if (this.#instance.isReady) return null;
    const [line] = fatalLines(this.#instance.log);
    return line === undefined ? null : `${line.level}:  ${line.text}`;
  }

  get complete(): boolean {
    return this.#instance.result !== null;
  }

  /** SIGUSR2 lets its clients in. */
  go(): Promise<unknown> {
    this.#watch = setInterval(() => this.#slice(), this.#sliceMs);
    return this.#instance.process.kill("SIGUSR2");
  }

  /** SIGINT is its fast shutdown: clients lose their connections. */
  stop(): Promise<unknown> {
    return this.#instance.process.kill("SIGINT");
  }

  /** Transactions since the last slice; their times come all together at the end. */
  #slice(): void {
    if (this.#slices === this.#slicesMax - 1) return; // the last one is told at the end
    const { transactions } = this.#instance;
    this.#tally.add(this.jail, this.#slices++, transactions - this.#seen, {}, new Map());
    this.#seen = transactions;
  }

  #last(log: Log): void {
    if (this.#watch !== null) clearInterval(this.#watch);
    const { result } = this.#instance;
    // What chaos does to it has events of its own.
    for (const { text, level } of this.#instance.isReady ? [] : fatalLines(this.#instance.log)) {
      log.event("refusal", this, `${level}:  ${text}`);
    }
    if (result === null) return;
    const latency = emptyHdr();
    for (const [micros, count] of result.latency.buckets) {
      latency.recordValueWithCount(Math.round(micros * 1000), count);
    }
    const since = result.transactions - this.#seen;
    this.#tally.add(this.jail, this.#slices, since, {}, new Map([["latency", latency]]));
    this.#tally.ended(result.seconds);
    this.#tally.server(result);
  }
}

/** A server finds that its set or segment is gone: nobody who sees only his own removes it. */
const isCollision = (level: string, text: string): boolean =>
  /^(FATAL|PANIC)$/.test(level) && /failed: (Identifier removed|Invalid argument)/.test(text);
