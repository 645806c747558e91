/** What the kernel asks of each of the three facilities alike. */
import type { Facility } from "@jailyard/abi/types";
import type { IpcPage } from "./ipcpage.ts";
import type { IpcObject, IpcTable } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { msgSleeps } from "./msg.ts";
import { msgBusy, msgCleanup, msgInit } from "./msgq.ts";
import { PRISON_ALIVE, type Prison } from "./prison.ts";
import { semSleeps } from "./sem.ts";
import { semBusy, semCleanup, semInit } from "./semctl.ts";
import { shmBusy, shmCleanup, shmInit } from "./shmseg.ts";
import type { Thread } from "./thread.ts";

/** Module state. After a failed unload sysvmsg stays loaded without its calls. [MSG-73] */
export interface Module {
  loaded: boolean;
  calls: boolean;
  /** Of the file, as kldstat shows it; 0 while it is absent. */
  id: number;
}

/** Is this an object that has to go? */
export type Doomed = (object: IpcObject<IpcPage>) => boolean;

interface FacilityCalls {
  /** Empty tables. */
  init(k: Kernel): void;
  /** Would an unload meet objects? */
  busy(k: Kernel): boolean;
  /** Does this process sleep in one of the calls? */
  inside(td: Thread): boolean;
  /** Remove what is doomed, in index order, without permission checks. [JAIL-18] */
  cleanup(k: Kernel, doomed: Doomed, why: string): void;
}

const CALLS: Readonly<Record<Facility, FacilityCalls>> = {
  msg: { init: msgInit, busy: msgBusy, inside: msgSleeps, cleanup: msgCleanup },
  sem: { init: semInit, busy: semBusy, inside: semSleeps, cleanup: semCleanup },
  shm: { init: shmInit, busy: shmBusy, inside: () => false, cleanup: shmCleanup },
};

export const initFacility = (k: Kernel, f: Facility): void => CALLS[f].init(k);
export const facilityBusy = (k: Kernel, f: Facility): boolean => CALLS[f].busy(k);
export const facilityInside = (f: Facility, td: Thread): boolean => CALLS[f].inside(td);

export function tableOf(k: Kernel, f: Facility): IpcTable<IpcPage> {
  const table = f === "sem" ? k.sem : f === "shm" ? k.shm.table : k.msg.table;
  return table as unknown as IpcTable<IpcPage>;
}

/** The objects of a facility that is present, by index; removed segments that are attached too. */
export const objectsOf = (k: Kernel, f: Facility): IpcObject<IpcPage>[] =>
  tableOf(k, f).slots.filter((object) => object !== null);

/** Remove what the prison owns. [JAIL-18] */
export const cleanup = (k: Kernel, f: Facility, pr: Prison): void =>
  CALLS[f].cleanup(
    k,
    ({ cred }) => cred.cr_prison === pr,
    pr.pr_state === PRISON_ALIVE ? "its jail got another name space" : "its jail was removed",
  );
/** Remove what is in a key space. */
export const cleanupSpace = (k: Kernel, f: Facility, space: number): void =>
  CALLS[f].cleanup(k, (object) => object.space === space, "nobody used its name space any more");
