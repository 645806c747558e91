/**
 * jail_get(2), jail_remove(2), jail_attach(2), after sys/kern/kern_jail.c; jail_set(2) is in
 * jailset.ts, the tree of prisons in prison.ts.
 *
 * `td` null stands for root of the host, calling from outside the yard. There are no descriptors of
 * jails, no CPU sets, and no files: a path is a string.
 */
import { EINVAL, ENOENT, EPERM, type Errno, OK } from "@jailyard/abi/errno";
import {
  JAIL_DYING,
  JAIL_SYS_NAMES,
  type JailInfo,
  type JailParams,
  jailParamOf,
} from "@jailyard/abi/jail";
import { jailParamNamed } from "@jailyard/abi/jailparam";
import type { Reason } from "@jailyard/abi/reason";
import { JAIL } from "@jailyard/abi/reason";
import { SIGKILL } from "@jailyard/abi/signal";
import { FACILITIES, type Jid } from "@jailyard/abi/types";
import { privileged } from "./cred.ts";
import { credDrop, OWN_IPCNS } from "./ipcns.ts";
import { jailParamExists } from "./jailparam.ts";
import type { Kernel } from "./kernel.ts";
import {
  descend,
  isAncestor,
  nameSeenBy,
  PRISON_ALIVE,
  PRISON_DYING,
  type Prison,
  pathSeenBy,
  prisonCleanup,
  prisonFind,
  prisonFindName,
  prisonFree,
  prisonHold,
  prisonIschild,
  prisonPersist,
  prisonUnuse,
  prisonUse,
} from "./prison.ts";
import { psignal, tell } from "./proc.ts";
import { deny, type Thread } from "./thread.ts";
import { T_PROC } from "./trace.ts";

const JAIL_46 = JAIL(46);
const JAIL_48 = JAIL(48);
const JAIL_49 = JAIL(49);
const JAIL_50 = JAIL(50);

/** What jail_set(2) and jail_get(2) give beside the errno. */
export interface JailOut {
  /** The text of a failure; empty if the errno has to say it all. */
  errmsg: string;
  /** The jid of a success, as td_retval. */
  jid?: Jid;
}

/** A failure of jail_set or jail_get, with its text. */
export function jailError(
  td: Thread | null,
  out: JailOut,
  error: Errno,
  reason: Reason,
  errmsg = "",
): Errno {
  out.errmsg = errmsg;
  return refuse(td, error, reason);
}

const refuse = (td: Thread | null, error: Errno, reason: Reason): Errno =>
  td === null ? error : deny(td, error, reason);

/** The prison from which the caller looks. */
export const prisonOf = (k: Kernel, td: Thread | null): Prison =>
  td === null ? k.prison0 : td.p_ucred.cr_prison;

/** PRIV_JAIL_SET, _REMOVE, _ATTACH: root may, inside a jail too. [JAIL-46] */
export const mayJail = (td: Thread | null): boolean => td === null || privileged(td.p_ucred);

export interface JailGetOut extends JailOut {
  info: JailInfo | null;
}

/**
 * jail_get(2): the jail with `jid`, else the one called `name`; with `lastjid` the next one after
 * it. Other names in `params` ask whether there is such a parameter; `out.info` has all of them.
 *
 * @returns OK, the jid in td_retval; ENOENT; EINVAL for unknown flags, values of a wrong kind and
 * unknown parameters [JAIL-48]
 */
export function jailGet(
  k: Kernel,
  td: Thread | null,
  params: JailParams,
  flags: number,
  out: JailGetOut,
): Errno {
  out.errmsg = "";
  out.info = null;
  if ((flags & ~JAIL_DYING) !== 0) return jailError(td, out, EINVAL, JAIL_48);
  const me = prisonOf(k, td);
  const found = findAsked(k, me, params, (flags & JAIL_DYING) !== 0);
  if (typeof found === "number") return jailError(td, out, found, JAIL_48);
  if (typeof found === "string") return jailError(td, out, ENOENT, JAIL_48, found);
  const unknown = Object.keys(params).find((name) => !mayAsk(k, name));
  if (unknown !== undefined) {
    return jailError(td, out, EINVAL, JAIL_48, `unknown parameter: ${unknown}`);
  }
  out.info = jailInfo(k, me, found);
  out.jid = found.pr_id;
  if (td !== null) td.td_retval = found.pr_id;
  return OK;
}

function mayAsk(k: Kernel, name: string): boolean {
  const known = jailParamNamed(name);
  return name === "lastjid" || (known !== undefined && jailParamExists(k, known.param));
}

/** The prison that is asked for; EINVAL for a key of a wrong kind, or the text of an ENOENT. */
function findAsked(
  k: Kernel,
  me: Prison,
  { lastjid, jid, name }: JailParams,
  dying: boolean,
): Prison | string | Errno {
  if ([lastjid, jid].some((key) => key !== undefined && !Number.isInteger(key))) return EINVAL;
  if (name !== undefined && typeof name !== "string") return EINVAL;
  if (lastjid !== undefined) {
    return nextPrison(k, me, lastjid as number, dying) ?? `no jail after ${lastjid}`;
  }
  if (jid !== undefined && jid !== 0) {
    const pr = prisonFind(k, jid as number);
    if (pr === null || !prisonIschild(me, pr)) return `jail ${jid} not found`;
    return dying || pr.pr_state === PRISON_ALIVE ? pr : `jail ${jid} is dying`;
  }
  if (name === undefined || name === "") return "no jail specified";
  const pr = prisonFindName(k, me, name);
  if (pr === null) return `jail "${name}" not found`;
  return dying || pr.pr_state === PRISON_ALIVE ? pr : `jail "${name}" is dying`;
}

