/**
 * kldload(2), kldunload(2), kldstat(2): the modules sysvmsg, sysvsem and sysvshm, after
 * kern_linker.c and the module handlers of the three facilities.
 *
 * Modules that are there at boot count as files that the boot loader was told to load: they can be
 * unloaded. Nothing depends on a module, so a file has one reference, and no handler vetoes but
 * for UNLOAD, so a forced unload is as any other [JAIL-68]. What jails get from a late load is the
 * policy's answer, lateload.ts, and the model's way to give it. Missing: securelevel.
 */
import { EBUSY, EEXIST, ENOENT, EPERM, type Errno, ESLEEP, OK } from "@jailyard/abi/errno";
import { msgInfo, semInfo, shmInfo } from "@jailyard/abi/limits";
import { JAIL, MSG, type Reason, SEM, SHM } from "@jailyard/abi/reason";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { C_DRAIN } from "./commons.ts";
import { privileged, unjailed } from "./cred.ts";
import { facilityBusy, facilityInside } from "./facility.ts";
import { type Kernel, loadFacility, publish } from "./kernel.ts";
import { flagAll } from "./lateload.ts";
import { asleep } from "./runq.ts";
import { release } from "./semundo.ts";
import { deny, interrupted, type Thread } from "./thread.ts";

const JAIL_69 = JAIL(69);
const JAIL_70 = JAIL(70);
const MSG_72 = MSG(72);
const BUSY: Readonly<Record<Facility, Reason>> = { msg: MSG(72), sem: SEM(83), shm: SHM(58) };

/** One file of kldstat(8). */
export interface KldFile {
  readonly id: number;
  readonly refs: number;
  readonly name: string;
}

export const KERNEL_FILE: KldFile = { id: 1, refs: 1, name: "kernel" };

/** `sysvshm`, `sysvshm.ko` and `/boot/kernel/sysvshm.ko` are one; undefined for other files. */
function facilityOf(file: string): Facility | undefined {
  const name = file.slice(file.lastIndexOf("/") + 1).replace(/\.ko$/, "");
  return FACILITIES.find((f) => name === `sysv${f}`);
}

/** Root of the host; `td` null is that from outside. [JAIL-46] */
const mayLoad = (td: Thread | null): boolean =>
  td === null || (privileged(td.p_ucred) && unjailed(td.p_ucred));

const refuse = (td: Thread | null, error: Errno, reason: Reason): Errno =>
  td === null ? error : deny(td, error, reason);

/**
 * kldload(2). The id of the file is td_retval. Limits are those of the boot again, ids start at
 * 65536 again. [JAIL-64] [JAIL-70]
 * @returns OK; EPERM; ENOENT for a file that is none of the three; EEXIST
 */
export function kldload(k: Kernel, td: Thread | null, file: string): Errno {
  if (!mayLoad(td)) return refuse(td, EPERM, JAIL_70);
  const f = facilityOf(file);
  if (f === undefined) return refuse(td, ENOENT, JAIL_70);
  if (k.modules[f].loaded) return refuse(td, EEXIST, JAIL_70);
  resetLimits(k, f);
  publish(k);
  loadFacility(k, f);
  if (td !== null) td.td_retval = k.modules[f].id;
  return OK;
}

/** What was written at run time went with the module. */
function resetLimits(k: Kernel, f: Facility): void {
  if (f === "msg") k.msginfo = msgInfo(k.limits);
  else if (f === "sem") k.seminfo = semInfo(k.limits);
  else k.shminfo = shmInfo(k.limits);
}

/**
 * kldunload(2) by name. sysvmsg takes its calls away before it looks: it sleeps while a process is
 * inside one of them, and they stay away if there are queues. [JAIL-69] [MSG-72] [MSG-73]
 *
 * From outside (`td` null) nobody can sleep: EBUSY at once, and nothing changed. A signal ends the
 * sleep with EINTR and gives the calls back, where FreeBSD would not notice it.
 *
 * @returns OK; EPERM; ENOENT if it is not loaded; EBUSY; EINTR; ESLEEP
 */
export function kldunload(k: Kernel, td: Thread | null, file: string): Errno {
  if (!mayLoad(td)) return refuse(td, EPERM, JAIL_69);
  const f = facilityOf(file);
  if (f === undefined || !k.modules[f].loaded) return refuse(td, ENOENT, JAIL_69);
  if (td !== null) td.td_retval = 0;
  if (f !== "msg") return unload(k, td, f);
  if (!anyInside(k)) return unloadMsg(k, td);
  if (td === null) return EBUSY;
  setCalls(k, false);
  return waitInside(k, td);
}

/** The calls of sysvmsg go away, or are there again. */
function setCalls(k: Kernel, calls: boolean): void {
  k.modules.msg.calls = calls;
  k.hooks.revoke(null);
}

const anyInside = (k: Kernel): boolean =>
  k.threads.some((td) => td !== null && (facilityInside("msg", td) || k.hooks.inside(td)));

/** Sleep until a sleeping call is over; who resumes it looks again. */
function waitInside(k: Kernel, td: Thread): Errno {
  k.drainers.add(td);
  k.commons.words[C_DRAIN] = 1;
  asleep(td, kldunloadResume);
  return ESLEEP;
}

function kldunloadResume(k: Kernel, td: Thread): Errno {
  k.drainers.delete(td);
  if (k.drainers.size === 0) k.commons.words[C_DRAIN] = 0;
  const { msg } = k.modules;
  if (td.td_interrupted) {
    setCalls(k, msg.loaded);
    return interrupted(td, MSG_72);
  }
  if (!msg.loaded) return deny(td, ENOENT, JAIL_69); // another one was first
  return anyInside(k) ? waitInside(k, td) : unloadMsg(k, td);
}

function unloadMsg(k: Kernel, td: Thread | null): Errno {
  setCalls(k, false);
  return unload(k, td, "msg");
}

/** The UNLOAD event: an object anywhere refuses it, jails do not. [JAIL-65] */
function unload(k: Kernel, td: Thread | null, f: Facility): Errno {
  if (facilityBusy(k, f)) return refuse(td, EBUSY, BUSY[f]);
  k.modules[f] = { loaded: false, calls: false, id: 0 };
  flagAll(k, f);
  k.model.unloaded(k, f);
  k.hooks.revoke(null);
  if (f === "sem") dropUndo(k);
  return OK;
}

function dropUndo(k: Kernel): void {
  for (const { td_undo } of k.procs.values()) if (td_undo !== null) release(k.commons, td_undo);
}

/** kldstat(2): the kernel, then the modules in the order in which they were loaded. */
export function kldstat(k: Kernel): KldFile[] {
  const files: KldFile[] = [];
  for (const f of FACILITIES) {
    const { loaded, id } = k.modules[f];
    if (loaded) files.push({ id, refs: 1, name: `sysv${f}.ko` });
  }
  return [KERNEL_FILE, ...files.sort((a, b) => a.id - b.id)];
}
