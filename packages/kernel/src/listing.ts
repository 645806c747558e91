/** What the three listings show one reader, with the owner's jail for a reader on the host. */
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import type { ShmidDs } from "@jailyard/abi/shm";
import type { Facility, Ix } from "@jailyard/abi/types";
import { unjailed } from "./cred.ts";
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
}

function objectAt(k: Kernel, f: Facility, ix: Ix): IpcObject<IpcPage> {
  const table = f === "sem" ? k.sem : f === "shm" ? k.shm.table : k.msg.table;
  return table.slots[ix]!;
}

/** Rows of `f` that are in use and visible to `td`; none while the module is absent. */
export function listing(k: Kernel, td: Thread, f: Facility): (Row & { owner?: Owner })[] {
  if (!k.modules[f].loaded) return [];
  const rows = f === "sem" ? semList(k, td) : f === "shm" ? shmList(k, td) : msgList(k, td);
  if (!unjailed(td.p_ucred)) return rows;
  return rows.map((row) => ({ ...row, owner: ownerOf(objectAt(k, f, row.ix)) }));
}

function ownerOf({ cred, page }: IpcObject<IpcPage>): Owner {
  const { pr_id, pr_name } = cred.cr_prison;
  return { jid: pr_id, jail: pr_name, key: page.hdr[P_KEY] };
}
