/** The three facilities as ipcs, ipcrm and ipcmk name them, and the calls that these have in three. */
import { EINVAL, type Errno } from "@jailyard/abi/errno";
import { IPC_RMID } from "@jailyard/abi/ipc";
import { SysError } from "@jailyard/abi/syserror";
import type { Facility } from "@jailyard/abi/types";
import type { Process } from "@jailyard/trap/process";
import type { ListRow } from "@jailyard/trap/records";
import type { JailFilter } from "./jails.ts";

export interface FacilityNames {
  /** The letter that stands for it in lists and options. */
  readonly letter: "q" | "m" | "s";
  /** `msq` of `msqid(65536)` and `msqs(4321)`. [TOOL-19] */
  readonly short: string;
  readonly one: string;
  readonly many: string;
}

export const NAMES: Readonly<Record<Facility, FacilityNames>> = {
  msg: { letter: "q", short: "msq", one: "message queue", many: "message queues" },
  shm: { letter: "m", short: "shm", one: "shared memory segment", many: "shared memory segments" },
  sem: { letter: "s", short: "sem", one: "semaphore", many: "semaphores" },
};

/** The order in which lists come, and in which -W goes. [TOOL-6] [TOOL-22] */
export const ORDER: readonly Facility[] = ["msg", "shm", "sem"];

export const ofLetter = (letter: string): Facility =>
  ORDER.find((f) => NAMES[f].letter === letter.toLowerCase())!;

/** IPC_RMID of an object. */
export function remove(p: Process, f: Facility, id: number): Promise<unknown> {
  if (f === "msg") return p.msgctl(id, IPC_RMID);
  return f === "shm" ? p.shmctl(id, IPC_RMID) : p.semctl(id, 0, IPC_RMID);
}

/** IPC_RMID of what a listing has: of a name space where the caller is not, by its name. */
export async function removeListed(
  p: Process,
  f: Facility,
  { id, owner }: Pick<ListRow, "id" | "owner">,
): Promise<unknown> {
  try {
    return await remove(p, f, id);
  } catch (error) {
    const space = owner?.space ?? null;
    if (space === null || !isErrno(error, EINVAL)) throw error;
    return p.ipcns_rmid(f, space, id);
  }
}

const isErrno = (error: unknown, errno: Errno): boolean =>
  error instanceof SysError && error.errno === errno;

/** The id that a key has in the caller's own key space: a get with flags 0. [TOOL-24] */
export function idOfKey(p: Process, f: Facility, key: number): Promise<number> {
  if (f === "msg") return p.msgget(key, 0);
  return f === "shm" ? p.shmget(key, 0, 0) : p.semget(key, 0, 0);
}

/**
 * The objects that the caller may see, or those of one jail, by table index; `all`, which is the
 * host's alone: also those of name spaces that it is not in.
 */
export async function rowsOf(
  p: Process,
  f: Facility,
  jail: JailFilter | null,
  all = jail !== null,
): Promise<ListRow[]> {
  const rows: ListRow[] = await p.ipcs(f, all);
  if (jail === null) return rows;
  return rows.filter(({ owner }) => owner?.jid === jail.jid && owner.jail === jail.name);
}
