/**
 * Model `disjoint`: name spaces as a facility of their own, to which the mail of 2006 leans and
 * which Linux has as CLONE_NEWIPC. A call makes a name space of one mechanism for the caller and
 * the children that it has from now on; it is replaced by the next such call, like a root directory
 * by chroot. A new jail gets one of each mechanism that is there, and a flag for each that is not.
 * Whoever is in a name space sees all of it and nothing else, keys and ids alike. [HIST-5]
 *
 * A jail's name space has the jail's name, `web`, and one that a call makes there a name below
 * that, `web/pg1`; the jail itself says `0` and `0/pg1`, as it says jid 0. The host can name all of
 * them, a jail its own and those of jails below. [HIST-10]
 */
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import type { Facility } from "@jailyard/abi/types";
import {
  IPCNS_VIEW,
  type IpcNamespace,
  ipcnsGive,
  ipcnsLoaded,
  ipcnsMake,
  ipcnsOfObject,
} from "../ipcns.ts";
import type { Kernel } from "../kernel.ts";
import { byId, byKey, type Jailsys, type Model, type Spaces } from "../model.ts";
import { descend, isAncestor, nameSeenBy, type Prison } from "../prison.ts";

/** Was it made for this jail? */
const isOwn = (prison: Prison, ns: IpcNamespace): boolean =>
  ns.ns_prison === prison && ns.ns_name === "";

const makeOwn = (k: Kernel, f: Facility, prison: Prison): void =>
  ipcnsGive(k, f, prison, ipcnsMake(k, f, prison, ""));

/** As with jail-keyed; but what a jail has by default is a name space of its own. */
const jailsys: Jailsys = {
  value(f, prison) {
    const ns = prison.pr_ipcns[f];
    if (ns === null) return JAIL_SYS_DISABLE;
    return isOwn(prison, ns) ? JAIL_SYS_NEW : JAIL_SYS_INHERIT;
  },
  permits: (f, parent, value) => value === JAIL_SYS_DISABLE || parent.pr_ipcns[f] !== null,
  set(k, f, prison, value) {
    const old = prison.pr_ipcns[f];
    if (value === JAIL_SYS_DISABLE) disable(k, f, prison);
    else if (value === JAIL_SYS_INHERIT) ipcnsGive(k, f, prison, prison.pr_parent!.pr_ipcns[f]);
    else if (old === null || !isOwn(prison, old)) makeOwn(k, f, prison);
    if (value !== JAIL_SYS_DISABLE && old !== null) bringAlong(k, f, prison, old);
  },
};

function disable(k: Kernel, f: Facility, prison: Prison): void {
  ipcnsGive(k, f, prison, null);
  descend(prison, (below) => {
    ipcnsGive(k, f, below, null);
    return true;
  });
}

/** Those below that shared what the jail had before share what it has now. [JAIL-16] */
function bringAlong(k: Kernel, f: Facility, prison: Prison, old: IpcNamespace): void {
  descend(prison, (below) => {
    if (below.pr_ipcns[f] !== old) return false;
    ipcnsGive(k, f, below, prison.pr_ipcns[f]);
    return true;
  });
}

const spaces: Spaces = {
  byCall: true,
  name(viewer, { ns_prison, ns_name }) {
    if (ns_prison !== viewer && !isAncestor(viewer, ns_prison)) return null;
    const ofJail = ns_prison === viewer ? "0" : nameSeenBy(viewer, ns_prison);
    return ns_name === "" ? ofJail : `${ofJail}/${ns_name}`;
  },
};

const KEYS = "the key is looked up in the caller's name space, whose members all find it";
const IDS =
  "an id is good for all in its name space, for nobody else, host included; keys are shown";

export const disjoint: Model = {
  name: "disjoint",
  jailsys,
  spaces,
  hasSwitch: false,
  ...IPCNS_VIEW,
  spaceName(k, object) {
    const ns = ipcnsOfObject(k, object);
    return ns === null ? null : spaces.name(k.prison0, ns);
  },
  created: makeOwn,
  loaded(k, f) {
    ipcnsLoaded(k, f, (prison, grant) => {
      if (grant === "own") makeOwn(k, f, prison);
      else ipcnsGive(k, f, prison, k.prison0.pr_ipcns[f]);
    });
  },
  about: {
    system: "Linux IPC name spaces; the mail of 2006",
    lateLoad: "deny",
    limits: "namespace",
    differs: {
      ...byKey(KEYS),
      ...byId(IDS),
      ipcs: "the host sees its own name space, and with `-Z` all of them, each by name, with keys",
      exit: "the last process of a name space that a call made takes its objects along",
      jail_set:
        "a new jail has a name space of its own where FreeBSD's has none; `inherit` shares keys as well",
      jail_get: "shows `new` for a jail that was made without parameters",
      jail_remove:
        "the jail's name space goes, and all objects in it, once no process of the host is in it",
      ipcns_create:
        "makes a name space of one mechanism, in which the caller and its children then are",
      ipcns_enter: "enters one by name",
      ipcns_list: "lists them by name, with objects and processes",
      ipcns_rmid: "removes what is in one, by its name and the object's id",
    },
    beside: [
      "One name space for each mechanism, as the mail wants; on Linux one holds all three.",
      "Ids are unique over all name spaces, so that a tool of the host can say which it means; on Linux each starts at 0.",
      "A name space ends with its last process or jail, as on Linux; nothing like a bind mount keeps an empty one.",
      "After an unload who chose a name space is in its jail's; who enters a jail is so at once.",
      "Who leaves a name space has its SEM_UNDO applied and keeps what it attached, as on Linux.",
      "`--limits namespace` gives each name space all of the host's limits; on Linux each can have values of its own. The message pool and undo structures are the host's.",
    ],
  },
};
