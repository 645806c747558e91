/**
 * A virtualisation model: who finds and sees which object. One file of policy each, in model/.
 *
 * `Root` is what the model hands out for a caller and takes back in `visible`; only the model looks
 * into it. The rest of the kernel asks and obeys.
 */
import type { Facility } from "@jailyard/abi/types";
import type { Ucred } from "./cred.ts";
import type { IpcNamespace } from "./ipcns.ts";
import { type IpcPage, P_KEY } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import type { LateLoad } from "./lateload.ts";
import type { Prison } from "./prison.ts";
import type { LimitScope } from "./usage.ts";

/** The first one is the default. */
export const MODELS = ["jail-keyed", "flat", "tagged", "disjoint", "broker"] as const;
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

/** Name spaces that are things of their own: ipcns_enter(2) and ipcns_list(2). */
export interface Spaces {
  /** Does ipcns_create(2) make them? */
  readonly byCall: boolean;
  /** What a viewer calls one; null: it is not to be seen from there. */
  name(viewer: Prison, ns: IpcNamespace): string | null;
}

/** The calls whose support docs/models.md tells, in its order. */
export const MODEL_CALLS = [
  "semget",
  "semop",
  "semctl",
  "shmget",
  "shmat",
  "shmdt",
  "shmctl",
  "msgget",
  "msgsnd",
  "msgrcv",
  "msgctl",
  "ipcs",
  "fork",
  "exit",
  "jail_set",
  "jail_get",
  "jail_attach",
  "jail_remove",
  "socket",
  "bind",
  "listen",
  "connect",
  "accept",
  "send",
  "recv",
  "close",
  "unlink",
  "kldload",
  "kldunload",
  "sysctl",
  "ipcns_create",
  "ipcns_enter",
  "ipcns_list",
  "ipcns_rmid",
] as const;
export type ModelCall = (typeof MODEL_CALLS)[number];

/** For docs/models.md: whose model it is, and why its calls differ from those of jail-keyed. */
export interface ModelAbout {
  /** The system, and the policies that would be its own. */
  readonly system: string;
  readonly lateLoad: LateLoad;
  readonly limits: LimitScope;
  /** Why, by call. That a call differs is found by making it; one that does has its reason here. */
  readonly differs: Readonly<Partial<Record<ModelCall, string>>>;
  /** Where the model is its original and where it is not, a sentence each. */
  readonly beside: readonly string[];
}

type Differs = ModelAbout["differs"];
const all = (calls: readonly ModelCall[], why: string): Differs =>
  Object.fromEntries(calls.map((call) => [call, why]));

/** One reason for all calls that find an object by its key. */
export const byKey = (why: string): Differs => all(["semget", "shmget", "msgget"], why);
/** One reason for all calls that are given an object's id. */
export const byId = (why: string): Differs =>
  all(["semop", "semctl", "shmat", "shmctl", "msgsnd", "msgrcv", "msgctl"], why);

export interface Model {
  readonly name: ModelName;
  readonly about: ModelAbout;
  /** The parameters sysvmsg, sysvsem, sysvshm; null if jails have none under this model. */
  readonly jailsys: Jailsys | null;
  /** Null: name spaces are not to be had, entered or listed. */
  readonly spaces: Spaces | null;
  /** Is security.jail.sysvipc_allowed the switch of all jails? [HIST-2] */
  readonly hasSwitch: boolean;
  /** From where the caller looks; null: the facility is not for it, ENOSYS. [COM-9] [COM-10] */
  root(k: Kernel, f: Facility, cred: Ucred): Root | null;
  /** The key space that the caller's gets search and create in; its root is not null. [COM-6] */
  keySpace(k: Kernel, f: Facility, cred: Ucred): number;
  /** May one who looks from `root` use the id of this object? [COM-11] */
  visible(k: Kernel, f: Facility, root: Root, object: Owned): boolean;
  /** Is the key of an object that it lists shown to this viewer? [COM-13] */
  showsKey(viewer: Ucred, object: Owned): boolean;
  /** What the host's tools call the name space of an object; null: names are not in this model. */
  spaceName(k: Kernel, object: Owned): string | null;
  /** A jail was made while the module is there, or is let in after a late load. [JAIL-8] */
  created(k: Kernel, f: Facility, prison: Prison): void;
  /** A prison dies: what goes with it is removed. [JAIL-52] */
  dying(k: Kernel, f: Facility, prison: Prison): void;
  /** A module was loaded: the prisons that are there get what policy gives them. [JAIL-64] */
  loaded(k: Kernel, f: Facility): void;
  /** A module was unloaded: what its prisons had is forgotten. [JAIL-65] */
  unloaded(k: Kernel, f: Facility): void;
}

/** The key field of a ds structure that this viewer gets. [COM-13] */
export function shownKey(k: Kernel, viewer: Ucred, object: IpcObject<IpcPage>): number {
  return k.model.showsKey(viewer, object) ? object.page.hdr[P_KEY] : 0;
}

/** What a listing has for who looks from `root`, or all there is; null: nothing at all. */
export function seer(
  k: Kernel,
  f: Facility,
  root: Root | null,
  all: boolean,
): ((object: Owned) => boolean) | null {
  if (all) return () => true;
  return root === null ? null : (object) => k.model.visible(k, f, root, object);
}
