/**
 * Objects that were removed, and by whom: a bounded history, oldest first out. FreeBSD has none; it
 * belongs to the kernel's thread and costs a removal one record. Who sees a row is who would have
 * seen the object.
 */
import { HISTORY_ROWS, type RemovedRow, type Remover } from "@jailyard/abi/ipchistory";
import type { Facility } from "@jailyard/abi/types";
import { type Ucred, unjailed } from "./cred.ts";
import type { IpcPage } from "./ipcpage.ts";
import { P_CGID, P_CUID, P_GID, P_KEY, P_MODE, P_UID } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { seer } from "./model.ts";
import { nameSeenBy, type Prison, prisonIschild } from "./prison.ts";
import type { Thread } from "./thread.ts";

/** A process that removes, or why the kernel does. */
export type RemovedBy = Thread | string;

interface Record {
  readonly row: Omit<RemovedRow, "by" | "owner">;
  readonly by: (Omit<Remover, "jail"> & { readonly prison: Prison }) | null;
  readonly object: { readonly cred: Ucred; readonly space: number };
}

export class IpcHistory {
  /** Oldest first. */
  records: Record[] = [];
  #most = HISTORY_ROWS;

  /** kern.ipc.history. */
  get most(): number {
    return this.#most;
  }
  set most(most: number) {
    this.#most = most;
    this.#trim();
  }

  add(record: Record): void {
    this.records.push(record);
    // Now and then, so that a removal moves no rows.
    if (this.records.length >= 2 * this.#most) this.#trim();
  }

  #trim(): void {
    this.records = this.#most === 0 ? [] : this.records.slice(-this.#most);
  }
}

/** What a facility knows beside the header. */
export interface LastUse {
  readonly lpid: number;
  readonly changed: number;
}

/** Note that an object goes, while its page still says what it was. */
export function remember(
  k: Kernel,
  facility: Facility,
  object: IpcObject<IpcPage>,
  id: number,
  { lpid, changed }: LastUse,
  by: RemovedBy,
): void {
  const { hdr } = object.page;
  const { cred, space, cpid, made } = object;
  const row = {
    facility,
    id,
    key: hdr[P_KEY],
    mode: hdr[P_MODE] & 0o777,
    uid: hdr[P_UID] >>> 0,
    gid: hdr[P_GID] >>> 0,
    cuid: hdr[P_CUID] >>> 0,
    cgid: hdr[P_CGID] >>> 0,
    ...{ cpid, lpid, made, changed },
    removed: k.now,
    why: typeof by === "string" ? by : "",
  };
  k.history.add({
    row,
    by: typeof by === "string" ? null : removerOf(by),
    object: { cred, space },
  });
}

function removerOf({ p_pid, p_comm, p_ucred }: Thread): Record["by"] {
  const { cr_uid: uid, cr_prison: prison } = p_ucred;
  return { pid: p_pid, uid, comm: p_comm, jid: prison.pr_id, prison };
}

/** The rows of `f` that `td` may see, oldest first; `all` as of listing. */
export function removedRows(k: Kernel, td: Thread, f: Facility, all: boolean): RemovedRow[] {
  const sees = seer(k, f, k.model.root(k, f, td.p_ucred), all);
  if (sees === null || k.history.most === 0) return [];
  return k.history.records
    .slice(-k.history.most)
    .filter(({ row, object }) => row.facility === f && sees(object))
    .map((record) => shown(k, td.p_ucred, record));
}

function shown(k: Kernel, viewer: Ucred, { row, by, object }: Record): RemovedRow {
  const key = k.model.showsKey(viewer, object) ? row.key : 0;
  const told = { ...row, key, ...removerFor(viewer.cr_prison, by, row.why) };
  if (!unjailed(viewer)) return told;
  const { pr_id, pr_name } = object.cred.cr_prison;
  return { ...told, owner: { jid: pr_id, jail: pr_name, key: row.key } };
}

/** Processes of prisons that are not below the reader's own it does not see. */
function removerFor(
  me: Prison,
  by: Record["by"],
  why: string,
): { by: Remover | null; why: string } {
  if (by === null) return { by, why };
  if (by.prison !== me && !prisonIschild(me, by.prison)) {
    return { by: null, why: "a process outside of the jail" };
  }
  return { by: { ...plain(by), jail: nameOf(me, by.prison) }, why };
}

const plain = ({ pid, uid, comm, jid }: NonNullable<Record["by"]>): Omit<Remover, "jail"> => ({
  ...{ pid, uid, comm, jid },
});

const nameOf = (me: Prison, pr: Prison): string => (pr === me ? "" : nameSeenBy(me, pr));
