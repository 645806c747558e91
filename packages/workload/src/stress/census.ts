/**
 * A program for the host: what of each limit is in use, once in a while, until SIGTERM. Its listings
 * are calls like any other, so it costs the yard a little.
 */
import { PAGE_SIZE } from "@jailyard/abi/shm";
import type { Process } from "@jailyard/trap/process";
import { program } from "@jailyard/trap/program";

/** Of the whole host, by name of the limit without kern.ipc. */
export interface CensusRecord {
  readonly used: Readonly<Record<CensusName, number>>;
}

export const CENSUS = ["semmni", "semmns", "shmmni", "shmall", "msgmni", "msgtql"] as const;
export type CensusName = (typeof CENSUS)[number];

export default program("census", async (p, everyMs) => {
  let over = false;
  await p.signal("SIGTERM", () => {
    over = true;
  });
  while (!over) {
    p.emit({ used: await census(p) } satisfies CensusRecord);
    await p.sleep(Number(everyMs));
  }
});

async function census(p: Process): Promise<CensusRecord["used"]> {
  const [sem, shm, msg] = [await p.ipcs("sem"), await p.ipcs("shm"), await p.ipcs("msg")];
  const sum = <T>(rows: readonly T[], of: (row: T) => number): number =>
    rows.reduce((total, row) => total + of(row), 0);
  return {
    semmni: sem.length,
    semmns: sum(sem, ({ ds }) => ds.sem_nsems),
    shmmni: shm.length,
    shmall: sum(shm, ({ ds }) => Math.ceil(ds.shm_segsz / PAGE_SIZE)),
    msgmni: msg.length,
    msgtql: sum(msg, ({ ds }) => ds.msg_qnum),
  };
}