/** The visible prison with the lowest jid above `lastjid`. */
function nextPrison(k: Kernel, me: Prison, lastjid: number, dying: boolean): Prison | null {
  let next: Prison | null = null;
  for (const pr of k.prisons) {
    if (pr.pr_id <= lastjid || (next !== null && pr.pr_id > next.pr_id)) continue;
    if (prisonIschild(me, pr) && (dying || pr.pr_state === PRISON_ALIVE)) next = pr;
  }
  return next;
}

/** A jail as a caller in `me` is shown it. [JAIL-47] */
function jailInfo(k: Kernel, me: Prison, pr: Prison): JailInfo {
  const parent = pr.pr_parent!;
  const info: JailInfo = {
    jid: pr.pr_id,
    name: nameSeenBy(me, pr),
    parent: parent === me ? (0 as Jid) : parent.pr_id,
    path: pathSeenBy(me, pr),
    "host.hostname": pr.pr_hostname,
    persist: pr.pr_persist,
    dying: pr.pr_state !== PRISON_ALIVE,
    "children.max": pr.pr_childmax,
    "children.cur": pr.pr_childcount,
    "allow.sysvipc": pr.pr_allow_sysvipc,
    "allow.suser": pr.pr_allow_suser,
    changes: pr.pr_changes,
  };
  const { jailsys } = k.model;
  for (const f of FACILITIES) {
    if (jailsys === null || !k.modules[f].loaded) continue;
    info[jailParamOf(f)] = JAIL_SYS_NAMES[jailsys.value(f, pr)];
  }
  return info;
}

/**
 * jail_remove(2): the jail, all jails below it and their processes. A process that sleeps in a call
 * ends when it is run.
 *
 * @returns OK, also for a jail that is dying; EPERM; EINVAL if there is none to be seen [JAIL-50]
 */
export function jailRemove(k: Kernel, td: Thread | null, jid: number): Errno {
  if (!mayJail(td)) return refuse(td, EPERM, JAIL_46);
  const pr = prisonFind(k, jid);
  if (pr === null || !prisonIschild(prisonOf(k, td), pr)) return refuse(td, EINVAL, JAIL_50);
  if (td !== null) td.td_retval = 0;
  if (pr.pr_state === PRISON_ALIVE) prisonRemove(k, pr);
  return OK;
}

/**
 * Mark all dying, parents first; clean up and drop persist, children first; only then kill. So
 * sleepers have seen EIDRM before the signal comes. [JAIL-54]
 */
export function prisonRemove(k: Kernel, target: Prison): void {
  const doomed = [target];
  descend(target, (pr) => {
    if (pr.pr_state === PRISON_ALIVE) doomed.push(pr);
    return true;
  });
  for (const pr of doomed) pr.pr_state = PRISON_DYING;
  for (const pr of doomed.reverse()) {
    prisonCleanup(k, pr);
    prisonPersist(k, pr, false);
  }
  for (const td of [...k.procs.values()]) {
    const prison = td.p_ucred.cr_prison;
    if (prison === target || isAncestor(target, prison)) psignal(k, td, SIGKILL);
  }
}

/**
 * jail_attach(2): the caller enters a jail, for good. What it made before stays with its old
 * prison, what it makes from now on belongs to the new one; attaches and undo stay. [JAIL-28]
 *
 * @returns OK; EPERM; EINVAL for a jail that is not below the caller's, or that is dying [JAIL-49]
 */
export function jailAttach(k: Kernel, td: Thread, jid: number): Errno {
  if (!mayJail(td)) return deny(td, EPERM, JAIL_49);
  const pr = prisonFind(k, jid);
  if (pr === null || !prisonIschild(td.p_ucred.cr_prison, pr)) return deny(td, EINVAL, JAIL_49);
  if (pr.pr_state !== PRISON_ALIVE) return deny(td, EINVAL, JAIL_49);
  enterPrison(k, td, pr);
  td.td_retval = 0;
  return OK;
}

/** Move the process to the jail and its name spaces; what it leaves may die by that. */
export function enterPrison(k: Kernel, td: Thread, pr: Prison): void {
  const old = td.p_ucred;
  prisonHold(pr);
  prisonUse(pr);
  td.p_ucred = { ...old, cr_prison: pr, cr_ipcns: OWN_IPCNS };
  k.profile.setJid(td.p_pid, pr.pr_id);
  tell(k, T_PROC, td);
  k.racct?.credChanged(td, old);
  k.hooks.revoke(old.cr_prison);
  credDrop(k, old);
  prisonUnuse(k, old.cr_prison);
  prisonFree(k, old.cr_prison);
}
