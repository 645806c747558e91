/** A Kernel value for tests: processes, jails, calls that sleep, and what is left at the end. */
import { type Errno, errnoName, OK, strerror } from "@jailyard/abi/errno";
import { JAIL_CREATE, JAIL_UPDATE, type JailParams } from "@jailyard/abi/jail";
import { reasonText } from "@jailyard/abi/reason";
import type { Pid } from "@jailyard/abi/types";
import { leftIn } from "@jailyard/kernel/invariants";
import type { JailOut } from "@jailyard/kernel/jail";
import { jailSet } from "@jailyard/kernel/jailset";
import { type Kernel, type KernelConfig, makeKernel, run } from "@jailyard/kernel/kernel";
import { type Prison, prisonFind } from "@jailyard/kernel/prison";
import { exit1, fork as fork2, newproc, type ProcSpec } from "@jailyard/kernel/proc";
import type { Thread } from "@jailyard/kernel/thread";

/** A kernel, and the results of calls that slept: by thread, in the order in which they ended. */
export interface Bench {
  readonly k: Kernel;
  readonly ended: Map<Thread, Errno>;
}

export function bench(config: KernelConfig = {}): Bench {
  const k = makeKernel(config);
  const ended = new Map<Thread, Errno>();
  k.hooks = { ...k.hooks, complete: (td, error) => void ended.set(td, error) };
  return { k, ended };
}

/** A process from outside, root of the host unless it is said otherwise. */
export function process(k: Kernel, spec: Partial<ProcSpec> = {}): Thread {
  const td = newproc(k, { uid: 0, gid: 0, prison: k.prison0, comm: "sh", ...spec });
  if (td === null) throw new Error("no process can be made");
  return td;
}

/** A child, as fork(2) makes it. */
export const fork = (k: Kernel, td: Thread): Thread => k.procs.get(ok(td, fork2(k, td)) as Pid)!;

/** What a call that must succeed gave. */
export function ok(td: Thread, error: Errno): number {
  if (error !== OK) throw new Error(`${errnoName(error)} (${reasonText(td.td_reason)})`);
  return td.td_retval;
}

/** A jail that persists, made from outside; `name` is the full one. */
export function jail(k: Kernel, name: string, params: JailParams = {}): Prison {
  const out: JailOut = { errmsg: "" };
  const error = jailSet(k, null, { name, persist: true, ...params }, JAIL_CREATE, out);
  if (error !== OK) throw new Error(`jail ${name}: ${out.errmsg || strerror(error)}`);
  return prisonFind(k, out.jid!)!;
}

/** Change a jail from outside. @returns the errno of jail_set */
export function modify(k: Kernel, pr: Prison, params: JailParams): Errno {
  return jailSet(k, null, { jid: pr.pr_id, ...params }, JAIL_UPDATE, { errmsg: "" });
}

/** The process ends, and whatever can go on after that goes on. */
export function exit(k: Kernel, td: Thread, status = 0): void {
  exit1(k, td, status << 8);
  run(k);
}

/** What a kernel still has: processes, jails, objects, charges. All empty is `{}`. */
export const leftovers = (k: Kernel): Record<string, number> => leftIn(k);
