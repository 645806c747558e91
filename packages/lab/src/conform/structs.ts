/** Structures that calls give back, in the words of a script. */
import type { IpcPerm } from "@jailyard/abi/ipc";
import type { MsqidDs } from "@jailyard/abi/msg";
import type { SemidDs } from "@jailyard/abi/sem";
import { SHMSEG_REMOVED, type ShmidDs } from "@jailyard/abi/shm";
import type { Out, PermSet, Value } from "./case.ts";

/** What a pid is called. */
type NameOf = (pid: number) => Value;

const octal = (mode: number, digits: number): string => mode.toString(8).padStart(digits, "0");

/** uid to key, as each structure begins. */
function permOut({ uid, gid, cuid, cgid, mode, key }: IpcPerm): Out {
  const modes = { mode: octal(mode & 0o777, 4), mode_raw: octal(mode, 6) };
  return { uid, gid, cuid, cgid, ...modes, key };
}

export const semOut = ({ sem_perm, sem_nsems, sem_otime, sem_ctime }: SemidDs): Out => ({
  ...permOut(sem_perm),
  nsems: sem_nsems,
  otime_set: sem_otime !== 0,
  ctime_set: sem_ctime !== 0,
});

export const msgOut = (ds: MsqidDs, nameOf: NameOf): Out => ({
  ...permOut(ds.msg_perm),
  qbytes: ds.msg_qbytes,
  qnum: ds.msg_qnum,
  cbytes: ds.msg_cbytes,
  lspid: nameOf(ds.msg_lspid),
  lrpid: nameOf(ds.msg_lrpid),
  stime_set: ds.msg_stime !== 0,
  rtime_set: ds.msg_rtime !== 0,
  ctime_set: ds.msg_ctime !== 0,
});

export const shmOut = (ds: ShmidDs, nameOf: NameOf): Out => ({
  ...permOut(ds.shm_perm),
  segsz: ds.shm_segsz,
  nattch: ds.shm_nattch,
  removed: (ds.shm_perm.mode & SHMSEG_REMOVED) !== 0,
  lpid: nameOf(ds.shm_lpid),
  cpid: nameOf(ds.shm_cpid),
  atime_set: ds.shm_atime !== 0,
  dtime_set: ds.shm_dtime !== 0,
  ctime_set: ds.shm_ctime !== 0,
});

/** What IPC_SET is given: nothing is 0. */
export const permOf = (set: PermSet | undefined): { uid: number; gid: number; mode: number } => ({
  uid: uidT(set?.uid ?? 0),
  gid: uidT(set?.gid ?? 0),
  mode: Number.parseInt(set?.mode ?? "0", 8),
});

/** uid_t and gid_t: -1 is the largest. */
export const uidT = (id: number): number => id >>> 0;
/** size_t: what is negative is huge. */
export const sizeT = (size: number): number => (size < 0 ? size + 2 ** 64 : size);
/** key_t: an int; IPC_PRIVATE is 0. */
export const keyOf = (key: number | "IPC_PRIVATE"): number => (key === "IPC_PRIVATE" ? 0 : key | 0);
/** As much of a size as a buffer here needs; no message is longer. */
export const room = (size: number): number => Math.min(sizeT(size), 0x10000);

const BYTES = "latin1"; // a character a byte
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(text, BYTES));
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString(BYTES);

/** The text of a message as memory has it; what `size` takes beyond it is 0. */
export function textBytes(text: string, size: number | undefined): Uint8Array<ArrayBuffer> {
  const body = bytesOf(text);
  if (size === undefined || sizeT(size) <= body.length) return body;
  const mtext = new Uint8Array(Math.max(room(size), body.length));
  mtext.set(body);
  return mtext;
}
