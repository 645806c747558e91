/** Yards with real threads for tests: programs by entry, records as they come, nothing left. */
import { setTimeout } from "node:timers/promises";
import type { Jail } from "@jailyard/host/jail";
import type { ProcessHandle } from "@jailyard/host/processhandle";
import { boot, type Yard, type YardConfig } from "@jailyard/host/yard";

/** A program of the thread tests. */
export const programUrl = (name: string): URL =>
  new URL(`../host/programs/${name}.ts`, import.meta.url);

export const quiet = (config: YardConfig = {}): Promise<Yard> => boot({ log: "silent", ...config });

/** Jails with name spaces of their own in all three mechanisms. */
export const privateJail = (yard: Yard, name: string): Promise<Jail> =>
  yard.jail({ name, sysvsem: "new", sysvshm: "new", sysvmsg: "new" });

export interface Running {
  readonly process: ProcessHandle;
  /** The next record, in order. */
  next(): Promise<unknown>;
}

/** Start an entry of a program, `worker` unless said otherwise. */
export async function start(
  jail: Jail,
  entry: string,
  arg: object = {},
  program = "worker",
): Promise<Running> {
  const handle = await jail.spawn({ module: programUrl(program), arg: { entry, ...arg } });
  const records: unknown[] = [];
  let wake = (): void => {};
  handle.on("record", (record) => {
    records.push(record);
    wake();
  });
  return {
    process: handle,
    async next() {
      while (records.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return records.shift();
    },
  };
}

/** Wait until `state` holds. */
export async function until(state: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await state())) await setTimeout(2);
}

/** True once `count` processes of the jail have gone to sleep in a call. */
export const sleeps = async (yard: Yard, jail: Jail): Promise<number> =>
  (await yard.stats()).jails.find(({ jid }) => jid === jail.jid)?.sleeps ?? 0;
