/** What the kernel asks of each of the three facilities alike. */
import type { Facility } from "@jailyard/abi/types";
import type { Kernel } from "./kernel.ts";
import { msgSleeps } from "./msg.ts";
import { msgBusy, msgCleanup, msgInit } from "./msgq.ts";
import type { Prison } from "./prison.ts";
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

interface FacilityCalls {
  /** Empty tables. */
  init(k: Kernel): void;
  /** Would an unload meet objects? */
  busy(k: Kernel): boolean;
  /** Does this process sleep in one of the calls? */
  inside(td: Thread): boolean;
  /** Remove what the prison owns, in index order, without permission checks. [JAIL-18] */
  cleanup(k: Kernel, pr: Prison): void;
}

const CALLS: Readonly<Record<Facility, FacilityCalls>> = {
  msg: { init: msgInit, busy: msgBusy, inside: msgSleeps, cleanup: msgCleanup },
  sem: { init: semInit, busy: semBusy, inside: semSleeps, cleanup: semCleanup },
  shm: { init: shmInit, busy: shmBusy, inside: () => false, cleanup: shmCleanup },
};

export const initFacility = (k: Kernel, f: Facility): void => CALLS[f].init(k);
export const facilityBusy = (k: Kernel, f: Facility): boolean => CALLS[f].busy(k);
export const facilityInside = (f: Facility, td: Thread): boolean => CALLS[f].inside(td);
export const cleanup = (k: Kernel, f: Facility, pr: Prison): void => CALLS[f].cleanup(k, pr);
