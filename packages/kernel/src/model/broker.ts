/**
 * Model `broker`: DragonFly's sysvipcd. System V IPC is user land: a daemon that listens on a socket
 * below /var/run, and a name space is whoever can open the same socket. So it follows the tree of
 * files: a jail's path decides which broker it reaches, jails with one path share one, and a jail
 * at `/` has the host's. Nobody, host included, sees into another broker than that of his own root.
 * [HIST-7] [HIST-10] [HIST-14]
 *
 * A broker is started by the host with the module, by a jail when it is made, and stops with the
 * last jail at its path. A jail that came before the module has its broker started if the policy of
 * late load says so, or when allow.sysvipc is set; without one its calls are ENOSYS.
 */
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
import { byId, byKey, type Model, type Spaces } from "../model.ts";
import type { Prison } from "../prison.ts";

/** The broker at the jail's path; it is started if none is there. */
function reach(k: Kernel, f: Facility, prison: Prison): void {
  ipcnsGive(k, f, prison, brokerAt(k, f, prison.pr_path) ?? start(k, f, prison));
}

function brokerAt(k: Kernel, f: Facility, path: string): IpcNamespace | null {
  for (const ns of k.ipcns.values()) {
    if (ns.ns_facility === f && ns.ns_name === path) return ns;
  }
  return null;
}

const start = (k: Kernel, f: Facility, prison: Prison): IpcNamespace =>
  ipcnsMake(k, f, prison, prison.pr_path);

/** A socket's name is a path, and a viewer's begins at his own root. */
const spaces: Spaces = {
  byCall: false,
  name({ pr_path }, { ns_name }) {
    if (pr_path === "/" || ns_name === pr_path) return pr_path === "/" ? ns_name : "/";
    return ns_name.startsWith(`${pr_path}/`) ? ns_name.slice(pr_path.length) : null;
  },
};

const KEYS =
  "the key is looked up in the broker at the caller's root, which all with that path share";
const IDS = "an id is good for all who reach its broker, for nobody else; keys are shown";
const NO_PARAMETERS = "no sysv* parameters: the path decides which broker a jail reaches";

export const broker: Model = {
  name: "broker",
  jailsys: null,
  spaces,
  hasSwitch: false,
  ...IPCNS_VIEW,
  spaceName: (k, object) => ipcnsOfObject(k, object)?.ns_name ?? null,
  created: reach,
  loaded: (k, f) => ipcnsLoaded(k, f, (prison) => reach(k, f, prison)),
  about: {
    system: "DragonFly's sysvipcd",
    lateLoad: "create",
    limits: "namespace",
    differs: {
      ...byKey(KEYS),
      ...byId(IDS),
      ipcs: "the host sees the broker at `/`, and with `-Z` all of them, each by its path, with keys",
      exit: "a broker of which only a process is left stops with it",
      jail_set: NO_PARAMETERS,
      jail_get: NO_PARAMETERS,
      jail_remove: "the broker stops with the last jail at its path, and its objects are gone",
      kldload: "a jail that gets one reaches the broker at its path, with allow.sysvipc too",
      ipcns_enter: "goes to the broker at a path, as chroot and a new connection would",
      ipcns_list: "lists the brokers below the caller's root",
      ipcns_rmid: "asks the broker at a path to remove an object",
    },
    beside: [
      "Brokers run in the kernel here, and start and stop by the rules above; on DragonFly each is a daemon that somebody starts, and a program asks for it by an environment variable.",
      "Without a broker every call is ENOSYS, as DragonFly's own kernel calls are in a jail without permission. Its libc says EBADF for a get, because it goes on with a descriptor of -1, and EINVAL for the rest.",
      "A process may use an id that it did not get itself; with DragonFly's libc it has to call the get first.",
    ],
  },
};
