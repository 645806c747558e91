/** Reading recordings from files: JSONL or raw strace text, as they are or packed by gzip. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { nameOf, parseRecording, type Recording, RecordingError } from "./recording.ts";
import { parseStrace } from "./strace.ts";

const GZIP = [0x1f, 0x8b] as const;

/** @throws RecordingError that names the file, the line if there is one, and the remedy */
export function loadRecording(file: string): Recording {
  const text = textOf(file);
  if (text.trim() === "") throw new RecordingError(file, 0, "the file is empty");
  if (text.trimStart().startsWith("{")) return parseRecording(file, text);
  return { name: nameOf(file), events: parseStrace(file, text) };
}

function textOf(file: string): string {
  const bytes = bytesOf(file);
  if (bytes[0] !== GZIP[0] || bytes[1] !== GZIP[1]) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes).toString("utf8");
  } catch {
    throw new RecordingError(file, 0, "damaged gzip data; copy the file again");
  }
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new RecordingError(file, 0, "no such file");
    if (code === "EISDIR") throw new RecordingError(file, 0, "is a directory; name a file in it");
    throw new RecordingError(file, 0, `cannot be read (${code})`);
  }
}
