/** What msgctl(2) reads from the page of a queue: IPC_STAT. The page is locked. */
import { EFAULT, type Errno, OK } from "@jailyard/abi/errno";
import { IPC_R } from "@jailyard/abi/ipc";
import type { MsqidDs } from "@jailyard/abi/msg";
import { MSG } from "@jailyard/abi/reason";
import { copyPerm } from "./ipcpage.ts";
import { ipcperm } from "./ipcperm.ts";
import {
  type MsgPage,
  P_CBYTES,
  P_LRPID,
  P_LSPID,
  P_QBYTES,
  P_QNUM,
  T_CTIME,
  T_RTIME,
  T_STIME,
} from "./msgpage.ts";
import { type Caller, deny } from "./site.ts";

const MSG_29 = MSG(29);

/** IPC_STAT into `buf`, null for memory that is not mapped; `key` is what this viewer is shown. */
export function msgStat(td: Caller, page: MsgPage, key: number, buf: MsqidDs | null): Errno {
  const error = ipcperm(td, page, IPC_R);
  if (error !== OK) return error;
  if (buf === null) return deny(td, EFAULT, MSG_29);
  copyMsqid(page, key, buf);
  return OK;
}

export function copyMsqid(page: MsgPage, key: number, out: MsqidDs): void {
  const { hdr, times } = page;
  copyPerm(page, key, out.msg_perm);
  out.msg_cbytes = hdr[P_CBYTES];
  out.msg_qnum = hdr[P_QNUM];
  out.msg_qbytes = hdr[P_QBYTES];
  out.msg_lspid = hdr[P_LSPID];
  out.msg_lrpid = hdr[P_LRPID];
  out.msg_stime = times[T_STIME];
  out.msg_rtime = times[T_RTIME];
  out.msg_ctime = times[T_CTIME];
}
