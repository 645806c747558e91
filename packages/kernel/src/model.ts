/**
 * A virtualisation model: who finds and sees which object. One file of policy each, in model/.
 *
 * `Root` is what the model hands out for a caller and takes back in `visible`; only the model looks
 * into it. The rest of the kernel asks and obeys.
 */
import type { Facility } from "@jailyard/abi/types";
import type { Ucred } from "./cred.ts";
import { type IpcPage, P_KEY } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import type { Prison } from "./prison.ts";

export const MODELS = ["jail-keyed", "flat"] as const;
export type ModelName = (typeof MODELS)[number];

export type Root = object;
type Owned = Pick<IpcObject<IpcPage>, "cred" | "space">;

/** What a jailsys parameter does, whose values are JAIL_SYS_DISABLE, _NEW and _INHERIT. [JAIL-6] */
export interface Jailsys {
  /** The value that the parameter shows. [JAIL-2] */
  value(f: Facility, prison: Prison): number;
  /** May a child of `parent` have this value? [JAIL-11] */
  permits(f: Facility, parent: Prison, value: number): boolean;
  /** Change the name space of a jail; cannot fail. [JAIL-15] to [JAIL-18] */
  set(k: Kernel, f: Facility, prison: Prison, value: number): void;
}

export interface Model {
  readonly name: ModelName;
  /** The parameters sysvmsg, sysvsem, sysvshm; null if jails have none under this model. */
  readonly jailsys: Jailsys | null;
  /** From where the caller looks; null: the facility is not for it, ENOSYS. [COM-9] [COM-10] */
  root(k: Kernel, f: Facility, cred: Ucred): Root | null;
  /** The key space that the caller's gets search and create in. [COM-6] */
  keySpace(k: Kernel, f: Facility, cred: Ucred): number;
  /** May one who looks from `root` use the id of this object? [COM-11] */
  visible(k: Kernel, f: Facility, root: Root, object: Owned): boolean;
  /** Is the object's key shown to this viewer? [COM-13] */
  showsKey(viewer: Ucred, object: Owned): boolean;
  /** Does what `prison` owns go when it dies? [JAIL-52] */
  diesWith(f: Facility, prison: Prison): boolean;
  /** A module was loaded: what do the prisons that are there get? [JAIL-64] */
  loaded(k: Kernel, f: Facility): void;
  /** A module was unloaded: what its prisons had is forgotten. [JAIL-65] */
  unloaded(k: Kernel, f: Facility): void;
}

/** The key field of a ds structure that this viewer gets. [COM-13] */
export function shownKey(k: Kernel, viewer: Ucred, object: IpcObject<IpcPage>): number {
  return k.model.showsKey(viewer, object) ? object.page.hdr[P_KEY] : 0;
}
