/**
 * How structures cross the gate: as 64-bit floats in the order below, in the caller's data area.
 * All fields are ints or seconds, so nothing is lost.
 */
import { IPC_PERM_FIELDS, type IpcPerm } from "./ipc.ts";
import type { MsqidDs } from "./msg.ts";
import type { Sembuf, Sembufs, SemidDs } from "./sem.ts";
import type { ShmidDs } from "./shm.ts";
import type { Key } from "./types.ts";

/** A call's memory: arguments 0 to 5, results 6 and 7, and the data area in several widths. */
export interface Frame {
  readonly a: Float64Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly f64: Float64Array;
}

export const ARGS = 6;
export const RET0 = 6;
export const RET1 = 7;
export const FRAME_WORDS = 8;

/** A pointer argument: where the caller's buffer is, as far as the kernel needs to know. */
export const PTR_DATA = 1; // in the data area
export const PTR_UNMAPPED = 0; // nowhere: EFAULT

const PERM = IPC_PERM_FIELDS.length;
const SEM_FIELDS = ["sem_nsems", "sem_otime", "sem_ctime"] as const;
const SHM_FIELDS = [
  "shm_segsz",
  "shm_lpid",
  "shm_cpid",
  "shm_nattch",
  "shm_atime",
  "shm_dtime",
  "shm_ctime",
] as const;
const MSG_FIELDS = [
  "msg_cbytes",
  "msg_qnum",
  "msg_qbytes",
  "msg_lspid",
  "msg_lrpid",
  "msg_stime",
  "msg_rtime",
  "msg_ctime",
] as const;

function putPerm(f64: Float64Array, perm: IpcPerm): void {
  for (let i = 0; i < PERM; i++) f64[i] = perm[IPC_PERM_FIELDS[i]];
}

function getPerm(f64: Float64Array, perm: IpcPerm): void {
  for (let i = 0; i < PERM; i++) perm[IPC_PERM_FIELDS[i]] = f64[i] as Key;
}

export function putSemid(f64: Float64Array, ds: SemidDs): void {
  putPerm(f64, ds.sem_perm);
  for (let i = 0; i < SEM_FIELDS.length; i++) f64[PERM + i] = ds[SEM_FIELDS[i]];
}

export function getSemid(f64: Float64Array, ds: SemidDs): SemidDs {
  getPerm(f64, ds.sem_perm);
  for (let i = 0; i < SEM_FIELDS.length; i++) ds[SEM_FIELDS[i]] = f64[PERM + i];
  return ds;
}

export function putShmid(f64: Float64Array, ds: ShmidDs): void {
  putPerm(f64, ds.shm_perm);
  for (let i = 0; i < SHM_FIELDS.length; i++) f64[PERM + i] = ds[SHM_FIELDS[i]];
}

export function getShmid(f64: Float64Array, ds: ShmidDs): ShmidDs {
  getPerm(f64, ds.shm_perm);
  for (let i = 0; i < SHM_FIELDS.length; i++) ds[SHM_FIELDS[i]] = f64[PERM + i];
  return ds;
}

export function putMsqid(f64: Float64Array, ds: MsqidDs): void {
  putPerm(f64, ds.msg_perm);
  for (let i = 0; i < MSG_FIELDS.length; i++) f64[PERM + i] = ds[MSG_FIELDS[i]];
}

export function getMsqid(f64: Float64Array, ds: MsqidDs): MsqidDs {
  getPerm(f64, ds.msg_perm);
  for (let i = 0; i < MSG_FIELDS.length; i++) ds[MSG_FIELDS[i]] = f64[PERM + i];
  return ds;
}

const SOP_WORDS = 3;

/** Put as many operations as fit; the kernel refuses a count that does not. @returns the count */
export function putSops(i16: Int16Array, sops: readonly Sembuf[]): number {
  const count = Math.min(sops.length, Math.trunc(i16.length / SOP_WORDS));
  for (let i = 0; i < count; i++) {
    const sop = sops[i];
    i16[i * SOP_WORDS] = sop[0];
    i16[i * SOP_WORDS + 1] = sop[1];
    i16[i * SOP_WORDS + 2] = sop[2] ?? 0;
  }
  return count;
}

/** Copy `count` operations in; `out` has room for them. */
export function getSops(i16: Int16Array, count: number, out: Sembufs): Sembufs {
  for (let i = 0; i < count; i++) {
    out.sem_num[i] = i16[i * SOP_WORDS];
    out.sem_op[i] = i16[i * SOP_WORDS + 1];
    out.sem_flg[i] = i16[i * SOP_WORDS + 2];
  }
  out.count = count;
  return out;
}

/** A message in the data area: the type word, then the text. */
export const MSG_TEXT_BYTE = 8;

const text = { encoder: new TextEncoder(), decoder: new TextDecoder() };

/** An object as JSON in the data area. @returns its bytes; -1 if it does not fit */
export function putJson(u8: Uint8Array, value: unknown): number {
  const json = JSON.stringify(value);
  const { read, written } = text.encoder.encodeInto(json, u8);
  return read === json.length ? written : -1;
}

export function getJson(u8: Uint8Array, bytes: number): unknown {
  return JSON.parse(text.decoder.decode(u8.slice(0, bytes)));
}
