/** Result files, written whole or not at all: a full disk damages no result that was there before. */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/** The result cannot be kept; the message says what is as it was. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Write beside the file, then put it in its place; a link stays one, and what is no file, such as
 * /dev/stdout, is written to. @throws WriteError
 */
export function writeWhole(file: string, text: string): void {
  const old = statSync(file, { throwIfNoEntry: false });
  const place = old === undefined ? file : realpathSync(file);
  const part = `${place}.${process.pid}.part`;
  try {
    if (old !== undefined && !old.isFile()) return writeFileSync(file, text);
    writeFileSync(part, text, old && { mode: old.mode });
    renameSync(part, place);
  } catch (error) {
    rmSync(part, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "no space is left on the device" : message;
    throw new WriteError(`${file} is not written, and what was there is as it was: ${why}`);
  }
}
