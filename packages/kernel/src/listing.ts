/** What the three listings show one reader, with the owner's jail for a reader on the host. */
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility, Ix } from "@jailyard/abi/types";
import { unjailed } from "./cred.ts";
import { tableOf } from "./facility.ts";
import type { IpcPage } from "./ipcpage.ts";
import { P_KEY } from "./ipcpage.ts";
import type { IpcObject } from "./ipctable.ts";
import type { Kernel } from "./kernel.ts";
import { msgList } from "./msgctl.ts";
import { semList } from "./semctl.ts";
import { shmList } from "./shmctl.ts";
import type { Thread } from "./thread.ts";

interface Row {
  readonly ix: Ix;
  readonly id: number;
  readonly ds: MsqidDs | SemidDs | ShmidDs;
}

/** Ours: FreeBSD keeps no jid with an object [JAIL-35]; the host's tools want jail and true key. */
interface Owner {
  readonly jid: number;
  readonly jail: string;
  readonly key: number;
  /** Name of the name space; null if it has none, or under a model that has no names. */
  readonly space: string | null;
}

/**
 * Rows of `f` that are in use and visible to `td`; none while the module is absent. `all`: those of
 * every name space, which only the host may ask for and which is its way to see what it is not in.
 */
export function listing(
  k: Kernel,
  td: Thread,
  f: Facility,
  all = false,
): (Row & { owner?: Owner })[] {
  if (!k.modules[f].loaded) return [];
  const rows = LISTS[f](k, td, all);
  if (!unjailed(td.p_ucred)) return rows;
  const { slots } = tableOf(k, f);
  return rows.map((row) => ({ ...row, owner: ownerOf(k, slots[row.ix]!) }));
}

const LISTS: Readonly<Record<Facility, (k: Kernel, td: Thread, all: boolean) => Row[]>> = {
  msg: msgList,
  sem: semList,
  shm: shmList,
};

function ownerOf(k: Kernel, object: IpcObject<IpcPage>): Owner {
  const { pr_id, pr_name } = object.cred.cr_prison;
  const key = object.page.hdr[P_KEY];
  return { jid: pr_id, jail: pr_name, key, space: k.model.spaceName(k, object) };
}
