/**
 * Policy of limits: whose use counts against semmni, semmns, shmmni, shmall and msgmni.
 *
 *   host        everybody's, as on FreeBSD [COM-1]
 *   namespace   that of one key space, each having all of the limits, as on Linux [HIST-13]
 *
 * The pool of messages (msgseg, msgtql) and the undo structures (semmnu) are memory of the host under
 * both, which Linux bounds by nothing. Under `namespace` the tables have all the slots that an id
 * can name, so that it is the quota which refuses.
 */
import type { Facility } from "@jailyard/abi/types";
import type { Kernel } from "./kernel.ts";

export const LIMIT_SCOPES = ["host", "namespace"] as const;
export type LimitScope = (typeof LIMIT_SCOPES)[number];

/** Objects, and semaphores of sets or pages of segments. */
export interface Use {
  objects: number;
  amount: number;
}

/** Use by key space; one that uses nothing is not kept. */
export type Usage = Record<Facility, Map<number, Use>>;

export const noUsage = (): Usage => ({ msg: new Map(), sem: new Map(), shm: new Map() });

const SLOTS_MAX = 65536; // an index has 16 bits [COM-2]

/** How many slots the table of a facility has that may have `limit` objects. */
export const slotsFor = (k: Kernel, limit: number): number =>
  k.usage === null ? limit : SLOTS_MAX;

/** What counts against the limits of who makes an object in `space`. */
export function inUse(k: Kernel, f: Facility, space: number): Readonly<Use> {
  if (k.usage !== null) return k.usage[f].get(space) ?? NOTHING;
  if (f === "sem") return { objects: k.sem.live, amount: k.semtot };
  if (f === "shm") return { objects: k.shm.table.live, amount: k.shm.committed };
  return { objects: k.msg.table.live, amount: 0 };
}

const NOTHING: Readonly<Use> = { objects: 0, amount: 0 };

/** An object was made in `space` (+1), or is gone from it (-1). */
export function count(k: Kernel, f: Facility, space: number, by: 1 | -1, amount: number): void {
  if (k.usage === null) return;
  const uses = k.usage[f];
  const use = uses.get(space) ?? { ...NOTHING };
  use.objects += by;
  use.amount += by * amount;
  if (use.objects === 0) uses.delete(space);
  else uses.set(space, use);
}
