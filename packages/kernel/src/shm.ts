/**
 * System V shared memory: shmget(2), shmat(2) and shmdt(2), after sys/kern/sysv_shm.c. No call
 * here sleeps. [SHM-54]
 *
 * Lock order: the page of one segment. Missing: largepages, SHM_LOCK, and swap, whose reservation
 * is the host's memory.
 */
import {
  EEXIST,
  EINVAL,
  EMFILE,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  type Errno,
  OK,
} from "@jailyard/abi/errno";
import { ACCESSPERMS, IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IPC_R, IPC_W } from "@jailyard/abi/ipc";
import { type Reason, SHM } from "@jailyard/abi/reason";
import {
  PAGE_SIZE,
  roundPage,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHMLBA,
  SHMSEG_ALLOCATED,
} from "@jailyard/abi/shm";
import type { Key } from "@jailyard/abi/types";
import { ipcperm } from "./ipcperm.ts";
import type { Kernel } from "./kernel.ts";
import type { Root } from "./model.ts";
import {
  P_CPID,
  P_LPID,
  P_NATTCH,
  SHM_PAGE_BYTES,
  shmPage,
  T_ATIME,
  T_CTIME,
  T_SEGSZ,
} from "./shmpage.ts";
import { isRemoved, type ShmSegment, segBytes, shmTakeSlot } from "./shmseg.ts";
import { lockPage, unlockPage } from "./site.ts";
import { deny, type Thread } from "./thread.ts";
import { count, inUse } from "./usage.ts";
import { Vmspace, vmspaceDetach } from "./vm.ts";

const SHM_8 = SHM(8);
const SHM_11 = SHM(11);
const SHM_14_SHMMIN = SHM(14, "kern.ipc.shmmin");
const SHM_14_SHMMAX = SHM(14, "kern.ipc.shmmax");
const SHM_14_SHMMNI = SHM(14, "kern.ipc.shmmni");
const SHM_14_SHMALL = SHM(14, "kern.ipc.shmall");
const SHM_14_NSHM = SHM(14, "rctl nshm");
const SHM_14_SHMSIZE = SHM(14, "rctl shmsize");
const SHM_14_MEMORY = SHM(14);
const SHM_17 = SHM(17);
const SHM_18 = SHM(18);
const SHM_18_SHMSEG = SHM(18, "kern.ipc.shmseg");
const SHM_20 = SHM(20);
const SHM_28 = SHM(28);

/** A negative int as the unsigned size that it is: above every limit. [SHM-16] */
const unsigned = (size: number): number => (size < 0 ? Number.MAX_SAFE_INTEGER : size);

/**
 * shmget(2). The id is td_retval; `size` in bytes. On a segment that exists nobody's permission is
 * tested. [SHM-12]
 * @returns OK, ENOSYS, EEXIST, EINVAL, ENOENT, ENOSPC, ENOMEM
 */
export function shmget(k: Kernel, td: Thread, key: Key, size: number, shmflg: number): Errno {
  const root = k.model.root(k, "shm", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SHM_8);
  if (key !== IPC_PRIVATE) {
    const seg = k.shm.table.find(k.model.keySpace(k, "shm", td.p_ucred), key);
    if (seg !== null) return shmOpen(k, td, seg, unsigned(size), shmflg);
    if ((shmflg & IPC_CREAT) === 0) return deny(td, ENOENT, SHM_8);
  }
  return shmCreate(k, td, key, unsigned(size), shmflg);
}

function shmOpen(k: Kernel, td: Thread, seg: ShmSegment, size: number, shmflg: number): Errno {
  const exclusive = IPC_CREAT | IPC_EXCL;
  if ((shmflg & exclusive) === exclusive) return deny(td, EEXIST, SHM_11);
  if (size > segBytes(seg)) return deny(td, EINVAL, SHM_11);
  td.td_retval = k.shm.table.idOf(seg);
  return OK;
}

/** The tests of SHM-14 in their order, then the segment. */
function shmCreate(k: Kernel, td: Thread, key: Key, size: number, shmflg: number): Errno {
  const { shmmin, shmmax, shmmni, shmall } = k.shminfo;
  if (size < shmmin || size === 0) return deny(td, EINVAL, SHM_14_SHMMIN);
  if (size > shmmax) return deny(td, EINVAL, SHM_14_SHMMAX);
  const bytes = roundPage(size);
  const space = k.model.keySpace(k, "shm", td.p_ucred);
  const used = inUse(k, "shm", space);
  if (used.objects >= shmmni) return deny(td, ENOSPC, SHM_14_SHMMNI);
  if (used.amount + bytes / PAGE_SIZE > shmall) return deny(td, ENOMEM, SHM_14_SHMALL);
  const ix = shmTakeSlot(k.shm);
  if (ix === -1) return deny(td, ENOSPC, SHM_14_SHMMNI);
  if (!charge(k, td, bytes)) return td.td_reason === SHM_14_NSHM ? ENOSPC : ENOMEM;
  const data = memory(k, bytes);
  if (data === null) {
    k.racct?.giveBack(td, "nshm", 1);
    k.racct?.giveBack(td, "shmsize", bytes);
    return deny(td, ENOMEM, SHM_14_MEMORY);
  }
  const cred = td.p_ucred;
  const page = shmPage(k.pages.take(SHM_PAGE_BYTES), data);
  const seg: ShmSegment = { ix, page, cred, space, cpid: td.p_pid, made: k.now };
  k.shm.table.insert(seg, key, (shmflg & ACCESSPERMS) | SHMSEG_ALLOCATED); // [SHM-15]
  page.hdr[P_CPID] = td.p_pid;
  page.times[T_CTIME] = k.now;
  page.times[T_SEGSZ] = bytes;
  k.shm.committed += bytes / PAGE_SIZE;
  count(k, "shm", space, +1, bytes / PAGE_SIZE);
  k.hold(cred);
  td.td_retval = k.shm.table.idOf(seg);
  return OK;
}

