/** PostgreSQL servers in jails, from their start to their end. */
import type { Jail } from "@jailyard/host/jail";
import type { Exit, ProcessHandle } from "@jailyard/host/processhandle";
import type { LogRecord, PostgresRecord, ResultRecord } from "@jailyard/workload/postgres/records";
import type { InstanceConfig } from "@jailyard/workload/postgres/settings";
import { POSTGRES } from "./modules.ts";

/** The user that a server runs as. All of them are the same user, as on a host of 2006. */
const PGUSER = { uid: 70, gid: 70 } as const;

export class Instance {
  readonly jail: Jail;
  readonly process: ProcessHandle;
  readonly log: LogRecord[] = [];
  result: ResultRecord | null = null;
  transactions = 0;
  exit: Exit | null = null;
  /** Accepting connections for the first time: true; ended before that: false. */
  readonly started: Promise<boolean>;
  readonly ended: Promise<Exit>;
  /** Its clients have done a first transaction; or it has ended. */
  readonly working: Promise<unknown>;
  #isWorking = (): void => {};
  isReady = false;
  #ready = (): void => {};
  #listeners: ((line: LogRecord) => void)[] = [];
  #progressed = (): void => {};

  private constructor(jail: Jail, process: ProcessHandle) {
    this.jail = jail;
    this.process = process;
    const ready = new Promise<boolean>((resolve) => {
      this.#ready = () => resolve(true);
    });
    const working = new Promise<void>((resolve) => {
      this.#isWorking = resolve;
    });
    process.on("record", (record) => this.#note(record as PostgresRecord));
    this.ended = process.exited.then((exit) => {
      this.exit = exit;
      return exit;
    });
    this.working = Promise.race([working, this.ended]);
    this.started = Promise.race([ready, this.ended.then(() => false)]);
  }

  static async start(jail: Jail, config: InstanceConfig): Promise<Instance> {
    const process = await jail.spawn({ module: POSTGRES, arg: config, ...PGUSER });
    return new Instance(jail, process);
  }

  /** Until it next tells how many transactions it has done, or writes to its log, or has ended. */
  progress(): Promise<unknown> {
    const told = new Promise<void>((resolve) => {
      this.#progressed = resolve;
    });
    return Promise.race([told, this.ended]);
  }

  #note(record: PostgresRecord): void {
    this.#progressed();
    if (record.type === "ready") {
      this.isReady = true;
      this.#ready();
    } else if (record.type === "progress") {
      this.transactions = record.transactions;
      if (record.transactions > 0) this.#isWorking();
    } else if (record.type === "result") {
      this.result = record;
      this.transactions = record.transactions;
    } else if (record.type === "log") {
      this.log.push(record);
      for (const listener of this.#listeners) listener(record);
    }
  }

  /** The first line that `test` holds of, those before included; null once the server has ended. */
  logged(test: (line: LogRecord) => boolean): Promise<LogRecord | null> {
    const known = this.log.find(test);
    if (known !== undefined) return Promise.resolve(known);
    const found = new Promise<LogRecord>((resolve) => {
      this.#listeners.push((line) => {
        if (test(line)) resolve(line);
      });
    });
    return Promise.race([found, this.ended.then(() => null)]);
  }
}

/** Lines that say why a server does not live: FATAL or worse, with what explains them. */
export function fatalLines(log: readonly LogRecord[]): LogRecord[] {
  const at = log.findIndex(({ level }) => level === "FATAL" || level === "PANIC");
  if (at === -1) return [];
  const rest = log.slice(at + 1).findIndex(({ level }) => level !== "DETAIL" && level !== "HINT");
  return log.slice(at, rest === -1 ? undefined : at + 1 + rest);
}
