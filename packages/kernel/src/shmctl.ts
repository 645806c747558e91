/** shmctl(2) and the listing of shared memory segments, after sys/kern/sysv_shm.c. */
import { EFAULT, EINVAL, ENOSYS, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_INFO, IPC_M, IPC_R, IPC_RMID, IPC_SET, IPC_STAT } from "@jailyard/abi/ipc";
import { SHM } from "@jailyard/abi/reason";
import { SHM_INFO, SHM_STAT, type ShmidDs, shmidDs } from "@jailyard/abi/shm";
import type { Ix, Shmid } from "@jailyard/abi/types";
import { copyPerm, setPerm } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import { seer, shownKey } from "./model.ts";
import { shmFind } from "./shm.ts";
import { P_CPID, P_LPID, P_NATTCH, type ShmPage, T_ATIME, T_CTIME, T_DTIME } from "./shmpage.ts";
import { type ShmSegment, segBytes, shmFreeUnattached, shmRemoveLocked } from "./shmseg.ts";
import { lockPage, unlockPage } from "./site.ts";
import { deny, type Thread } from "./thread.ts";

const SHM_17 = SHM(17);
const SHM_38 = SHM(38);
const SHM_39 = SHM(39);
const SHM_40 = SHM(40);
const SHM_41 = SHM(41);
const SHM_44 = SHM(44);

/**
 * shmctl(2). IPC_STAT fills `buf`, IPC_SET reads it; null stands for memory that is not mapped.
 * @returns OK, EINVAL, EFAULT, ENOSYS, EACCES
 */
export function shmctl(
  k: Kernel,
  td: Thread,
  shmid: number,
  cmd: number,
  buf: ShmidDs | null,
): Errno {
  if (cmd === IPC_INFO || cmd === SHM_INFO || cmd === SHM_STAT) return deny(td, EINVAL, SHM_38);
  if (cmd === IPC_SET && buf === null) return deny(td, EFAULT, SHM_39);
  const root = k.model.root(k, "shm", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SHM_40);
  const seg = shmFind(k, root, shmid);
  if (seg === null) return deny(td, EINVAL, SHM_17);
  td.td_retval = 0;
  lockPage(k, seg.page);
  const error = shmctlLocked(k, td, seg, cmd, buf);
  unlockPage(seg.page);
  if (cmd === IPC_RMID && error === OK) shmFreeUnattached(k, seg);
  return error;
}

function shmctlLocked(
  k: Kernel,
  td: Thread,
  seg: ShmSegment,
  cmd: number,
  buf: ShmidDs | null,
): Errno {
  switch (cmd) {
    case IPC_RMID:
      return shmRmid(k, td, seg);
    case IPC_SET:
      return shmSet(k, td, seg.page, buf!);
    case IPC_STAT:
      return shmStat(k, td, seg, buf);
    default:
      return deny(td, EINVAL, SHM_44); // SHM_LOCK and SHM_UNLOCK too
  }
}

/** A second removal succeeds and changes nothing. [SHM-45] */
function shmRmid(k: Kernel, td: Thread, seg: ShmSegment): Errno {
  const error = ipcperm(td, seg.page, IPC_M);
  if (error === OK) shmRemoveLocked(k, seg, td);
  return error;
}

function shmSet(k: Kernel, td: Thread, page: ShmPage, buf: ShmidDs): Errno {
  const error = ipcperm(td, page, IPC_M);
  if (error !== OK) return error;
  setPerm(page, buf.shm_perm);
  page.times[T_CTIME] = k.now;
  return OK;
}

function shmStat(k: Kernel, td: Thread, seg: ShmSegment, buf: ShmidDs | null): Errno {
  const error = ipcperm(td, seg.page, IPC_R);
  if (error !== OK) return error;
  if (buf === null) return deny(td, EFAULT, SHM_41);
  copyShmid(k, td, seg, buf);
  return OK;
}

function copyShmid(k: Kernel, td: Thread, seg: ShmSegment, out: ShmidDs): void {
  const { hdr, times } = seg.page;
  copyPerm(seg.page, shownKey(k, td.p_ucred, seg), out.shm_perm);
  out.shm_segsz = segBytes(seg);
  out.shm_lpid = hdr[P_LPID];
  out.shm_cpid = hdr[P_CPID];
  out.shm_nattch = hdr[P_NATTCH];
  out.shm_atime = times[T_ATIME];
  out.shm_dtime = times[T_DTIME];
  out.shm_ctime = times[T_CTIME];
}

/** A row of kern.ipc.shmsegs that is not free. */
export interface ShmRow {
  readonly ix: Ix;
  readonly id: Shmid;
  readonly ds: ShmidDs;
}

/** kern.ipc.shmsegs for this reader: rows in use and visible, removed ones too. `all`: in every name space. [SHM-62] */
export function shmList(k: Kernel, td: Thread, all = false): ShmRow[] {
  const root = k.model.root(k, "shm", td.p_ucred);
  const sees = seer(k, "shm", root, all);
  if (sees === null) return [];
  const rows: ShmRow[] = [];
  for (const seg of k.shm.table.slots) {
    if (seg === null || !sees(seg)) continue;
    const ds = shmidDs();
    copyShmid(k, td, seg, ds);
    rows.push({ ix: seg.ix, id: k.shm.table.idOf(seg) as Shmid, ds });
  }
  return rows;
}
