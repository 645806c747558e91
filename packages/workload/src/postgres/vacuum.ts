/** An autovacuum worker: pages that were changed, one after the other, with pauses. */
import { lockPage } from "./heap.ts";
import { lwRelease } from "./lwlock.ts";
import { EXCLUSIVE } from "./lwmode.ts";
import type { Pgproc } from "./pgproc.ts";
import { walInsert } from "./wal.ts";

const PAGES_MAX = 200;
/** vacuum_cost_delay, and the pages after which it is due: vacuum_cost_limit over the cost of one. */
const COST_DELAY_MILLIS = 2;
const COST_PAGES = 10;
const PRUNE_MICROS = 5;
const PRUNE_RECORD_BYTES = 80;

/**
 * Its relation locks conflict with those of no transaction here and are left out.
 * @returns exit status
 */
export async function vacuum(me: Pgproc): Promise<number> {
  const pages = [...me.cluster.heap.dirty].slice(0, PAGES_MAX);
  for (const [ix, buffer] of pages.entries()) {
    if (me.dying) return 0;
    if (ix % COST_PAGES === COST_PAGES - 1) await me.p.sleep(COST_DELAY_MILLIS);
    me.afterSignal();
    await prune(me, buffer);
  }
  me.counters.vacuums++;
  return 0;
}

async function prune(me: Pgproc, buffer: number): Promise<void> {
  const content = await lockPage(me, buffer, EXCLUSIVE);
  me.critical++;
  await me.cpu(PRUNE_MICROS);
  await walInsert(me, PRUNE_RECORD_BYTES);
  me.critical--;
  await lwRelease(me, content);
}
