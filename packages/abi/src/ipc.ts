/** sys/ipc.h: flags, commands, identifiers. [COM-2] [COM-23] */
import type { Ix, Key } from "./types.ts";

export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;

export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;

export const IPC_PRIVATE = 0 as Key;

/** Wanted rights for ipcperm. [COM-14] */
export const IPC_R = 0o400;
export const IPC_W = 0o200;
export const IPC_M = 0o10000;

export const ACCESSPERMS = 0o777;
/** Bits of mode that can be wanted on opening: the owner's triple. [COM-20] */
export const OPENPERMS = 0o700;

const IX_MASK = 0xffff;
const SEQ_SHIFT = 16;
const SEQ_MASK = 0xffff;

/** Index part of an id, in [0, 65535]. [COM-2] */
export const ipcidToIx = (id: number): Ix => (id & IX_MASK) as Ix;
/** Sequence part of an id, in [0, 65535]; a live object's is at most 0x7fff. [COM-2] */
export const ipcidToSeq = (id: number): number => (id >> SEQ_SHIFT) & SEQ_MASK;
/** IXSEQ_TO_IPCID. */
export const ixseqToIpcid = (ix: Ix, seq: number): number => (seq << SEQ_SHIFT) | (ix & IX_MASK);
/** The sequence number after `seq`. [COM-3] */
export const nextSeq = (seq: number): number => (seq + 1) & 0x7fff;

/** struct ipc_perm as user programs see it. */
export interface IpcPerm {
  cuid: number;
  cgid: number;
  uid: number;
  gid: number;
  mode: number;
  seq: number;
  key: Key;
}

/** Fields of struct ipc_perm in the order in which they cross the gate. */
export const IPC_PERM_FIELDS = ["cuid", "cgid", "uid", "gid", "mode", "seq", "key"] as const;

export function ipcPerm(): IpcPerm {
  return { cuid: 0, cgid: 0, uid: 0, gid: 0, mode: 0, seq: 0, key: 0 as Key };
}

/** ftok(3) from what stat(2) says of the file; truncated to 32 bits, may be 0 or -1. [COM-32] */
export function ftokOf(dev: number, ino: number, id: number): Key {
  return ((id << 24) | ((dev & 0xff) << 16) | (ino & 0xffff)) as Key;
}
