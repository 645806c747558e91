/** A call on a page that sleeps: what it comes back to, and how it goes on once it is woken. */
import { EGATE, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { MSG } from "@jailyard/abi/reason";
import type { Sembufs } from "@jailyard/abi/sem";
import { P_ALIVE } from "./ipcpage.ts";
import type { MsgPage } from "./msgpage.ts";
import {
  type MsgSend,
  type MsgWant,
  msgrcvLocked,
  msgrcvOver,
  msgsndLocked,
  msgUnhold,
  msgUnkeep,
} from "./msgpass.ts";
import type { SemPage } from "./sempage.ts";
import { semGone, semopWoken } from "./semvec.ts";
import { type Caller, lockPage, lockQueue, type Site, unlockPage, unlockQueue } from "./site.ts";
import { awake, wasGranted } from "./sleepq.ts";
import { interrupted } from "./thread.ts";

const MSG_43 = MSG(43);

export type Asleep =
  | { readonly call: "semop"; readonly page: SemPage; readonly sops: Sembufs }
  | { readonly call: "msgsnd"; readonly page: MsgPage; readonly ix: number; readonly send: MsgSend }
  | { readonly call: "msgrcv"; readonly page: MsgPage; readonly want: MsgWant };

export const lockAsleep = (site: Site, { call, page }: Asleep): void =>
  call === "semop" ? lockPage(site, page) : lockQueue(site, page);

export const unlockAsleep = (site: Site, { call, page }: Asleep): void =>
  call === "semop" ? unlockPage(page) : unlockQueue(site, page);

/** The page is locked, and the sleep is over. @returns EGATE: the kernel goes on with it */
export function goOn(site: Site, td: Caller, asleep: Asleep, how: number): Errno {
  const gone = asleep.page.hdr[P_ALIVE] === 0;
  if (gone || !wasGranted(how)) awake(site, td.tid); // who was served is so once it has taken that
  switch (asleep.call) {
    case "semop":
      return gone ? semGone(td) : semopWoken(site, td, asleep.page, asleep.sops, how);
    case "msgsnd":
      return gone ? EGATE : sendOn(site, td, asleep);
    case "msgrcv":
      return gone ? msgrcvOver(td) : receiveOn(site, td, asleep, how);
  }
}

/** [MSG-42] [MSG-43] */
function sendOn(site: Site, td: Caller, { page, send }: Asleep & { call: "msgsnd" }): Errno {
  msgUnhold(site, td.tid, page);
  if (td.td_interrupted) return interrupted(td, MSG_43);
  return msgsndLocked(site, td, page, send);
}

function receiveOn(
  site: Site,
  td: Caller,
  { page, want }: Asleep & { call: "msgrcv" },
  how: number,
): Errno {
  if (td.td_interrupted && !wasGranted(how)) return msgrcvOver(td);
  td.td_interrupted = false;
  const error = msgrcvLocked(site, td, page, want, how);
  if (wasGranted(how) && error !== ESLEEP) awake(site, td.tid);
  if (error !== OK && site.handoff) msgUnkeep(site, td.tid, page);
  return error;
}
