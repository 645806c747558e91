/** Where running yards listen: a UNIX socket each, in a directory that only its user may enter. */
import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "./usage.ts";

const SUFFIX = ".sock";
const NAME = /^[\w.-]{1,32}$/;

/** `$XDG_RUNTIME_DIR/jailyard`, or a directory of the user's among the temporary ones. */
export function yardDirectory(): string {
  const runtime = process.env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && runtime !== "") return join(runtime, "jailyard");
  return join(tmpdir(), `jailyard-${process.getuid?.() ?? 0}`);
}

/** Make the directory if it is not there. @throws UsageError if it is somebody else's */
export function makeYardDirectory(): string {
  const directory = yardDirectory();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  checkDirectory(directory);
  chmodSync(directory, 0o700);
  return directory;
}

function checkDirectory(directory: string): void {
  const { uid } = lstatSync(directory);
  const isOurs = lstatSync(directory).isDirectory() && uid === (process.getuid?.() ?? uid);
  if (isOurs) return;
  throw new UsageError(
    `${directory} is not a directory of yours; set XDG_RUNTIME_DIR to one that is`,
  );
}

/** The socket of the yard of this name. @throws UsageError for a name that cannot be one */
export function socketPath(name: string): string {
  if (!NAME.test(name)) {
    throw new UsageError(`--yard ${name}: a name has up to 32 letters, digits, dots and dashes`);
  }
  return join(yardDirectory(), name + SUFFIX);
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
