/**
 * struct prison: the tree of jails, references, dying, and who sees whom, after kern_jail.c.
 *
 * A user reference keeps a prison alive: persist, each process, each child until it is completely
 * gone. A general reference keeps its record: each process, each object's credential, each child.
 * The calls that programs make are in jail.ts. [JAIL-1] to [JAIL-5] [JAIL-51] to [JAIL-62]
 */
import { FACILITIES, type Facility, type Jid } from "@jailyard/abi/types";
import type { IpcNamespace } from "./ipcns.ts";
import type { Kernel } from "./kernel.ts";

export const PRISON_ALIVE = 0;
export const PRISON_DYING = 1;
export const PRISON_GONE = 2;

export interface Prison {
  /** The jid; a dying prison may lose it to a new one. [JAIL-57] */
  pr_id: Jid;
  /** Full name from the host, `a.b`; "0" for the host itself. */
  pr_name: string;
  /** Never reused: the identity of the prison, and its key space. */
  readonly pr_serial: number;
  readonly pr_parent: Prison | null;
  readonly pr_children: Set<Prison>;
  pr_path: string;
  pr_hostname: string;
  pr_state: number;
  pr_persist: boolean;
  pr_allow_sysvipc: boolean;
  pr_allow_suser: boolean;
  /** How often jail_set has made or changed it. */
  pr_changes: number;
  /** children.max, and how many descendants there are, dying ones included. */
  pr_childmax: number;
  pr_childcount: number;
  pr_uref: number;
  pr_ref: number;
  /** root(f, P) of each facility that is present; null: disabled. [JAIL-2] */
  readonly pr_roots: Record<Facility, Prison | null>;
  /** Models whose name spaces are things of their own: that of this jail; null: it has none. */
  readonly pr_ipcns: Record<Facility, IpcNamespace | null>;
  /** The module came after the jail, and the policy of late load has not let it in. */
  readonly pr_noipc: Record<Facility, boolean>;
}

export function newPrison(serial: number, jid: Jid, name: string, parent: Prison | null): Prison {
  return {
    pr_id: jid,
    pr_name: name,
    pr_serial: serial,
    pr_parent: parent,
    pr_children: new Set(),
    pr_path: "/",
    pr_hostname: "",
    pr_state: PRISON_ALIVE,
    pr_persist: false,
    pr_allow_sysvipc: false,
    pr_allow_suser: true,
    pr_changes: 0,
    pr_childmax: 0,
    pr_childcount: 0,
    pr_uref: 0,
    pr_ref: 0,
    pr_roots: { msg: null, sem: null, shm: null },
    pr_ipcns: { msg: null, sem: null, shm: null },
    pr_noipc: { msg: false, sem: false, shm: false },
  };
}

/** True if `above` is a proper ancestor of `pr`. [JAIL-5] */
export function isAncestor(above: Prison, pr: Prison): boolean {
  for (let p = pr.pr_parent; p !== null; p = p.pr_parent) if (p === above) return true;
  return false;
}

/** Ancestors of `pr` and itself, from itself to the host. */
export function* selfAndAncestors(pr: Prison): Generator<Prison> {
  for (let p: Prison | null = pr; p !== null; p = p.pr_parent) yield p;
}

/** Descendants in pre-order; `enter` may cut a subtree off by answering false. */
export function descend(pr: Prison, enter: (p: Prison) => boolean): void {
  for (const child of [...pr.pr_children]) if (enter(child)) descend(child, enter);
}

/** Is `pr` one that a caller in `me` can address: a proper descendant? [JAIL-47] */
export const prisonIschild = (me: Prison, pr: Prison): boolean => isAncestor(me, pr);

const prefixOf = (me: Prison): string => (me.pr_parent === null ? "" : `${me.pr_name}.`);

/** The full name of what a caller in `me` calls `name`. [JAIL-39] */
export const fullName = (me: Prison, name: string): string => prefixOf(me) + name;

/** The name of a descendant as a caller in `me` says it. [JAIL-39] */
export const nameSeenBy = (me: Prison, pr: Prison): string => pr.pr_name.slice(prefixOf(me).length);

/** The path of a descendant as a caller in `me` sees it. */
export function pathSeenBy(me: Prison, pr: Prison): string {
  if (me.pr_path === "/" || !pr.pr_path.startsWith(me.pr_path)) return pr.pr_path;
  return pr.pr_path.slice(me.pr_path.length) || "/";
}

/** The prison with this jid, alive or dying: no two have the same. null if there is none. */
export function prisonFind(k: Kernel, jid: number): Prison | null {
  for (const pr of k.prisons) if (pr.pr_id === jid) return pr;
  return null;
}

/** A descendant of `me` by the name that `me` says; the living one first. [JAIL-57] */
export function prisonFindName(k: Kernel, me: Prison, name: string): Prison | null {
  const full = fullName(me, name);
  let dying: Prison | null = null;
  for (const pr of k.prisons) {
    if (pr.pr_name !== full || !prisonIschild(me, pr)) continue;
    if (pr.pr_state === PRISON_ALIVE) return pr;
    dying ??= pr;
  }
  return dying;
}

/** Put a new prison below its parent. It starts without any reference. */
export function linkPrison(k: Kernel, pr: Prison): void {
  const parent = pr.pr_parent!;
  parent.pr_children.add(pr);
  parent.pr_uref++;
  parent.pr_ref++;
  for (const p of selfAndAncestors(parent)) p.pr_childcount++;
  k.prisons.add(pr);
}

/** A general reference: a credential names the prison. */
export function prisonHold(pr: Prison): void {
  pr.pr_ref++;
}

/** Drop a general reference; with the last one the prison is gone. [JAIL-53] */
export function prisonFree(k: Kernel, pr: Prison): void {
  pr.pr_ref--;
  if (pr.pr_ref > 0 || pr.pr_uref > 0 || pr.pr_parent === null) return;
  unlinkPrison(k, pr);
}

function unlinkPrison(k: Kernel, pr: Prison): void {
  const parent = pr.pr_parent!;
  if (pr.pr_state === PRISON_GONE) return;
  pr.pr_state = PRISON_GONE;
  parent.pr_children.delete(pr);
  for (const p of selfAndAncestors(parent)) p.pr_childcount--;
  k.prisons.delete(pr);
  prisonUnuse(k, parent);
  prisonFree(k, parent);
}

/** A user reference: a process, persist, a child. */
export function prisonUse(pr: Prison): void {
  pr.pr_uref++;
}

/** Drop a user reference; with the last one the prison begins to die. [JAIL-52] */
export function prisonUnuse(k: Kernel, pr: Prison): void {
  pr.pr_uref--;
  if (pr.pr_uref > 0 || pr.pr_parent === null) return;
  if (pr.pr_state === PRISON_ALIVE) {
    pr.pr_state = PRISON_DYING;
    prisonCleanup(k, pr);
  }
  if (pr.pr_ref === 0) unlinkPrison(k, pr);
}

/** Set or drop persist; a prison that loses its last user reference by it begins to die. */
export function prisonPersist(k: Kernel, pr: Prison, persist: boolean): void {
  if (pr.pr_persist === persist) return;
  pr.pr_persist = persist;
  if (persist) prisonUse(pr);
  else prisonUnuse(k, pr);
}

/** Remove the objects that die with the prison, in every facility that is present. */
export function prisonCleanup(k: Kernel, pr: Prison): void {
  for (const f of FACILITIES) if (k.modules[f].loaded) k.model.dying(k, f, pr);
}
