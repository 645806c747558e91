/** The disk under a data directory: a write takes its time, and signals do not cut it short. */
import { now } from "./clock.ts";
import type { Pgproc } from "./pgproc.ts";
import { waiting } from "./semawait.ts";

export type SyncEvent = "IO:WALSync" | "IO:ControlFileSync" | "IO:DataFileSync";

/** Write and, if the server is told to, fsync, which is the wait `event`. */
export async function writeAndSync(me: Pgproc, event: SyncEvent): Promise<void> {
  const { fsync, fsyncMillis } = me.cluster.settings;
  await me.cpu(WRITE_MICROS);
  if (!fsync) return;
  me.counters.fsyncs++;
  const end = now() + fsyncMillis;
  await waiting(me, event, 0, async () => {
    for (let left = fsyncMillis; left > 0; left = end - now()) await me.p.sleep(left);
  });
}

const WRITE_MICROS = 6;
