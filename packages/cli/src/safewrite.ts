/** Result files, written whole or not at all: a full disk damages no result that was there before. */
import { renameSync, rmSync, writeFileSync } from "node:fs";

/** The result cannot be kept; the message says what is as it was. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/** Write beside the file, then put it in its place. @throws WriteError */
export function writeWhole(file: string, text: string): void {
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, text);
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "no space is left on the device" : message;
    throw new WriteError(`${file} is not written, and what was there is as it was: ${why}`);
  }
}
