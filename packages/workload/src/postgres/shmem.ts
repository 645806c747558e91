/**
 * The shared memory segment of a server, after sysv_shmem.c: the search for a key, the interlock
 * against a second server on the same data directory, and the removal. [PG-15] to [PG-20]
 */
import {
  EACCES,
  EEXIST,
  EIDRM,
  EINVAL,
  ENOMEM,
  ENOSPC,
  type Errno,
  ESRCH,
  strerror,
} from "@jailyard/abi/errno";
import { IPC_CREAT, IPC_EXCL, IPC_RMID, IPC_STAT } from "@jailyard/abi/ipc";
import type { Attachment } from "@jailyard/trap/attachment";
import type { Process } from "@jailyard/trap/process";
import { attempt, errnoOf, PgError, reasonOf } from "./report.ts";
import type { Server } from "./server.ts";
import { type Settings, slotCounts } from "./settings.ts";

const MAGIC = 679834894;
/** sizeof(PGShmemHeader). [PG-1] */
export const HEADER_BYTES = 56;
/** Words of the header. [PG-16] */
const H_MAGIC = 0;
const H_PID = 1;
const H_TOTAL_SIZE = 2;
const H_DEVICE = 10;
const H_INODE = 12;
const PROTECTION = 0o600;
const CREATE = IPC_CREAT | IPC_EXCL | PROTECTION;
const BLOCK = 8192;

export interface Segment {
  readonly key: number;
  readonly id: number;
  readonly memory: Attachment;
}

/** What a segment that is in the way turns out to be. [PG-15] */
type State = "attached" | "unattached" | "foreign" | "gone" | "unknown";
interface Probe {
  readonly state: State;
  /** The probe's own attach, if it got one. */
  readonly memory: Attachment | null;
}

/** First key that is tried for the segment; the sets' search begins one above the seed. */
export function firstShmKey(settings: Settings): number {
  const { profile, inode, port } = settings;
  return profile.keys === "inode" ? inode | 0 : port * 1000 + 1;
}

/** Bytes of the System V segment: all of the shared memory, or the interlock alone. [PG-1] */
export function segmentBytes(settings: Settings): number {
  if (settings.segmentBytes > 0) return settings.segmentBytes;
  if (settings.sharedMemoryType === "mmap") return HEADER_BYTES;
  return mainBytes(settings);
}

/**
 * Bytes of buffers, their descriptors and all else, as 15 computes them for the recorded settings;
 * an estimate for others.
 */
function mainBytes(settings: Settings): number {
  const { sharedBuffers } = settings;
  const fixed = settings.profile.keys === "inode" ? 3_216_000 : 1_200_000;
  const bytes = sharedBuffers * (BLOCK + 160) + slotCounts(settings).total * 2_380 + fixed;
  return Math.ceil(bytes / BLOCK) * BLOCK;
}

/**
 * PGSharedMemoryCreate. What it made goes by `exit`.
 * @throws PgError FATAL
 */
export async function createSegment(server: Server): Promise<Segment> {
  const { settings } = server;
  for (let key = firstShmKey(settings); ; key = (key + 1) | 0) {
    for (;;) {
      const id = await tryCreate(server, key);
      if (id !== null) return attachNew(server, key, id);
      const cleared =
        settings.profile.segmentRule === "attach-count"
          ? await clearByAttachCount(server, key)
          : await clearByCreator(server.p, key);
      if (!cleared) break;
    }
  }
}

/** The id of a new segment; null if something is in the way. [PG-17] steps 1 and 2 */
async function tryCreate({ p, settings }: Server, key: number): Promise<number | null> {
  const bytes = segmentBytes(settings);
  try {
    return await p.shmget(key, bytes, CREATE);
  } catch (error) {
    const errno = errnoOf(error);
    if (collides(errno)) return null;
    const hidden = errno === EINVAL && settings.profile.version !== "8.1";
    if (hidden && (await existsTooSmall(p, key))) return null;
    throw cannotCreate(settings, key, bytes, error);
  }
}

const collides = (errno: Errno): boolean => errno === EEXIST || errno === EACCES || errno === EIDRM;

/** Some kernels say EINVAL of an existing segment that is smaller than asked: ask for 0 bytes. */
async function existsTooSmall(p: Process, key: number): Promise<boolean> {
  try {
    await p.shmctl(await p.shmget(key, 0, CREATE), IPC_RMID);
    return false;
  } catch (error) {
    return collides(errnoOf(error));
  }
}

