/** A stressor's main process in one jail, as the run sees it: its barriers, its records, its end. */
import type { Jail } from "@jailyard/host/jail";
import type { Exit, ProcessHandle } from "@jailyard/host/processhandle";
import type { Barrier, StressArg, StressRecord } from "@jailyard/workload/stress/records";
import type { Log } from "./log.ts";
import type { Tally } from "./tally.ts";
import { stressorModule } from "./workloads.ts";

/** What all workloads have in common for whoever runs them. */
export interface Party {
  readonly jail: string;
  readonly workload: string;
  /** Work can begin; false: it has ended before. */
  readonly ready: Promise<boolean>;
  readonly ended: Promise<Exit>;
  /** Why it could not start, for lack of resources; null if it could. */
  readonly refused: string | null;
  /** It sent all that it had to send. */
  readonly complete: boolean;
  go(): Promise<unknown>;
  /** End before time is over. */
  stop(): Promise<unknown>;
}

export class StressParty implements Party {
  readonly jail: string;
  readonly workload: string;
  readonly ended: Promise<Exit>;
  refused: string | null = null;
  complete = false;
  readonly #process: ProcessHandle;
  readonly #barriers: Readonly<Record<Barrier, PromiseWithResolvers<boolean>>> = {
    ready: Promise.withResolvers(),
    stopped: Promise.withResolvers(),
    verified: Promise.withResolvers(),
  };

  private constructor(jail: Jail, process: ProcessHandle, tally: Tally, log: Log) {
    this.jail = jail.name;
    this.workload = tally.name;
    this.#process = process;
    process.on("record", (record) => this.#note(record as StressRecord, tally, log));
    process.on("crash", (error) => {
      log.event("death", this, `a process threw: ${error.message}`);
    });
    this.ended = process.exited.then((exit) => {
      for (const { resolve } of Object.values(this.#barriers)) resolve(false);
      return exit;
    });
  }

  /** @throws YardError if there can be no such process */
  static async start(jail: Jail, arg: StressArg, tally: Tally, log: Log): Promise<StressParty> {
    const module = stressorModule(tally.name);
    return new StressParty(jail, await jail.spawn({ module, arg }), tally, log);
  }

  get ready(): Promise<boolean> {
    return this.reached("ready");
  }

  /** It waits at a barrier; false: it has ended. */
  reached(barrier: Barrier): Promise<boolean> {
    return this.#barriers[barrier].promise;
  }

  go(): Promise<unknown> {
    return this.#process.kill("SIGUSR1");
  }

  stop(): Promise<unknown> {
    return this.#process.kill("SIGTERM");
  }

  #note(record: StressRecord, tally: Tally, log: Log): void {
    if (record.type === "slice") tally.slice(this.jail, record);
    else if (record.type === "event") {
      if (record.what === "wrong") tally.wrong++;
      log.event(record.what, this, record.text, record.at);
    } else if (record.type === "end") {
      this.complete = true;
      tally.ended(record.seconds);
    } else if (record.type === "unready") this.refused = record.text;
    else this.#barriers[record.type].resolve(true);
  }
}
