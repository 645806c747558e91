/**
 * Name spaces as things of their own, for the models that have them: Linux's struct ipc_namespace,
 * or the broker behind one socket. What they mean is the model's; here is how long they live.
 *
 * A name space has a user for each jail whose own it is and each process that chose it. With the
 * last one it is gone, and its objects with it, as on Linux [HIST-14]. An object is no user, so
 * nobody can leave one where no name leads to it.
 */
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import type { Ucred } from "./cred.ts";
import { cleanupSpace } from "./facility.ts";
import type { Kernel } from "./kernel.ts";
import { letIn } from "./lateload.ts";
import type { Model } from "./model.ts";
import { PRISON_ALIVE, type Prison } from "./prison.ts";

export interface IpcNamespace {
  /** Never reused: the key space of its objects. */
  readonly ns_id: number;
  readonly ns_facility: Facility;
  /** The prison in which it was made. */
  readonly ns_prison: Prison;
  /** Path of a broker's jail; what a call said, below its prison's; empty: the prison's own. */
  readonly ns_name: string;
  ns_users: number;
  /** False once its last user or its module is gone. */
  ns_alive: boolean;
}

/** A process that chose nothing. */
export const OWN_IPCNS: Ucred["cr_ipcns"] = { msg: null, sem: null, shm: null };

/** A new name space, which has no user yet. */
export function ipcnsMake(k: Kernel, f: Facility, prison: Prison, name: string): IpcNamespace {
  const ns: IpcNamespace = {
    ns_id: ++k.ipcnsSerial,
    ns_facility: f,
    ns_prison: prison,
    ns_name: name,
    ns_users: 0,
    ns_alive: true,
  };
  k.ipcns.set(ns.ns_id, ns);
  return ns;
}

export function ipcnsHold(ns: IpcNamespace | null): void {
  if (ns !== null) ns.ns_users++;
}

/** One user less; objects that are in a name space without users are removed. */
export function ipcnsDrop(k: Kernel, ns: IpcNamespace | null): void {
  if (ns === null || --ns.ns_users > 0 || !ns.ns_alive) return;
  forget(k, ns);
  cleanupSpace(k, ns.ns_facility, ns.ns_id);
}

function forget(k: Kernel, ns: IpcNamespace): void {
  ns.ns_alive = false;
  k.ipcns.delete(ns.ns_id);
}

/** The jail has this name space from now on, or none. */
export function ipcnsGive(k: Kernel, f: Facility, prison: Prison, ns: IpcNamespace | null): void {
  const old = prison.pr_ipcns[f];
  ipcnsHold(ns);
  prison.pr_ipcns[f] = ns;
  ipcnsDrop(k, old);
}

/**
 * The name space in which a process looks: the one that it chose, else its jail's. null if its jail
 * has none: who chose one while it had loses it too. [HIST-5]
 */
export function ipcnsOf(f: Facility, cred: Ucred): IpcNamespace | null {
  const ofPrison = cred.cr_prison.pr_ipcns[f];
  if (ofPrison === null) return null;
  const chosen = cred.cr_ipcns[f];
  return chosen?.ns_alive === true ? chosen : ofPrison;
}

/** What a caller finds and sees where a name space is a thing of its own: all of it, nothing else. */
export const IPCNS_VIEW: Pick<
  Model,
  "root" | "keySpace" | "visible" | "showsKey" | "dying" | "unloaded"
> = {
  root: (_k, f, cred) => ipcnsOf(f, cred),
  keySpace: (_k, f, cred) => ipcnsOf(f, cred)!.ns_id,
  visible: (_k, _f, root, { space }) => (root as IpcNamespace).ns_id === space,
  showsKey: () => true,
  dying: (k, f, prison) => ipcnsGive(k, f, prison, null),
  unloaded: ipcnsUnloaded,
};

/** A process starts with this credential, or leaves it. */
export function credHold({ cr_ipcns }: Ucred): void {
  for (const f of FACILITIES) ipcnsHold(cr_ipcns[f]);
}
export function credDrop(k: Kernel, { cr_ipcns }: Ucred): void {
  for (const f of FACILITIES) ipcnsDrop(k, cr_ipcns[f]);
}

/** What a load gives, but not to a dying jail: it would never give it back. */
export function ipcnsLoaded(k: Kernel, f: Facility, admit: Parameters<typeof letIn>[2]): void {
  letIn(k, f, (prison, grant) => {
    if (prison.pr_state === PRISON_ALIVE) admit(prison, grant);
  });
}

/** The module is gone, and with it every name space; no object is left. [JAIL-65] */
function ipcnsUnloaded(k: Kernel, f: Facility): void {
  for (const ns of k.ipcns.values()) if (ns.ns_facility === f) forget(k, ns);
  for (const prison of k.prisons) ipcnsGive(k, f, prison, null);
}

/** The name space of an object; null if it is gone while the object is attached still. */
export const ipcnsOfObject = (k: Kernel, { space }: { readonly space: number }) =>
  k.ipcns.get(space) ?? null;

/** The one that a viewer calls `name`, a living jail's before a dead one's; null: there is none. */
export function ipcnsNamed(
  k: Kernel,
  f: Facility,
  viewer: Prison,
  name: string,
): IpcNamespace | null {
  let found: IpcNamespace | null = null;
  for (const ns of k.ipcns.values()) {
    if (ns.ns_facility !== f || k.model.spaces?.name(viewer, ns) !== name) continue;
    if (ns.ns_prison.pr_state === PRISON_ALIVE) return ns;
    found ??= ns;
  }
  return found;
}
