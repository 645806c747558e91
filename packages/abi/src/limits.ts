/**
 * Limits of the three facilities under their sysctl names, with FreeBSD's defaults.
 * [SEM-5] to [SEM-15], [SHM-5], [MSG-6] to [MSG-13]
 */
import { PAGE_SIZE } from "./shm.ts";

/** How a limit may change: at boot only, also at run time, or never because it is derived. */
export type Writable = "boot" | "run" | "derived";

export interface Limit {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly writable: Writable;
  /** What `sysctl -d` says. */
  readonly about: string;
}

const INT_MAX = 0x7fffffff;
const SIZE_MAX = Number.MAX_SAFE_INTEGER;
const SHMALL = 131072;

const row = (
  name: string,
  init: number,
  min: number,
  max: number,
  writable: Writable,
  about: string,
): Limit => ({ name: `kern.ipc.${name}`, default: init, min, max, writable, about });

/** Every limit, in the order in which ipcs -T shows those that it shows. */
export const LIMITS: readonly Limit[] = [
  row("msgmax", 16384, 1, INT_MAX, "derived", "Maximum message size"),
  row("msgmni", 40, 1, 65535, "boot", "Number of message queue identifiers"),
  row("msgmnb", 2048, 1, 65535, "boot", "Maximum number of bytes in a queue"),
  row("msgtql", 40, 1, 1_000_000, "boot", "Maximum number of messages in the system"),
  row("msgssz", 8, 8, 1024, "boot", "Size of a message segment"),
  row("msgseg", 2048, 1, 32767, "boot", "Number of message segments"),
  row("shmmax", SHMALL * PAGE_SIZE, 0, SIZE_MAX, "run", "Maximum shared memory segment size"),
  row("shmmin", 1, 0, SIZE_MAX, "run", "Minimum shared memory segment size"),
  row("shmmni", 192, 1, 65535, "boot", "Number of shared memory identifiers"),
  row("shmseg", 128, 1, 65535, "boot", "Number of segments per process"),
  row("shmall", SHMALL, 0, SIZE_MAX, "run", "Maximum number of pages available for shared memory"),
  row("shm_use_phys", 0, 0, 1, "run", "Enable/Disable locking of shared memory pages in core"),
  row(
    "shm_allow_removed",
    1,
    0,
    1,
    "run",
    "Enable/Disable attachment to attached segments marked for removal",
  ),
  row("semmni", 50, 1, 65535, "boot", "Number of semaphore identifiers"),
  row("semmns", 340, 1, 10_000_000, "boot", "Maximum number of semaphores in the system"),
  row("semmnu", 150, 1, 1_000_000, "boot", "Maximum number of undo structures in the system"),
  row("semmsl", 340, 0, 65535, "run", "Max semaphores per id"),
  row("semopm", 100, 0, 65535, "boot", "Max operations per semop call"),
  row("semume", 50, 1, 65535, "boot", "Max undo entries per process"),
  row("semusz", 832, 0, INT_MAX, "derived", "Size in bytes of undo structure"),
  row("semvmx", 32767, 0, 65535, "run", "Semaphore maximum value"),
  row("semaem", 16384, 0, 65535, "run", "Adjust on exit max value"),
];

const BY_NAME = new Map(LIMITS.map((limit) => [limit.name, limit]));

/** The limit called `kern.ipc.semmni`; undefined if there is none of that name. */
export function limitNamed(name: string): Limit | undefined {
  return BY_NAME.get(name);
}

/** Settings by sysctl name; a name that is absent keeps its default. */
export type LimitSettings = Readonly<Record<string, number>>;

export interface SemInfo {
  semmni: number;
  semmns: number;
  semmnu: number;
  semmsl: number;
  semopm: number;
  semume: number;
  semusz: number;
  semvmx: number;
  semaem: number;
}

export interface ShmInfo {
  shmmax: number;
  shmmin: number;
  shmmni: number;
  shmseg: number;
  shmall: number;
  shm_use_phys: number;
  shm_allow_removed: number;
}

export interface MsgInfo {
  msgmax: number;
  msgmni: number;
  msgmnb: number;
  msgtql: number;
  msgssz: number;
  msgseg: number;
}

function read(settings: LimitSettings, name: string): number {
  const full = `kern.ipc.${name}`;
  return settings[full] ?? BY_NAME.get(full)!.default;
}

/** Bytes of an undo vector on 64-bit K2: 32 of header, 16 an entry. [SEM-11] */
const semusz = (semume: number): number => 32 + 16 * semume;

export function semInfo(s: LimitSettings): SemInfo {
  const semume = read(s, "semume");
  return {
    semmni: read(s, "semmni"),
    semmns: read(s, "semmns"),
    semmnu: read(s, "semmnu"),
    semmsl: read(s, "semmsl"), // does not follow semmns [SEM-15]
    semopm: read(s, "semopm"),
    semume,
    semusz: semusz(semume),
    semvmx: read(s, "semvmx"),
    semaem: read(s, "semaem"),
  };
}

/** The old name of shmall, still read at boot. [SHM-6] */
const SHMMAXPGS = "kern.ipc.shmmaxpgs";

/** shmmax follows shmall unless it was set to something of its own. [SHM-6] */
export function shmInfo(s: LimitSettings): ShmInfo {
  const shmall = s[SHMMAXPGS] ?? read(s, "shmall");
  const shmmax = read(s, "shmmax");
  const builtIn = SHMALL * PAGE_SIZE;
  return {
    shmmax: shmmax === builtIn ? Math.min(shmall * PAGE_SIZE, SIZE_MAX) : shmmax,
    shmmin: read(s, "shmmin"),
    shmmni: read(s, "shmmni"),
    shmseg: read(s, "shmseg"),
    shmall,
    shm_use_phys: read(s, "shm_use_phys"),
    shm_allow_removed: read(s, "shm_allow_removed"),
  };
}

/** msgmax is msgssz times msgseg, and tested against nothing. [MSG-6] */
export function msgInfo(s: LimitSettings): MsgInfo {
  const msgssz = read(s, "msgssz");
  const msgseg = read(s, "msgseg");
  return {
    msgmax: msgssz * msgseg,
    msgmni: read(s, "msgmni"),
    msgmnb: read(s, "msgmnb"),
    msgtql: read(s, "msgtql"),
    msgssz,
    msgseg,
  };
}

/**
 * What is wrong with boot settings, as a sentence for the user; null if nothing is.
 * msgssz must be a power of two: the real kernel panics at load otherwise. [MSG-10]
 */
export function limitsProblem(settings: LimitSettings): string | null {
  for (const [name, value] of Object.entries(settings)) {
    const limit = BY_NAME.get(name === SHMMAXPGS ? "kern.ipc.shmall" : name);
    if (limit === undefined) return `unknown limit ${name}`;
    if (limit.writable === "derived") return `${name} is derived and cannot be set`;
    if (!Number.isSafeInteger(value) || value < limit.min || value > limit.max) {
      return `${name}=${value} is out of range: ${limit.min} to ${limit.max}`;
    }
    if (name === "kern.ipc.msgssz" && (value & (value - 1)) !== 0) {
      return `kern.ipc.msgssz=${value} is not a power of two`;
    }
  }
  return null;
}
