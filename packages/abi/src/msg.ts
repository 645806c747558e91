/** sys/msg.h: flags and structures. [COM-24] [COM-25] [MSG-1] */
import { type IpcPerm, ipcPerm } from "./ipc.ts";

export const MSG_NOERROR = 0o10000;
/** Mode bit while a sender holds the queue's lock; IPC_STAT shows it. [MSG-36] */
export const MSG_LOCKED = 0o1000;

/** struct msqid_ds; times in seconds since the epoch, 0 if never. */
export interface MsqidDs {
  msg_perm: IpcPerm;
  msg_cbytes: number;
  msg_qnum: number;
  msg_qbytes: number;
  msg_lspid: number;
  msg_lrpid: number;
  msg_stime: number;
  msg_rtime: number;
  msg_ctime: number;
}

export function msqidDs(): MsqidDs {
  return {
    msg_perm: ipcPerm(),
    msg_cbytes: 0,
    msg_qnum: 0,
    msg_qbytes: 0,
    msg_lspid: 0,
    msg_lrpid: 0,
    msg_stime: 0,
    msg_rtime: 0,
    msg_ctime: 0,
  };
}

/**
 * A message in user memory: struct msgbuf. `mtype` is a long; numbers above 2^53 lose precision.
 * `mtext` is what msgsnd sends and what msgrcv fills.
 */
export interface Msgbuf {
  mtype: number;
  mtext: Uint8Array;
}

/** A message as the kernel may find it: null is a body that is not mapped, though the type is. */
export interface UserMsgbuf {
  mtype: number;
  mtext: Uint8Array | null;
}