async function attachNew(server: Server, key: number, id: number): Promise<Segment> {
  const { p, settings, exit, log } = server;
  const warn = (call: string, error: unknown): void =>
    log.line(p, "LOG", `${call} failed: ${reasonOf(error)}`);
  exit.push(() => p.shmctl(id, IPC_RMID).catch((e) => warn(`shmctl(${id}, ${IPC_RMID}, 0)`, e)));
  const memory = await p.shmat(id, null, 0).catch((error) => {
    const inode = settings.profile.keys === "inode";
    const what = inode ? `id=${id}, addr=0x0, flags=0x0` : `id=${id}`;
    throw new PgError("FATAL", `shmat(${what}) failed: ${reasonOf(error)}`, "", "", error);
  });
  exit.push(() => p.shmdt(memory).catch((e) => warn(`shmdt(0x${memory.addr.toString(16)})`, e)));
  writeHeader(memory, p.pid, settings);
  return { key, id, memory };
}

function writeHeader(memory: Attachment, pid: number, settings: Settings): void {
  const { i32 } = memory;
  i32[H_PID] = pid;
  i32[H_DEVICE] = settings.device;
  i32[H_INODE] = settings.inode | 0;
  i32[H_TOTAL_SIZE] = segmentBytes(settings) | 0;
  Atomics.store(i32, H_MAGIC, MAGIC);
}

/** True: try this key again. False: go on to the next. [PG-17] step 3 */
async function clearByAttachCount(server: Server, key: number): Promise<boolean> {
  const { p, settings, log } = server;
  const id = await p.shmget(key, HEADER_BYTES, 0).catch(nothing);
  if (id === null) return false;
  const { state, memory } = await analyse(p, settings, id);
  if (state === "attached" || state === "unknown") throw stillInUse(settings, { key, id });
  if (state === "gone") {
    const text = `shared memory block (key ${key}, ID ${id}) deleted during startup`;
    log.line(p, "LOG", text);
  }
  const cleared =
    state === "gone" || (state === "unattached" && (await attempt(p.shmctl(id, IPC_RMID))) === 0);
  if (memory !== null) await p.shmdt(memory);
  return cleared;
}

/** The older rule: a segment whose creator's pid is nobody's is dead. [PG-18] */
async function clearByCreator(p: Process, key: number): Promise<boolean> {
  const id = await p.shmget(key, HEADER_BYTES, 0).catch(nothing);
  if (id === null) return false;
  const memory = await p.shmat(id, null, 0).catch(nothing);
  if (memory === null) return false;
  const magic = Atomics.load(memory.i32, H_MAGIC);
  const creator = memory.i32[H_PID];
  const dead =
    magic === MAGIC && (creator === p.pid || (await attempt(p.kill(creator, 0))) === ESRCH);
  await p.shmdt(memory);
  return dead && (await attempt(p.shmctl(id, IPC_RMID))) === 0;
}

/** PGSharedMemoryAttach of 2019 and later. [PG-15] */
async function analyse(p: Process, settings: Settings, id: number): Promise<Probe> {
  let nattch: number;
  try {
    nattch = (await p.shmctl(id, IPC_STAT)).shm_nattch;
  } catch (error) {
    return { state: stateOf(errnoOf(error)), memory: null };
  }
  let memory: Attachment;
  try {
    memory = await p.shmat(id, null, 0);
  } catch (error) {
    return { state: stateOf(errnoOf(error)), memory: null };
  }
  if (!isOurs(memory, settings)) return { state: "foreign", memory };
  return { state: nattch === 0 ? "unattached" : "attached", memory };
}

/** EIDRM means "gone" on Linux only. */
function stateOf(errno: Errno): State {
  if (errno === EINVAL) return "gone";
  return errno === EACCES ? "foreign" : "unknown";
}

function isOurs({ i32 }: Attachment, { device, inode }: Settings): boolean {
  return i32[H_MAGIC] === MAGIC && i32[H_DEVICE] === device && i32[H_INODE] === (inode | 0);
}

/** Is the segment that a lock file names still used by a server of this directory? [PG-14] */
export async function segmentInUse(p: Process, settings: Settings, id: number): Promise<boolean> {
  if (settings.profile.segmentRule === "creator-pid") return inUseByOldRule(p, settings, id);
  const { state, memory } = await analyse(p, settings, id);
  if (memory !== null) await p.shmdt(memory);
  return state === "attached" || state === "unknown";
}

