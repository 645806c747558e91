/** Where what can be made again is kept: beside the installed packages, or in the temporary folder. */
import { accessSync, constants, lstatSync, mkdirSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../node_modules", import.meta.url));

/** An absolute path that can be written; null: there is none. */
export function cacheFolder(): string | null {
  if (own(join(ROOT, ".cache")) === null) return own(join(tmpdir(), `jailyard-${userInfo().uid}`));
  return own(join(ROOT, ".cache/jailyard"));
}

/** What lies there runs as code, so the folder is the user's own. */
function own(path: string): string | null {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") return null;
  }
  try {
    accessSync(path, constants.W_OK);
    return lstatSync(path).isDirectory() && lstatSync(path).uid === userInfo().uid ? path : null;
  } catch {
    return null;
  }
}
