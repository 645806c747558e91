/**
 * Latches: a flag in shared memory, and a signal for an owner that sleeps. [PG-55]
 *
 * The yard has no pipe that breaks when the postmaster dies, so one who waits looks for its parent
 * now and then, and leaves with status 1 once that has changed. [PG-36]
 */
import { ESRCH } from "@jailyard/abi/errno";
import type { Process } from "@jailyard/trap/process";
import { now, untilTick } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import { S_ASLEEP, S_LATCH, S_PID } from "./layout.ts";
import type { Pgproc } from "./pgproc.ts";
import { errnoOf } from "./report.ts";

/** First look, and the longest between two: who sleeps long costs little. */
const PARENT_LOOK_MILLIS = 100;
const PARENT_LOOK_MAX_MILLIS = 1000;
/** What one child of the server has seen so lately the others need not ask. */
const SEEN_MILLIS = 50;

/** SetLatch of the process in `slot`. */
export async function setLatch(me: Pgproc, slot: number): Promise<void> {
  const { words, profile } = me;
  const row = me.layout.slot(slot);
  if (Atomics.exchange(words, row + S_LATCH, 1) !== 0) return;
  if (profile.latchKnowsSleeper && Atomics.load(words, row + S_ASLEEP) === 0) return;
  const pid = Atomics.load(words, row + S_PID);
  if (pid === 0 || slot === me.slot) return;
  me.counters.latchSignals++;
  try {
    await me.p.kill(pid, profile.latchSignal);
  } catch (error) {
    if (errnoOf(error) !== ESRCH) throw error;
  }
}

export function resetLatch(me: Pgproc): void {
  Atomics.store(me.words, me.row + S_LATCH, 0);
}

/** WaitLatch: until the latch is set, SIGTERM has come, or `millis` are over. */
export async function waitLatch(me: Pgproc, millis: number): Promise<void> {
  const { words, row } = me;
  const end = now() + millis;
  let look = PARENT_LOOK_MILLIS;
  Atomics.store(words, row + S_ASLEEP, 1);
  while (Atomics.load(words, row + S_LATCH) === 0 && !me.dying) {
    const next = look < PARENT_LOOK_MAX_MILLIS ? look : untilTick(look);
    const left = Math.min(end - now(), next);
    if (left <= 0) break;
    const unslept = await me.p.sleep(left);
    me.afterSignal();
    if (unslept > 0) continue;
    await leaveIfOrphaned(me);
    look = Math.min(2 * look, PARENT_LOOK_MAX_MILLIS);
  }
  Atomics.store(words, row + S_ASLEEP, 0);
}

/** The postmaster is gone: exit with status 1. */
export const leaveIfOrphaned = (me: Pgproc): Promise<void> => exitIfOrphaned(me.p, me.cluster);

/** The same for a child that has no slot. */
export async function exitIfOrphaned(p: Process, { postmaster, seen }: Cluster): Promise<void> {
  if (now() - seen.at < SEEN_MILLIS) return;
  if ((await p.getppid()) !== postmaster) p.exit(1);
  seen.at = now();
}
