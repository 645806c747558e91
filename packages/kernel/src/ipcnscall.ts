/**
 * ipcns_create(2), ipcns_enter(2), ipcns_list(2) and ipcns_rmid(2): ours, after what the mail of 2006
 * asks for and unshare(2), setns(2) and lsns(8) of Linux.
 *
 * A process leaves a name space as on Linux: its SEM_UNDO entries are applied, for there is no way
 * to them afterwards, and what it has attached stays attached.
 */
import {
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOSYS,
  EPERM,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import { IPC_RMID } from "@jailyard/abi/ipc";
import type { IpcnsRow } from "@jailyard/abi/ipcns";
import { IPCNS_NAME_MAX } from "@jailyard/abi/ipcns";
import { HIST } from "@jailyard/abi/reason";
import { FACILITIES, type Facility } from "@jailyard/abi/types";
import { privileged, type Ucred } from "./cred.ts";
import { objectsOf } from "./facility.ts";
import {
  type IpcNamespace,
  ipcnsDrop,
  ipcnsHold,
  ipcnsMake,
  ipcnsNamed,
  ipcnsOf,
} from "./ipcns.ts";
import type { Kernel } from "./kernel.ts";
import { msgctl } from "./msgctl.ts";
import { semctl, semexit } from "./semctl.ts";
import { shmctl } from "./shmctl.ts";
import { deny, type Thread } from "./thread.ts";

const HIST_5 = HIST(5);
const HIST_8 = HIST(8);
const HIST_10 = HIST(10);
const HIST_12 = HIST(12);

/**
 * ipcns_create(2): a new, empty name space of one facility, for the caller and the children that it
 * has from now on. The id is td_retval.
 *
 * `name` goes below the name of the caller's name space, `0/pg1`, where it must be new.
 *
 * @returns OK; ENOSYS without the module, in a jail that has no name space, or under a model whose
 * name spaces are not made by a call; EPERM; EINVAL or ENAMETOOLONG for a bad name; EEXIST
 */
export function ipcnsCreate(k: Kernel, td: Thread, f: Facility | undefined, name: string): Errno {
  const here = mayMove(k, td, f, k.model.spaces?.byCall === true);
  if (typeof here === "number") return here;
  if (name === "" || name.includes("/") || name.includes("\0")) return deny(td, EINVAL, HIST_10);
  const full = here.ns_name === "" ? name : `${here.ns_name}/${name}`;
  if (full.length > IPCNS_NAME_MAX) return deny(td, ENAMETOOLONG, HIST_10);
  if (isTaken(k, here, full)) return deny(td, EEXIST, HIST_10);
  const ns = ipcnsMake(k, here.ns_facility, here.ns_prison, full);
  move(k, td, here.ns_facility, ns);
  td.td_retval = ns.ns_id;
  return OK;
}

function isTaken(k: Kernel, { ns_facility, ns_prison }: IpcNamespace, full: string): boolean {
  for (const ns of k.ipcns.values()) {
    const beside = ns.ns_facility === ns_facility && ns.ns_prison === ns_prison;
    if (beside && ns.ns_name === full) return true;
  }
  return false;
}

/**
 * ipcns_enter(2): the caller looks in the name space called `name` from now on, and so do the
 * children that it has from now on. Its id is td_retval.
 *
 * The host can enter any; a jail its own, those below and those that were made there.
 *
 * @returns OK; ENOSYS as ipcns_create(2), or if the model's name spaces have no names; EPERM; ENOENT
 */
export function ipcnsEnter(k: Kernel, td: Thread, f: Facility | undefined, name: string): Errno {
  const here = mayMove(k, td, f, k.model.spaces !== null);
  if (typeof here === "number") return here;
  const ns = ipcnsNamed(k, here.ns_facility, td.p_ucred.cr_prison, name);
  if (ns === null) return deny(td, ENOENT, HIST_10);
  if (ns !== here) move(k, td, here.ns_facility, ns);
  td.td_retval = ns.ns_id;
  return OK;
}

/** Where the caller is, if it may go elsewhere; else the errno. */
function mayMove(
  k: Kernel,
  td: Thread,
  f: Facility | undefined,
  supported: boolean,
): IpcNamespace | Errno {
  if (!supported) return deny(td, ENOSYS, HIST_5);
  if (f === undefined) return deny(td, EINVAL, HIST_5);
  if (!k.modules[f].loaded) return deny(td, ENOSYS, HIST_8);
  if (!privileged(td.p_ucred)) return deny(td, EPERM, HIST_12);
  return ipcnsOf(f, td.p_ucred) ?? deny(td, ENOSYS, HIST_8);
}

/**
 * ipcns_rmid(2): IPC_RMID of an object in the name space called `name`, without going there: what the
 * host needs to manage what jails allocated, as IPC_RMID cannot say in which name space.
 *
 * @returns OK; ENOENT for the name; what IPC_RMID gives to one who is there; else as ipcns_enter(2)
 */
export function ipcnsRmid(
  k: Kernel,
  td: Thread,
  f: Facility | undefined,
  name: string,
  id: number,
): Errno {
  const here = mayMove(k, td, f, k.model.spaces !== null);
  if (typeof here === "number") return here;
  const { ns_facility } = here;
  const own = td.p_ucred;
  const ns = ipcnsNamed(k, ns_facility, own.cr_prison, name);
  if (ns === null) return deny(td, ENOENT, HIST_10);
  td.p_ucred = { ...own, cr_ipcns: { ...own.cr_ipcns, [ns_facility]: ns } }; // for this call alone
  const error = REMOVERS[ns_facility](k, td, id);
  td.p_ucred = own;
  return error;
}

const REMOVERS: Readonly<Record<Facility, (k: Kernel, td: Thread, id: number) => Errno>> = {
  msg: (k, td, id) => msgctl(k, td, id, IPC_RMID, null),
  sem: (k, td, id) => semctl(k, td, id, 0, IPC_RMID, { val: 0, buf: null, array: null }),
  shm: (k, td, id) => shmctl(k, td, id, IPC_RMID, null),
};

/** While the process cannot change its vector, on whatever page. */
function applyUndo(k: Kernel, td: Thread): void {
  const thaw = k.hooks.still(td);
  semexit(k, td);
  thaw();
}

/** Its jail's own is not chosen: that one may change, and the process with it. */
function move(k: Kernel, td: Thread, f: Facility, ns: IpcNamespace): void {
  const old = td.p_ucred;
  if (f === "sem") applyUndo(k, td);
  const chosen = ns === old.cr_prison.pr_ipcns[f] ? null : ns;
  ipcnsHold(chosen);
  td.p_ucred = { ...old, cr_ipcns: { ...old.cr_ipcns, [f]: chosen } };
  k.hooks.revoke(old.cr_prison);
  ipcnsDrop(k, old.cr_ipcns[f]);
}

/**
 * ipcns_list(2): the name spaces that the caller can name, as it names them, by facility and age.
 * None under a model whose name spaces have no names.
 */
export function ipcnsList(k: Kernel, td: Thread): IpcnsRow[] {
  const rows: IpcnsRow[] = [];
  for (const f of FACILITIES) {
    for (const ns of k.ipcns.values()) {
      const name = k.model.spaces?.name(td.p_ucred.cr_prison, ns) ?? null;
      if (ns.ns_facility === f && name !== null) rows.push(rowOf(k, td.p_ucred, ns, name));
    }
  }
  return rows;
}

function rowOf(k: Kernel, viewer: Ucred, ns: IpcNamespace, name: string): IpcnsRow {
  const { ns_facility: facility, ns_id: id } = ns;
  let processes = 0;
  for (const { p_ucred } of k.procs.values()) if (ipcnsOf(facility, p_ucred) === ns) processes++;
  let objects = 0;
  for (const { space } of objectsOf(k, facility)) if (space === id) objects++;
  return { facility, id, name, objects, processes, mine: ipcnsOf(facility, viewer) === ns };
}
