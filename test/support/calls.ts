/** Calls as the manual pages show them: what succeeds, what fails and leaves no trace, what sleeps. */
import { type Errno, ESLEEP, errnoName } from "@jailyard/abi/errno";
import { reasonText } from "@jailyard/abi/reason";
import { SIGKILL } from "@jailyard/abi/signal";
import { FACILITIES } from "@jailyard/abi/types";
import { cleanup } from "@jailyard/kernel/facility";
import type { IpcPage } from "@jailyard/kernel/ipcpage";
import type { IpcTable } from "@jailyard/kernel/ipctable";
import { prisonRemove } from "@jailyard/kernel/jail";
import { type Kernel, nextDeadline, run, tick } from "@jailyard/kernel/kernel";
import { psignal } from "@jailyard/kernel/proc";
import { P_UNDONE, type SemPage } from "@jailyard/kernel/sempage";
import type { Thread } from "@jailyard/kernel/thread";
import { expect } from "vitest";
import { type Bench, leftovers } from "./kernel.ts";

/** The call succeeds, and all that it woke has run. @returns its result */
export function ok({ k }: Bench, td: Thread, error: Errno): number {
  expect(errnoName(error), reasonText(td.td_reason)).toBe("OK");
  const { td_retval } = td;
  run(k);
  return td_retval;
}

/** The call fails with `error` because of `why`, and the tables are as they were. */
export function fails(
  { k }: Bench,
  td: Thread,
  error: Errno,
  why: string,
  call: () => Errno,
): void {
  const before = tables(k);
  const got = call();
  run(k);
  expect([errnoName(got), reasonText(td.td_reason)]).toEqual([errnoName(error), why]);
  expect(tables(k)).toEqual(before);
}

/** The call sleeps, and all that it woke has run. */
export function sleeps({ k }: Bench, error: Errno): void {
  expect(errnoName(error)).toBe(errnoName(ESLEEP));
  run(k);
}

/** How the call that `td` slept in has ended; "asleep" if it has not. */
export function outcome({ ended }: Bench, td: Thread): string {
  const error = ended.get(td);
  ended.delete(td);
  return error === undefined ? "asleep" : errnoName(error);
}

/** The clock moves on, from one timeout that runs out to the next. */
export function advance({ k }: Bench, ms: number): void {
  const end = k.nowMs + ms;
  while (nextDeadline(k) <= end) {
    tick(k, nextDeadline(k));
    run(k);
  }
  tick(k, end);
}

/** Everything that a call could change, as plain data. */
function tables(k: Kernel): object {
  return {
    sem: rows(k.sem),
    shm: rows(k.shm.table),
    msg: rows(k.msg.table),
    counts: [k.semtot, k.shm.committed, k.shm.lastFreed, k.msg.freeSegs, k.msg.freeHdrs],
    lent: k.pages.lentBytes,
    charges: k.racct === null || k.racct.empty,
  };
}

const rows = ({ slots, seq }: IpcTable<IpcPage>): object[] => [
  ...slots.flatMap((object) => (object === null ? [] : [contents(object.page)])),
  [...seq],
];

/** All of a page but its lock and what is left in the journal of its last call. */
function contents(page: IpcPage): object {
  const { buffer, mtx, hdr, times } = page;
  const { journal } = page as Partial<SemPage>;
  const end = journal === undefined ? buffer.byteLength : journal.num.byteOffset;
  const words = [...hdr];
  if (journal !== undefined) words[P_UNDONE] = 0;
  const bodyAt = times.byteOffset;
  return [words, ...new Uint8Array(buffer, bodyAt, end - bodyAt), mtx.length];
}

/** Processes, objects and jails end; nothing may be left of any table. */
export function tearDown({ k, ended }: Bench): void {
  for (const td of [...k.procs.values()]) psignal(k, td, SIGKILL);
  run(k);
  ended.clear();
  for (const f of FACILITIES) {
    if (k.modules[f].loaded) for (const pr of [...k.prisons]) cleanup(k, f, pr);
  }
  for (const pr of [...k.prisons]) if (pr.pr_parent === k.prison0) prisonRemove(k, pr);
  run(k);
  expect(leftovers(k)).toEqual({});
}
