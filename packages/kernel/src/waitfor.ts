/** Who waits for whom, now: what the profile knows of each process that sleeps, and rings of them. */
import type { Deadlock, Waiting } from "@jailyard/abi/contention";
import type { Pid } from "@jailyard/abi/types";
import { eventOf, toldOwner } from "./eventwait.ts";
import type { Kernel } from "./kernel.ts";
import { KIND_NAMES, nameOf } from "./lockname.ts";
import { OTHERS } from "./profile.ts";
import { type Thread, ZOMBIE } from "./thread.ts";

/** Every process that sleeps for a semaphore or a queue and has not been woken, or says that it waits. */
export function waiting(k: Kernel): Waiting[] {
  const found: Waiting[] = [];
  if (!k.profile.on) return found;
  for (const td of k.procs.values()) {
    const wait = waitOf(k, td);
    if (wait !== null) found.push(wait);
  }
  return found;
}

function waitOf(k: Kernel, td: Thread): Waiting | null {
  return lockWaitOf(k, td) ?? eventWaitOf(k, td);
}

function lockWaitOf(k: Kernel, { tid, p_pid: pid, p_comm: comm }: Thread): Waiting | null {
  const { waits, points } = k.profile.tables;
  const row = Atomics.load(waits.point, tid) - 1;
  if (row < 0 || waits.pid[tid] !== pid || !k.commons.sleepers.isAsleep(tid)) return null;
  if (points.ix[row] === OTHERS) return null;
  const [kind, id, num] = [points.kind[row], points.id[row], points.num[row]];
  const { name, label } = nameOf(k, kind, id, num);
  const sinceNanos = waits.began[tid];
  const owner = waits.owner[tid];
  return {
    ...{ pid, jid: k.profile.jidOf(pid), comm, lock: name, label, kind: KIND_NAMES[kind], id, num },
    event: eventOf(k.profile, pid),
    sinceNanos,
    holder: holder(k, owner, waits.told[tid] === 1),
  };
}

/** A wait without a lock of the kernel's, such as a sleep until a signal. */
function eventWaitOf(k: Kernel, { p_pid: pid, p_comm: comm, p_state }: Thread): Waiting | null {
  const event = p_state === ZOMBIE ? null : eventOf(k.profile, pid);
  if (event === null) return null;
  const { named } = k.profile.tables;
  return {
    ...{ pid, jid: k.profile.jidOf(pid), comm, lock: event, label: null, kind: "event" },
    ...{ id: -1, num: 0, event },
    sinceNanos: named.since[pid],
    holder: holder(k, toldOwner(k.profile, pid), true),
  };
}

function holder(k: Kernel, pid: number, told: boolean): Waiting["holder"] {
  if (pid === 0) return null;
  const td = k.procs.get(pid as Pid);
  const ended = td === undefined || td.p_state === ZOMBIE;
  return { pid: pid as Pid, jid: k.profile.jidOf(pid), ended, told };
}

/**
 * Rings of processes each of which waits for a semaphore that the next one holds. What processes say
 * themselves makes no ring: it was true when they fell asleep.
 */
export function rings(all: readonly Waiting[]): Waiting[][] {
  const known = all.filter(({ kind, holder: by }) => kind === "sem" && by?.told !== true);
  const byPid = new Map(known.map((one) => [one.pid, one]));
  const done = new Set<Waiting>();
  const found: Waiting[][] = [];
  for (const start of byPid.values()) {
    const path: Waiting[] = [];
    let one: Waiting | undefined = start;
    while (one !== undefined && !done.has(one)) {
      done.add(one);
      path.push(one);
      one = one.holder === null ? undefined : byPid.get(one.holder.pid);
    }
    const at = one === undefined ? -1 : path.indexOf(one);
    if (at !== -1) found.push(path.slice(at));
  }
  return found;
}

const keyOf = (ring: readonly Waiting[]): string =>
  ring
    .map(({ pid, sinceNanos }) => `${pid} ${sinceNanos}`)
    .sort()
    .join(", ");

/** Deadlocks by looking again and again: a ring that two looks find is one. */
export class DeadlockWatch {
  #seen = new Set<string>();
  readonly #told = new Set<string>();

  /** Is there a ring that the next look may find to be one? */
  get sees(): boolean {
    return [...this.#seen].some((key) => !this.#told.has(key));
  }

  /** @returns those that are new */
  look(k: Kernel): Deadlock[] {
    const found = new Map(rings(waiting(k)).map((ring) => [keyOf(ring), ring]));
    const fresh: Deadlock[] = [];
    for (const [key, ring] of found) {
      if (!this.#seen.has(key) || this.#told.has(key)) continue;
      this.#told.add(key);
      fresh.push({ atNanos: k.profile.nanos(), ring });
    }
    this.#seen = new Set(found.keys());
    k.book.deadlocks.push(...fresh);
    return fresh;
  }
}