/** Steps 5 and 6 of SHM-14; false with the reason noted, and nothing charged. */
function charge(k: Kernel, td: Thread, bytes: number): boolean {
  const { racct } = k;
  if (racct === null) return true;
  if (!racct.add(td, "nshm", 1)) return refused(td, SHM_14_NSHM);
  if (racct.add(td, "shmsize", bytes)) return true;
  racct.giveBack(td, "nshm", 1);
  return refused(td, SHM_14_SHMSIZE);
}

function refused(td: Thread, reason: Reason): false {
  td.td_reason = reason;
  return false;
}

/** The bytes of a segment, all zero; null if the host has no room for them. */
function memory(k: Kernel, bytes: number): SharedArrayBuffer | null {
  try {
    return k.pages.takeExact(bytes);
  } catch (problem) {
    if (problem instanceof RangeError) return null;
    throw problem;
  }
}

/** The segment that `shmid` names for one who looks from `root`; null: EINVAL. [SHM-17] */
export function shmFind(k: Kernel, root: Root, shmid: number): ShmSegment | null {
  const seg = k.shm.table.at(shmid);
  if (seg === null || (isRemoved(seg) && k.shminfo.shm_allow_removed === 0)) return null;
  return k.model.visible(k, "shm", root, seg) ? seg : null;
}

/**
 * shmat(2). `addr` in bytes, 0 for null; where the segment is attached is td_retval.
 * @returns OK, ENOSYS, EINVAL, EACCES, EMFILE, ENOMEM
 */
export function shmat(k: Kernel, td: Thread, shmid: number, addr: number, shmflg: number): Errno {
  const root = k.model.root(k, "shm", td.p_ucred);
  if (root === null) return deny(td, ENOSYS, SHM_18);
  td.p_vmspace ??= new Vmspace(); // also if the call fails [SHM-3]
  const seg = shmFind(k, root, shmid);
  if (seg === null) return deny(td, EINVAL, SHM_17);
  const { page } = seg;
  lockPage(k, page);
  let error = ipcperm(td, page, (shmflg & SHM_RDONLY) !== 0 ? IPC_R : IPC_R | IPC_W);
  if (error === OK) error = shmMap(k, td, td.p_vmspace, seg, addr, shmflg);
  if (error === OK) {
    page.hdr[P_LPID] = td.p_pid; // [SHM-25]
    page.hdr[P_NATTCH]++;
    page.times[T_ATIME] = k.now;
  }
  unlockPage(page);
  return error;
}

/** Place the mapping and note the attach in the lowest free entry of the table. */
function shmMap(
  k: Kernel,
  td: Thread,
  vm: Vmspace,
  seg: ShmSegment,
  addr: number,
  shmflg: number,
): Errno {
  const entry = vm.freeEntry(k.shminfo.shmseg);
  if (entry === -1) return deny(td, EMFILE, SHM_18_SHMSEG);
  if (addr % SHMLBA !== 0 && (shmflg & SHM_RND) === 0) return deny(td, EINVAL, SHM_18);
  const bytes = segBytes(seg);
  const va = addr === 0 ? vm.findSpace(bytes) : shmPlace(vm, addr - (addr % SHMLBA), bytes, shmflg);
  if (va === -1) return deny(td, ENOMEM, SHM_20);
  vm.map.insert(va, bytes, seg, (shmflg & SHM_RDONLY) === 0);
  vm.vm_shm[entry] = { va, seg };
  td.td_retval = va;
  return OK;
}

/** Make room at a given page; -1 if something is mapped there and SHM_REMAP is not given. */
function shmPlace(vm: Vmspace, va: number, bytes: number, shmflg: number): number {
  const { map } = vm;
  if ((shmflg & SHM_REMAP) === 0) return map.isFree(va, bytes) ? va : -1;
  if (!map.inRange(va, bytes)) return -1;
  map.remove(va, bytes); // the attach that it belonged to stays [SHM-21]
  return va;
}

/** shmdt(2). Only an address that shmat returned will do. @returns OK, ENOSYS, EINVAL */
export function shmdt(k: Kernel, td: Thread, addr: number): Errno {
  if (k.model.root(k, "shm", td.p_ucred) === null) return deny(td, ENOSYS, SHM_28);
  const vm = td.p_vmspace;
  const ix = vm === null ? -1 : vm.vm_shm.findIndex((entry) => entry?.va === addr);
  if (vm === null || ix === -1) return deny(td, EINVAL, SHM_28);
  vmspaceDetach(k, vm, ix);
  td.td_retval = 0;
  return OK;
}
