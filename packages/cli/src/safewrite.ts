/** Result files, written whole or not at all: a full disk damages no result that was there before. */
import {
  closeSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";

/** The result cannot be kept; the message says what is as it was. */
export class WriteError extends Error {
  override readonly name = "WriteError";
}

/**
 * Write beside the file, then put it in its place; a link stays one, and what is no file, such as
 * /dev/stdout, is written to. @throws WriteError
 */
export const writeWhole = (file: string, text: string): void => writePieces(file, [text]);

/** The same of a text that need not fit into memory. @throws WriteError */
export function writePieces(file: string, pieces: Iterable<string>): void {
  const old = statSync(file, { throwIfNoEntry: false });
  const place = old === undefined ? file : realpathSync(file);
  const part = `${place}.${process.pid}.part`;
  try {
    if (old !== undefined && !old.isFile()) return writeAll(file, pieces);
    writeAll(part, pieces, old);
    renameSync(part, place);
  } catch (error) {
    rmSync(part, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "no space is left on the device" : message;
    throw new WriteError(`${file} is not written, and what was there is as it was: ${why}`);
  }
}

/** Characters that are written at once. */
const AT_ONCE = 1 << 20;

function writeAll(file: string, pieces: Iterable<string>, old?: Stats): void {
  const fd = openSync(file, "w", old?.mode);
  try {
    let text = "";
    for (const piece of pieces) {
      text += piece;
      if (text.length < AT_ONCE) continue;
      write(fd, text);
      text = "";
    }
    write(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** A disk that is nearly full takes a part of it, and says so the next time. */
function write(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
