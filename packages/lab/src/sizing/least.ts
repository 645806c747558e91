/**
 * The least settings with which servers start: of each limit the sum of what they ask, one less of
 * which refuses somebody. Limits that PostgreSQL does not meet have the least value they can have.
 */
import { LIMITS, limitNamed } from "@jailyard/abi/limits";
import type { LimitName } from "@jailyard/abi/reason";
import { PAGE_SIZE } from "@jailyard/abi/shm";
import { MAGIC } from "./breaks.ts";
import { demandOf, type ServerPlan } from "./demand.ts";

export interface Least {
  readonly name: LimitName;
  readonly value: number;
  /** FreeBSD's default. */
  readonly usual: number;
  /** More than the kernel takes at all. */
  readonly impossible: boolean;
  readonly when: "boot" | "run";
  /** How the value comes about. */
  readonly why: string;
}

/** Of every limit of shared memory and semaphores that the servers meet or might be thought to. */
export function leastLimits(plan: ServerPlan): Least[] {
  const { instances: n } = plan;
  const d = demandOf(plan);
  const inAll = (one: number, what: string): string => `${what}: ${n} servers x ${one}`;
  const sets = n * d.sets;
  return [
    least("kern.ipc.shmmax", d.segmentBytes, "bytes of one segment"),
    least("kern.ipc.shmall", n * d.segmentPages, inAll(d.segmentPages, "pages of 4 kB")),
    least("kern.ipc.shmmni", n, inAll(1, "segments")),
    least("kern.ipc.shmseg", 1, "a process attaches its server's segment only"),
    least("kern.ipc.semmni", sets, inAll(d.sets, "sets")),
    least("kern.ipc.semmns", sets * d.nsems, `${sets} sets x ${d.nsems} semaphores`),
    least("kern.ipc.semmsl", d.nsems, "semaphores of one set, one of them to identify it"),
    least("kern.ipc.semvmx", MAGIC, "the value of the identifying semaphore"),
    least("kern.ipc.semopm", 0, "up to eight operations a call pass whatever it is"), // [SEM-43]
    least("kern.ipc.semmnu", 1, "PostgreSQL never asks for SEM_UNDO"),
    least("kern.ipc.semume", 1, "PostgreSQL never asks for SEM_UNDO"),
  ];
}

function least(name: LimitName, value: number, why: string): Least {
  const { default: usual, max, writable } = limitNamed(name)!;
  const when = writable === "run" ? "run" : "boot";
  return { name, value, usual, impossible: value > max, when, why };
}

export interface LeastRule {
  readonly resource: "nsem" | "nshm" | "shmsize";
  readonly amount: number;
  readonly why: string;
}

/** Of the resources of one jail. nsemop is not looked at for one operation. [SEM-44] */
export function leastRules(plan: ServerPlan): LeastRule[] {
  const { sets, nsems, segmentPages } = demandOf(plan);
  return [
    { resource: "nsem", amount: sets * nsems, why: `${sets} sets x ${nsems} semaphores` },
    { resource: "nshm", amount: 1, why: "one segment" },
    {
      resource: "shmsize",
      amount: segmentPages * PAGE_SIZE,
      why: `pages of ${PAGE_SIZE} bytes: ${segmentPages}`,
    },
  ];
}

/** Of all limits, by name: what FreeBSD has where nobody sets anything. */
export const usualLimits = (): Record<string, number> =>
  Object.fromEntries(LIMITS.map(({ name, default: usual }) => [name, usual]));
