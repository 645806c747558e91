/** Credentials: struct ucred. Immutable; a change makes a new one. Objects keep their creator's. */
import type { Facility } from "@jailyard/abi/types";
import type { IpcNamespace } from "./ipcns.ts";
import type { Prison } from "./prison.ts";
import type { Subject } from "./site.ts";

export interface Ucred extends Subject {
  /** Effective and real user id. */
  readonly cr_uid: number;
  readonly cr_ruid: number;
  /** Effective group id, and the supplementary groups. */
  readonly cr_gid: number;
  readonly cr_groups: readonly number[];
  readonly cr_prison: Prison;
  /** Name spaces that the process or one before it chose by call; null: that of its prison. */
  readonly cr_ipcns: Readonly<Record<Facility, IpcNamespace | null>>;
}

export function groupmember(gid: number, cred: Subject): boolean {
  return cred.cr_gid === gid || cred.cr_groups.includes(gid);
}

/**
 * priv_check_cred(9) for the privileges of this host, PRIV_IPC_* and the jail's own: effective uid
 * 0, in a prison that has allow.suser. What a jailed root may not do its caller tests. [COM-21]
 */
export function privileged(cred: Subject): boolean {
  return cred.cr_uid === 0 && cred.cr_prison.pr_allow_suser;
}

/** True for a process of the host. */
export const unjailed = (cred: Ucred): boolean => cred.cr_prison.pr_parent === null;
