/** What semctl(2) reads from the page of a set: GETVAL and its kin, IPC_STAT. The page is locked. */
import { EFAULT, EINVAL, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_R } from "@jailyard/abi/ipc";
import { SEM } from "@jailyard/abi/reason";
import { GETNCNT, GETPID, GETVAL, type SemidDs } from "@jailyard/abi/sem";
import { copyPerm } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import { type SemPage, T_CTIME, T_OTIME } from "./sempage.ts";
import { type Caller, deny } from "./site.ts";

const SEM_27 = SEM(27);
const SEM_28 = SEM(28);

/** GETVAL, GETPID, GETNCNT, GETZCNT. [SEM-28] */
export function semGet(td: Caller, page: SemPage, semnum: number, cmd: number): Errno {
  const error = ipcperm(td, page, IPC_R);
  if (error !== OK) return error;
  if (semnum < 0 || semnum >= page.nsems) return deny(td, EINVAL, SEM_28);
  const { semval, sempid, semncnt, semzcnt } = page.sem;
  const column =
    cmd === GETVAL ? semval : cmd === GETPID ? sempid : cmd === GETNCNT ? semncnt : semzcnt;
  td.td_retval = column[semnum];
  return OK;
}

/** IPC_STAT into `buf`, null for memory that is not mapped; `key` is what this viewer is shown. */
export function semStat(td: Caller, page: SemPage, key: number, buf: SemidDs | null): Errno {
  const error = ipcperm(td, page, IPC_R);
  if (error !== OK) return error;
  if (buf === null) return deny(td, EFAULT, SEM_27);
  copySemid(page, key, buf);
  return OK;
}

export function copySemid(page: SemPage, key: number, out: SemidDs): void {
  copyPerm(page, key, out.sem_perm);
  out.sem_nsems = page.nsems;
  out.sem_otime = page.times[T_OTIME];
  out.sem_ctime = page.times[T_CTIME];
}
