/** PGSemaphoreLock and PGSemaphoreUnlock: sleep on one's own semaphore, wake another's. [PG-30] */
import { EINTR } from "@jailyard/abi/errno";
import { now } from "./clock.ts";
import type { Pgproc } from "./pgproc.ts";
import { errnoOf, reasonOf } from "./report.ts";
import { semaId, semaNum } from "./semas.ts";

/** One sembuf, flags 0, never SEM_UNDO. [PG-4] @throws PgError FATAL if the set is gone */
async function semop(
  me: Pgproc,
  slot: number,
  op: number,
  interrupt?: () => boolean,
): Promise<void> {
  const { semas } = me.cluster;
  const id = semaId(semas, slot);
  const sops = [[semaNum(semas, slot), op, 0]] as const;
  for (;;) {
    me.counters.semops++;
    try {
      return await me.p.semop(id, sops);
    } catch (error) {
      if (errnoOf(error) !== EINTR) {
        throw me.error("FATAL", `semop(id=${id}) failed: ${reasonOf(error)}`);
      }
      me.afterSignal();
      if (interrupt?.() === true) return;
    }
  }
}

/**
 * Sleep until somebody wakes this process; `event` is what it waits for, `owner` the pid of who is
 * likely to wake it.
 */
export async function semaLock(
  me: Pgproc,
  event: string,
  owner: number,
  interrupt?: () => boolean,
): Promise<void> {
  me.counters.sleeps++;
  await waiting(me, event, owner, () => semop(me, me.slot, -1, interrupt));
}

/** Wait, and say for what: pgstat_report_wait_start and _end. */
export async function waiting(
  me: Pgproc,
  event: string,
  owner: number,
  wait: () => Promise<void>,
): Promise<void> {
  const since = now();
  me.p.waitStart(event, owner);
  try {
    await wait();
  } finally {
    me.p.waitEnd();
  }
  me.counters.waited(event, (now() - since) * 1000);
}

/** Wake the process of `slot`. */
export const semaUnlock = (me: Pgproc, slot: number): Promise<void> => semop(me, slot, +1);

/** Give back wakeups that were absorbed and meant something else. [PG-43] */
export async function giveBack(me: Pgproc, extraWaits: number): Promise<void> {
  for (let i = 0; i < extraWaits; i++) await semaUnlock(me, me.slot);
}
