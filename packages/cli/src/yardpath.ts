/** Where running yards listen: a UNIX socket each, in a directory that only its user may enter. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "./usage.ts";

const SUFFIX = ".sock";
/** Room of sun_path of sys/un.h, without the NUL; macOS and the BSDs have 103. */
const SUN_PATH_MAX = 103;
const NAME = /^[\w.-]{1,32}$/;

/** `$XDG_RUNTIME_DIR/jailyard`, or where there is no such place one among the temporary files. */
export function yardDirectory(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && existsSync(runtime)) return join(runtime, "jailyard");
  return join(tmpdir(), `jailyard-${process.getuid?.() ?? 0}`);
}

/** Make the directory if it is not there. @throws UsageError if it cannot be, or is not ours */
export function makeYardDirectory(): void {
  const directory = yardDirectory();
  try {
    // Not recursive: the parent has to be there, and Node never comes back from one below /proc.
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
    const isOurs = lstatSync(directory).isDirectory() && ownerOf(directory) === process.getuid?.();
    if (!isOurs) throw new Error("it is not a directory of yours");
    chmodSync(directory, 0o700);
  } catch (error) {
    throw new UsageError(
      `no place for the yard's socket: ${(error as Error).message}; set XDG_RUNTIME_DIR to a directory of yours`,
    );
  }
}

const ownerOf = (directory: string): number | undefined =>
  process.getuid === undefined ? undefined : lstatSync(directory).uid;

/** The socket of the yard of this name. @throws UsageError for a name that cannot be one */
export function socketPath(name: string): string {
  if (!NAME.test(name)) {
    throw new UsageError(`--yard ${name}: a name has up to 32 letters, digits, dots and dashes`);
  }
  const path = join(yardDirectory(), name + SUFFIX);
  if (Buffer.byteLength(path) <= SUN_PATH_MAX) return path;
  throw new UsageError(`${path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter path`);
}

/** Names that have a socket; whether somebody still listens there is another matter. */
export function yardNames(): string[] {
  try {
    return readdirSync(yardDirectory())
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .sort();
  } catch {
    return [];
  }
}
