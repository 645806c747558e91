/** ipcperm() of sys/kern/sysv_ipc.c. The caller holds the page lock. [COM-14] to [COM-22] */
import { EACCES, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_M, IPC_R, IPC_W } from "@jailyard/abi/ipc";
import { COM } from "@jailyard/abi/reason";
import { groupmember, privileged } from "./cred.ts";
import { type IpcPage, P_CGID, P_CUID, P_GID, P_MODE, P_UID } from "./ipcpage.ts";
import { type Caller, deny, type Subject } from "./site.ts";

const COM_16 = COM(16);

/**
 * May `td` do what `wanted` says, a set of IPC_R, IPC_W, IPC_M and perhaps 0100?
 *
 * The class is owner, group or other, and only that class's triple counts [COM-17]; privilege adds
 * R, W and M. 0100 is granted by nothing. [COM-20]
 *
 * @returns OK or EACCES, never EPERM [COM-16]
 */
export function ipcperm(td: Caller, page: IpcPage, wanted: number): Errno {
  const cred = td.p_ucred;
  let granted = grantedByMode(page.hdr, cred);
  if ((wanted & ~granted) !== 0 && privileged(cred)) granted |= IPC_M | IPC_R | IPC_W;
  return (wanted & ~granted) === 0 ? OK : deny(td, EACCES, COM_16);
}

/** The same as a question: the caller learns nothing of why not. */
export function permits(td: Caller, page: IpcPage, wanted: number): boolean {
  const cred = td.p_ucred;
  if ((wanted & ~grantedByMode(page.hdr, cred)) === 0) return true;
  return privileged(cred) && (wanted & ~(IPC_M | IPC_R | IPC_W)) === 0;
}

function grantedByMode(hdr: Int32Array, cred: Subject): number {
  const mode = hdr[P_MODE];
  const { cr_uid } = cred; // unsigned, and so is what the words hold
  if (cr_uid === hdr[P_CUID] >>> 0 || cr_uid === hdr[P_UID] >>> 0) {
    return IPC_M | (mode & (IPC_R | IPC_W));
  }
  const member = groupmember(hdr[P_GID] >>> 0, cred) || groupmember(hdr[P_CGID] >>> 0, cred);
  return (member ? mode << 3 : mode << 6) & (IPC_R | IPC_W);
}
