/** What the postmaster has at hand from its start on, before and after there is shared memory. */
import type { Process } from "@jailyard/trap/process";
import type { Counters } from "./records.ts";
import type { ServerLog } from "./report.ts";
import type { Settings } from "./settings.ts";
import type { ShmemExit } from "./shmemexit.ts";

export interface Server {
  readonly p: Process;
  readonly settings: Settings;
  readonly log: ServerLog;
  /** What is undone when shared memory goes. */
  readonly exit: ShmemExit;
  /** Of the processes that serve no client. */
  readonly counters: Counters;
}
