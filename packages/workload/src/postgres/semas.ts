/**
 * The semaphores of a server, after sysv_sema.c: sets made on demand, one semaphore for each slot,
 * one more in each set to tell it from others'. [PG-21] to [PG-31]
 */
import {
  EACCES,
  EEXIST,
  EIDRM,
  EINVAL,
  ENOSPC,
  ERANGE,
  type Errno,
  ESRCH,
  strerror,
} from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_RMID } from "@jailyard/abi/ipc";
import { GETPID, GETVAL, SETVAL } from "@jailyard/abi/sem";
import type { Process } from "@jailyard/trap/process";
import type { Counters } from "./records.ts";
import { attempt, errnoOf, PgError, reasonOf } from "./report.ts";
import type { Server } from "./server.ts";
import type { Settings } from "./settings.ts";

/** Value of the identifying semaphore; set to one less, so that a semop names the creator. */
const MAGIC = 537;
const PROTECTION = 0o600;
const CREATE = IPC_CREAT | IPC_EXCL | PROTECTION;
const EINVAL_KEYS = 1000;

/** Ids of the sets, in the order of creation; slot i is semaphore i % perSet of set i / perSet. */
export interface SemaSets {
  readonly ids: readonly number[];
  readonly perSet: number;
}

export const semaId = (sets: SemaSets, slot: number): number =>
  sets.ids[Math.floor(slot / sets.perSet)];
export const semaNum = (sets: SemaSets, slot: number): number => slot % sets.perSet;

/**
 * Semaphores for `count` slots, each 1 to begin with. What it made goes by `exit`. [PG-25]
 * @throws PgError FATAL
 */
export async function createSemas(server: Server, count: number): Promise<SemaSets> {
  const search = new SemaSearch(server);
  const ids: number[] = [];
  const perSet = server.settings.semasPerSet;
  server.exit.push(() => removeAll(server, ids));
  for (let slot = 0; slot < count; slot++) {
    if (slot % perSet === 0) ids.push(await search.create());
    await search.setval(ids[ids.length - 1], slot % perSet, 1);
  }
  return { ids, perSet };
}

async function removeAll({ p, log }: Server, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    await p.semctl(id, 0, IPC_RMID).catch((error) => {
      log.line(p, "LOG", `semctl(${id}, 0, IPC_RMID, ...) failed: ${reasonOf(error)}`);
    });
  }
}

/** A process takes a slot: its semaphore is 0. The only semctl a child makes. [PG-30] */
export async function resetSema(
  p: Process,
  sets: SemaSets,
  slot: number,
  counters: Counters,
): Promise<void> {
  counters.semctls++;
  await setval(p, semaId(sets, slot), semaNum(sets, slot), 0);
}

async function setval(p: Process, id: number, num: number, value: number): Promise<void> {
  try {
    await p.semctl(id, num, SETVAL, value);
  } catch (error) {
    const hint =
      errnoOf(error) === ERANGE
        ? `You possibly need to raise your kernel's SEMVMX value to be at least ${value}.  ` +
          "Look into the PostgreSQL documentation for details."
        : "";
    const text = `semctl(${id}, ${num}, SETVAL, ${value}) failed: ${reasonOf(error)}`;
    throw new PgError("FATAL", text, "", hint, error);
  }
}

/** The search for keys of sets: `#key` is only ever incremented, before each try. [PG-24] */
class SemaSearch {
  readonly #p: Process;
  readonly #settings: Settings;
  readonly #counters: Counters;
  #key: number;

  constructor({ p, settings, counters }: Server) {
    this.#p = p;
    this.#settings = settings;
    this.#counters = counters;
    const { profile, inode, port } = settings;
    this.#key = profile.keys === "inode" ? inode | 0 : port * 1000;
  }

  /** IpcSemaphoreCreate: the id of a new set that says who made it. */
  async create(): Promise<number> {
    for (let tried = 1; ; tried++) {
      this.#key = (this.#key + 1) | 0;
      const id = await this.#try(tried);
      if (id === null) continue;
      await this.setval(id, this.#settings.semasPerSet, MAGIC - 1);
      this.#counters.semops++;
      await this.#unlock(id);
      return id;
    }
  }

  /** PGSemaphoreUnlock of the identifying semaphore. */
  async #unlock(id: number): Promise<void> {
    try {
      await this.#p.semop(id, [[this.#settings.semasPerSet, +1, 0]]);
    } catch (error) {
      throw new PgError("FATAL", `semop failed: ${reasonOf(error)}`, "", "", error);
    }
  }

  setval(id: number, num: number, value: number): Promise<void> {
    this.#counters.semctls++;
    return setval(this.#p, id, num, value);
  }

  async #try(tried: number): Promise<number | null> {
    const id = await this.#semget(tried);
    if (id !== null || !(await this.#clear())) return id;
    return this.#semget(tried);
  }

  /** The id of a new set; null if something is in the way. */
  async #semget(tried: number): Promise<number | null> {
    const nsems = this.#settings.semasPerSet + 1;
    try {
      return await this.#p.semget(this.#key, nsems, CREATE);
    } catch (error) {
      const errno = errnoOf(error);
      if (this.#collides(errno, tried)) return null;
      throw cannotCreate(this.#settings, this.#key, nsems, error);
    }
  }

  /** From August 2025 EINVAL is a collision too, and the patience for one set is limited. */
  #collides(errno: Errno, tried: number): boolean {
    if (this.#settings.profile.einvalCollides) {
      if (tried > EINVAL_KEYS) return false;
      if (errno === EINVAL) return true;
    }
    return errno === EEXIST || errno === EACCES || errno === EIDRM;
  }

  /**
   * Remove the set in the way if it was left by a dead server. Where a key is shared with another
   * jail, its live owner's pid is nobody's here: that set is removed too. [PG-24] [PG-26]
   */
  async #clear(): Promise<boolean> {
    const p = this.#p;
    const last = this.#settings.semasPerSet;
    try {
      const id = await p.semget(this.#key, last + 1, 0);
      this.#counters.semctls++;
      if ((await p.semctl(id, last, GETVAL)) !== MAGIC) return false;
      this.#counters.semctls++;
      const creator = await p.semctl(id, last, GETPID);
      if (creator <= 0) return false;
      if (creator !== p.pid && (await attempt(p.kill(creator, 0))) !== ESRCH) return false;
      await p.semctl(id, 0, IPC_RMID);
      return true;
    } catch (error) {
      errnoOf(error);
      return false;
    }
  }
}

/** [PG-29] */
function cannotCreate(settings: Settings, key: number, nsems: number, error: unknown): PgError {
  const errno = errnoOf(error);
  const currently = settings.profile.longHints ? ` (currently ${settings.maxConnections})` : "";
  const hint =
    "This error does *not* mean that you have run out of disk space.  It occurs when either the " +
    "system limit for the maximum number of semaphore sets (SEMMNI), or the system wide maximum " +
    "number of semaphores (SEMMNS), would be exceeded.  You need to raise the respective kernel " +
    "parameter.  Alternatively, reduce PostgreSQL's consumption of semaphores by reducing its " +
    `max_connections parameter${currently}.\nThe PostgreSQL documentation contains more ` +
    "information about configuring your system for PostgreSQL.";
  return new PgError(
    "FATAL",
    `could not create semaphores: ${strerror(errno)}`,
    `Failed system call was semget(${key >>> 0}, ${nsems}, 0${CREATE.toString(8)}).`,
    errno === ENOSPC ? hint : "",
    error,
  );
}
