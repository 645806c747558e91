/** CreateSharedMemoryAndSemaphores: the beginning of a cluster's life. [PG-32] */
import { now } from "./clock.ts";
import { type Cluster, initMemory, memoryOf } from "./cluster.ts";
import { Heap } from "./heap.ts";
import { Layout } from "./layout.ts";
import { LockTable } from "./locktable.ts";
import { Processors } from "./processor.ts";
import { PgError } from "./report.ts";
import { createSemas } from "./semas.ts";
import type { Server } from "./server.ts";
import type { Settings } from "./settings.ts";
import { createSegment, type Segment, segmentBytes } from "./shmem.ts";

/**
 * Segment, sets, slots; `exit` of the server removes them. `old` is the anonymous memory of the life
 * before, which nobody has any more; `attached` is told as soon as the segment is there.
 *
 * @throws PgError FATAL
 */
export async function createCluster(
  server: Server,
  old: SharedArrayBuffer | null,
  attached: (segment: Segment) => void,
): Promise<Cluster> {
  const { p, settings, log } = server;
  const layout = new Layout(settings);
  refuseIfTooSmall(settings, layout);
  const segment = await createSegment(server);
  attached(segment);
  const mmap = settings.sharedMemoryType === "mmap";
  const anonymous = mmap ? (old ?? new SharedArrayBuffer(layout.bytes)) : null;
  const semas = await createSemas(server, layout.slots.total);
  const cluster: Cluster = {
    settings,
    log,
    layout,
    segment,
    anonymous,
    semas,
    locks: new LockTable(),
    heap: new Heap(),
    processors: new Processors(settings.processors),
    postmaster: p.pid,
    seen: { at: now() },
    epoch: now(),
  };
  initMemory(memoryOf(p, cluster), layout, settings);
  return cluster;
}

/** A System V main segment must hold what this server keeps there. */
function refuseIfTooSmall(settings: Settings, { bytes }: Layout): void {
  const size = segmentBytes(settings);
  if (settings.sharedMemoryType === "mmap" || size >= bytes) return;
  throw new PgError("FATAL", `segmentBytes=${size} is too small: at least ${bytes} are needed`);
}
