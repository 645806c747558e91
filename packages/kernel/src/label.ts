/** label: what a program calls a lock of an object that it may alter. Ours. */
import { LABEL_MAX } from "@jailyard/abi/contention";
import { EFBIG, EINVAL, ENOSYS, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_W } from "@jailyard/abi/ipc";
import { TOOL } from "@jailyard/abi/reason";
import type { Facility } from "@jailyard/abi/types";
import { tableOf } from "./facility.ts";
import { P_ALIVE } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import type { SemPage } from "./sempage.ts";
import { deny, type Thread } from "./thread.ts";

const TOOL_43 = TOOL(43);

/** @returns OK, ENOSYS, EINVAL, EACCES, or EFBIG for a number that the set has not */
export function label(
  k: Kernel,
  td: Thread,
  f: Facility | undefined,
  id: number,
  num: number,
  name: string,
): Errno {
  if (f === undefined || f === "shm" || name.length > LABEL_MAX) return deny(td, EINVAL, TOOL_43);
  const root = k.modules[f].calls ? k.model.root(k, f, td.p_ucred) : null;
  if (root === null) return deny(td, ENOSYS, TOOL_43);
  const object = tableOf(k, f).at(id);
  const isThere = object !== null && object.page.hdr[P_ALIVE] === 1;
  if (!isThere || !k.model.visible(k, f, root, object)) return deny(td, EINVAL, TOOL_43);
  const error = ipcperm(td, object.page, IPC_W);
  if (error !== OK) return error;
  const locks = f === "sem" ? (object.page as SemPage).nsems : 1;
  if (num < 0 || num >= locks) return deny(td, EFBIG, TOOL_43);
  k.book.label(object, num, name);
  return OK;
}
