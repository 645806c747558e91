/**
 * postmaster.pid and the rest of a data directory that outlives its server. [PG-12] to [PG-14]
 *
 * The yard has no files, so a directory is a record of the jail's thread, found by jail and path.
 * It stays when a postmaster is killed, as the file does.
 */
import { EPERM, ESRCH } from "@jailyard/abi/errno";
import type { Process } from "@jailyard/trap/process";
import { attempt, PgError } from "./report.ts";
import type { Settings } from "./settings.ts";
import { segmentInUse, stillInUse } from "./shmem.ts";

export interface LockFile {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly port: number;
  /** Line 7: key and id of the segment; null until it is there. */
  segment: { readonly key: number; readonly id: number } | null;
}

export interface DataDirectory {
  lockFile: LockFile | null;
  /** Of the control file: the last server wrote its shutdown checkpoint. */
  clean: boolean;
}

const TRIES = 100;
const directories = new Map<string, DataDirectory>();

/** The directory of this name in this jail; empty and clean at first. */
export function dataDirectory(jail: string, path: string): DataDirectory {
  const name = `${jail}:${path}`;
  let directory = directories.get(name);
  if (directory === undefined) {
    directory = { lockFile: null, clean: true };
    directories.set(name, directory);
  }
  return directory;
}

/** rm -rf: the next server finds nothing. */
export function removeDataDirectory(jail: string, path: string): void {
  directories.delete(`${jail}:${path}`);
}

/** Create the lock file, or say why not. @throws PgError if another server may be alive */
export async function createLockFile(
  p: Process,
  settings: Settings,
  directory: DataDirectory,
): Promise<void> {
  const { dataDirectory, port } = settings;
  for (let tries = 0; directory.lockFile !== null; tries++) {
    if (tries === TRIES) throw new PgError("FATAL", 'could not create lock file "postmaster.pid"');
    await refuseIfAlive(p, settings, directory.lockFile);
    directory.lockFile = null;
  }
  directory.lockFile = { pid: p.pid, dataDirectory, port, segment: null };
}

async function refuseIfAlive(p: Process, settings: Settings, old: LockFile): Promise<void> {
  if (old.pid !== p.pid && old.pid !== (await p.getppid())) {
    const error = await attempt(p.kill(old.pid, 0));
    if (error !== ESRCH && error !== EPERM) throw alreadyRunning(old);
  }
  if (old.segment === null) return;
  if (await segmentInUse(p, settings, old.segment.id)) throw stillInUse(settings, old.segment);
}

const alreadyRunning = ({ pid, dataDirectory }: LockFile): PgError =>
  new PgError(
    "FATAL",
    'lock file "postmaster.pid" already exists',
    "",
    `Is another postmaster (PID ${pid}) running in data directory "${dataDirectory}"?`,
  );
