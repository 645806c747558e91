/**
 * What all stressors have in common: a main process in each jail makes the objects, forks the
 * processes that work, sends a slice of what was measured now and then, ends them, and verifies.
 *
 * A process that sleeps in a call when time is over is sent SIGALRM, which ends the call with EINTR.
 */
import { EEXIST } from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_RMID } from "@jailyard/abi/ipc";
import { SETALL } from "@jailyard/abi/sem";
import type { SysError } from "@jailyard/abi/syserror";
import type { Key, Semid, Shmid } from "@jailyard/abi/types";
import type { Attachment } from "@jailyard/trap/attachment";
import type { Process } from "@jailyard/trap/process";
import { type AwaitedProgram, program } from "@jailyard/trap/program";
import type { About } from "./about.ts";
import type { StressArg } from "./records.ts";
import { Run } from "./run.ts";
import type { Worker } from "./worker.ts";

/** The parts of a stressor; `S` is what its processes share, such as ids. */
export interface Parts<S> {
  /** In the main process, before any other. A SysError here means: no resources. */
  setup(p: Process, arg: StressArg): Promise<S>;
  /** In each process: `me.run(…)` with an operation. @throws Wrong */
  work(me: Worker, shared: S): Promise<void>;
  /** In the main process, once all others have ended. @throws Wrong */
  verify(p: Process, shared: S, arg: StressArg): Promise<void>;
  /** Remove the objects, also after a failure. */
  teardown(p: Process, shared: S, arg: StressArg): Promise<void>;
}

export interface Stressor extends AwaitedProgram {
  readonly about: About;
}

export function stressor<S>(about: About, parts: Parts<S>): Stressor {
  const main = (p: Process, arg: unknown): Promise<number> =>
    new Run(p, arg as StressArg, parts).main();
  return { ...program(about.name, main), about };
}

const KEYS = 0x4000_0000;
/** The place of no jail: objects of all jails. */
const ALL_JAILS = 0x1fff;

/**
 * The key of an instance's object, `id` below 4096: its own also where all jails share a name space,
 * unless it is to be one for all. ftok(3) has 8 bits for a jail, and there may be more of them.
 */
export function keyOf({ shared, jailIx, workloadIx }: StressArg, id: number): Key {
  const jail = shared ? ALL_JAILS : jailIx;
  return (KEYS | (workloadIx << 25) | (jail << 12) | id) as Key;
}

/** Make a set with these values and labels; where jails share objects, the first of them does. */
export async function makeSet(
  p: Process,
  arg: StressArg,
  id: number,
  values: readonly number[],
  labels: readonly string[],
): Promise<Semid> {
  const key = keyOf(arg, id);
  try {
    const set = await p.semget(key, values.length, IPC_CREAT | IPC_EXCL | 0o666);
    await p.semctl(set, 0, SETALL, values);
    for (const [num, text] of labels.entries()) await p.label(set, num, text);
    return set;
  } catch (error) {
    if (!arg.shared || (error as SysError).errno !== EEXIST) throw error;
    return await p.semget(key, values.length, 0);
  }
}

/** Make a segment of zeros, or find it, and attach it: forked processes inherit that. */
export async function makeSegment(
  p: Process,
  arg: StressArg,
  id: number,
  bytes: number,
): Promise<{ shmid: Shmid; at: Attachment }> {
  const shmid = await p.shmget(keyOf(arg, id), bytes, IPC_CREAT | 0o666);
  return { shmid, at: await p.shmat(shmid) };
}

/** Remove what the first jail made for all, or each for itself. */
export async function removeAll(
  p: Process,
  { set, shmid }: { readonly set?: Semid; readonly shmid?: Shmid },
  { shared, jailIx }: StressArg,
): Promise<void> {
  if (shared && jailIx > 0) return;
  if (set !== undefined) await p.semctl(set, 0, IPC_RMID);
  if (shmid !== undefined) await p.shmctl(shmid, IPC_RMID);
}
