/**
 * One life of a server's shared memory: from its creation to a crash or the end.
 *
 * Locks and lists are words of the shared memory. The tables behind the heavyweight locks and the
 * rows are objects of the jail's thread, in which all processes of a server live; they are touched
 * only under the lightweight locks that protect them in the real server.
 */
import type { Process } from "@jailyard/trap/process";
import type { Heap } from "./heap.ts";
import {
  FREE_AUXILIARY,
  G_FREE,
  G_NEXT_XID,
  L_RELEASE_OK,
  L_STATE,
  type Layout,
  S_FREE_LIST,
  S_FREE_NEXT,
} from "./layout.ts";
import type { LockTable } from "./locktable.ts";
import type { Processors } from "./processor.ts";
import type { ServerLog } from "./report.ts";
import type { SemaSets } from "./semas.ts";
import type { Settings } from "./settings.ts";
import type { Segment } from "./shmem.ts";

export interface Cluster {
  readonly settings: Settings;
  readonly log: ServerLog;
  readonly layout: Layout;
  readonly segment: Segment;
  /** The main memory if it is anonymous; null if it is in the segment. [PG-1] */
  readonly anonymous: SharedArrayBuffer | null;
  readonly semas: SemaSets;
  readonly locks: LockTable;
  readonly heap: Heap;
  readonly processors: Processors;
  readonly postmaster: number;
  /** When a child last saw that it lives. */
  readonly seen: { at: number };
  /** Zero of the clock of alarms, in ms. */
  readonly epoch: number;
}

const FIRST_NORMAL_XID = 3;

/** The main memory as this process has it: by its own attach, or inherited. */
export function memoryOf(p: Process, cluster: Cluster): Int32Array {
  if (cluster.anonymous !== null) return new Int32Array(cluster.anonymous);
  const { addr } = cluster.segment.memory;
  const attachment = p.attachments.find((a) => a.addr === addr);
  if (attachment === undefined) throw new Error(`the segment is not attached at ${addr}`);
  return attachment.i32;
}

/** Fill fresh memory: locks free, slots in their free lists. [PG-28] */
export function initMemory(words: Int32Array, layout: Layout, settings: Settings): void {
  words.fill(0, layout.base, layout.words);
  const { bits } = settings.profile;
  for (let lock = 0; lock < layout.lwlocks; lock++) {
    words[layout.lwlock(lock) + L_STATE] = bits.RELEASE_OK;
    words[layout.lwlock(lock) + L_RELEASE_OK] = 1;
  }
  words[layout.global(G_NEXT_XID)] = FIRST_NORMAL_XID;
  for (let list = 0; list < FREE_AUXILIARY; list++) initFreeList(words, layout, settings, list);
}

/** Last in, first out lists are filled upwards, so the last slot is the first to be taken. */
function initFreeList(words: Int32Array, layout: Layout, settings: Settings, list: number): void {
  const [first, count] = layout.range(list);
  for (let i = 0; i < count; i++) {
    words[layout.slot(first + i) + S_FREE_LIST] = list;
    pushFree(words, layout, settings, first + i);
  }
}

/** Put a slot back: at the head, or at the tail where the list is first in, first out. */
export function pushFree(
  words: Int32Array,
  layout: Layout,
  { profile }: Settings,
  slot: number,
): void {
  const head = layout.global(G_FREE) + 2 * words[layout.slot(slot) + S_FREE_LIST];
  const tail = head + 1;
  const next = layout.slot(slot) + S_FREE_NEXT;
  if (words[head] === 0) {
    words[next] = 0;
    words[head] = words[tail] = slot + 1;
  } else if (profile.freeList === "lifo") {
    words[next] = words[head];
    words[head] = slot + 1;
  } else {
    words[next] = 0;
    words[layout.slot(words[tail] - 1) + S_FREE_NEXT] = slot + 1;
    words[tail] = slot + 1;
  }
}

/** Take a slot out of a free list; -1 if none is left. */
export function popFree(words: Int32Array, layout: Layout, list: number): number {
  const head = layout.global(G_FREE) + 2 * list;
  const slot = words[head] - 1;
  if (slot >= 0) words[head] = words[layout.slot(slot) + S_FREE_NEXT];
  return slot;
}
