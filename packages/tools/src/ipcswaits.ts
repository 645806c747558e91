/**
 * ipcs --waits: who sleeps in which set or queue, and who probably holds what they wait for.
 *
 * A semaphore has no owner. Whoever would give something back at its exit (SEM_UNDO) holds it; if
 * nobody would, whoever last worked on it is the best guess. A queue that is full or empty is held
 * up by nobody in particular: shown are its last receiver for senders, its last sender for receivers.
 */

import type { MsqidDs } from "@jailyard/abi/msg";
import { GETPID } from "@jailyard/abi/sem";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { KinfoProc } from "@jailyard/trap/records";
import { columnLines } from "./columns.ts";
import { NAMES, rowsOf } from "./facility.ts";
import type { JailFilter } from "./jails.ts";
import { attempt, failed } from "./tool.ts";

export interface Wait {
  readonly facility: Facility;
  readonly id: number;
  /** Of a set: which semaphore, and what of it. */
  readonly semaphore: number | null;
  readonly for: "an increase" | "zero" | "room" | "a message";
  readonly waiter: Party;
  readonly holders: readonly Party[];
  /** undo: they give it back at their exit; last: they worked on it last; none: nobody did. */
  readonly because: "undo" | "last" | "none";
}

interface Party {
  readonly pid: number;
  readonly comm: string;
  /** `-` is the caller's own. */
  readonly jail: string;
}

/** Every wait in the objects of `facilities`, of one jail's processes or all, by pid. */
export async function waitsOf(
  p: Process,
  facilities: readonly Facility[],
  jail: JailFilter | null,
): Promise<Wait[]> {
  const procs = await p.kinfo_procs();
  const waits: Wait[] = [];
  for (const proc of procs) {
    const { wchan, jid } = proc;
    if (wchan === null || !facilities.includes(wchan.f)) continue;
    if (jail === null || jail.jid === jid) waits.push(await waitOf(p, proc, procs));
  }
  return waits;
}

const partyOf = ({ pid, comm, jail }: KinfoProc): Party => ({ pid, comm, jail: jail || "-" });

async function waitOf(p: Process, proc: KinfoProc, procs: readonly KinfoProc[]): Promise<Wait> {
  const { f, id, num = null, zero } = proc.wchan!;
  const waiter = partyOf(proc);
  if (f === "msg") {
    const sends = proc.wmesg === "msgsnd";
    const last = await lastInQueue(p, id, sends ? "msg_lrpid" : "msg_lspid");
    const what = sends ? "room" : "a message";
    return { facility: f, id, semaphore: null, for: what, waiter, ...guess(last, procs) };
  }
  const what = zero ? "zero" : "an increase";
  const wait = { facility: f, id, semaphore: num, for: what, waiter } as const;
  // What is given back raises the semaphore, or, for those who wait for zero, lowers it.
  const helps = (adjval: number): boolean => (zero ? adjval < 0 : adjval > 0);
  const undoers = procs.filter(({ undo }) =>
    undo.some(([semid, n, adjval]) => semid === id && n === num && helps(adjval)),
  );
  if (undoers.length > 0) return { ...wait, holders: undoers.map(partyOf), because: "undo" };
  const last = await attempt(p.semctl(id, num!, GETPID));
  return { ...wait, ...guess(failed(last) ? 0 : last, procs) };
}

async function lastInQueue(p: Process, id: number, field: "msg_lspid" | "msg_lrpid") {
  const row = (await rowsOf(p, "msg", null)).find((one) => one.id === id);
  return row === undefined ? 0 : (row.ds as MsqidDs)[field];
}

/** One who is gone, or cannot be seen, has no name. */
function guess(pid: number, procs: readonly KinfoProc[]): Pick<Wait, "holders" | "because"> {
  if (pid === 0) return { holders: [], because: "none" };
  const proc = procs.find((one) => one.pid === pid);
  return {
    holders: [proc === undefined ? { pid, comm: "?", jail: "?" } : partyOf(proc)],
    because: "last",
  };
}

const partyText = ({ pid, comm, jail }: Party): string =>
  `${pid} ${comm}${jail === "-" ? "" : `@${jail}`}`;

const BECAUSE: Readonly<Record<Wait["because"], string>> = {
  undo: "gives it back at exit",
  last: "worked on it last",
  none: "nobody did anything to it",
};

export function waitsLines(waits: readonly Wait[]): string[] {
  const rows = waits.map(({ facility, id, semaphore, for: what, waiter, holders, because }) => [
    NAMES[facility].letter,
    String(id),
    semaphore === null ? "-" : String(semaphore),
    partyText(waiter),
    what,
    holders.map(partyText).join(", ") || "-",
    BECAUSE[because],
  ]);
  const numbers = new Set(["ID", "SEM"]);
  const headings = ["T", "ID", "SEM", "WAITER", "FOR", "HOLDER", "WHY"];
  return columnLines(
    headings.map((heading) => ({ heading, isNumber: numbers.has(heading) })),
    rows,
  );
}