/** Before 2019 a failed shmat meant "in use", and nattch was looked at first. [PG-18] */
async function inUseByOldRule(p: Process, settings: Settings, id: number): Promise<boolean> {
  try {
    if ((await p.shmctl(id, IPC_STAT)).shm_nattch === 0) return false;
  } catch (error) {
    const errno = errnoOf(error);
    return errno !== EINVAL && errno !== EACCES;
  }
  const memory = await p.shmat(id, null, 0).catch(nothing);
  if (memory === null) return true;
  const ours = isOurs(memory, settings);
  await p.shmdt(memory);
  return ours;
}

/** A failed call as null. */
function nothing(error: unknown): null {
  errnoOf(error);
  return null;
}

/** [PG-14] [PG-17] */
export function stillInUse(settings: Settings, segment: { key: number; id: number }): PgError {
  const { profile, dataDirectory } = settings;
  return new PgError(
    "FATAL",
    `pre-existing shared memory block (key ${segment.key}, ID ${segment.id}) is still in use`,
    "",
    profile.segmentRule === "attach-count"
      ? `Terminate any old server processes associated with data directory "${dataDirectory}".`
      : "If you're sure there are no old server processes still running, remove the shared memory " +
          'block or just delete the file "postmaster.pid".',
  );
}

/** [PG-20] */
function cannotCreate(settings: Settings, key: number, bytes: number, error: unknown): PgError {
  const errno = errnoOf(error);
  const call = `shmget(key=${key >>> 0}, size=${bytes}, 0${CREATE.toString(8)})`;
  const hints = settings.profile.longHints ? longHints(settings, bytes) : HINTS;
  const hint = hints.get(errno);
  return new PgError(
    "FATAL",
    `could not create shared memory segment: ${strerror(errno)}`,
    `Failed system call was ${call}.`,
    hint === undefined ? "" : `${hint}\n${MANUAL}`,
    error,
  );
}

const MANUAL =
  "The PostgreSQL documentation contains more information about shared memory configuration.";
const NO_SPACE =
  "This error does *not* mean that you have run out of disk space.  It occurs either if all " +
  "available shared memory IDs have been taken, in which case you need to raise the SHMMNI " +
  "parameter in your kernel, or because the system's overall limit for shared memory has been " +
  "reached.";

const HINTS: ReadonlyMap<Errno, string> = new Map([
  [
    EINVAL,
    "This error usually means that PostgreSQL's request for a shared memory segment exceeded " +
      "your kernel's SHMMAX parameter, or possibly that it is less than your kernel's SHMMIN " +
      "parameter.",
  ],
  [
    ENOMEM,
    "This error usually means that PostgreSQL's request for a shared memory segment exceeded " +
      "your kernel's SHMALL parameter.  You might need to reconfigure the kernel with larger " +
      "SHMALL.",
  ],
  [ENOSPC, NO_SPACE],
]);

/** Up to 9.2 the hints name the settings that make the segment large. */
function longHints(settings: Settings, bytes: number): ReadonlyMap<Errno, string> {
  const { sharedBuffers, maxConnections } = settings;
  const reduce =
    `PostgreSQL's shared_buffers parameter (currently ${sharedBuffers}) and/or its ` +
    `max_connections parameter (currently ${maxConnections}).`;
  return new Map([
    [
      EINVAL,
      "This error usually means that PostgreSQL's request for a shared memory segment exceeded " +
        "your kernel's SHMMAX parameter.  You can either reduce the request size or reconfigure " +
        "the kernel with larger SHMMAX.  To reduce the request size (currently " +
        `${bytes} bytes), reduce ${reduce}\n` +
        "If the request size is already small, it's possible that it is less than your kernel's " +
        "SHMMIN parameter, in which case raising the request size or reconfiguring SHMMIN is " +
        "called for.",
    ],
    [
      ENOMEM,
      "This error usually means that PostgreSQL's request for a shared memory segment exceeded " +
        "available memory or swap space.  To reduce the request size (currently " +
        `${bytes} bytes), reduce ${reduce}`,
    ],
    [
      ENOSPC,
      `${NO_SPACE}  If you cannot increase the shared memory limit, reduce PostgreSQL's shared ` +
        `memory request (currently ${bytes} bytes), by reducing its ${reduce.slice(13)}`,
    ],
  ]);
}
