/** Reading a run file: what is no run file, or of another version, is refused with one line. */
import { readFileSync } from "node:fs";
import { FORMAT, FORMAT_VERSION, type RunFile } from "./runfile.ts";
import { SettingsError } from "./settings.ts";

/** @throws SettingsError that names the file and what is wrong with it */
export function readRun(file: string): RunFile {
  const value = parsed(file, textOf(file));
  const { format, formatVersion, repetitions } = value as Partial<RunFile>;
  if (format !== FORMAT) {
    throw new SettingsError(`${file} is no run file; \`jailyard stress --json\` writes one`);
  }
  if (formatVersion !== FORMAT_VERSION) {
    throw new SettingsError(
      `${file} has format version ${formatVersion}; this jailyard reads ${FORMAT_VERSION}, run it again`,
    );
  }
  if (!Array.isArray(repetitions) || repetitions.length === 0) {
    throw new SettingsError(`${file} holds no result: nothing was measured`);
  }
  return value as RunFile;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file" : code === "EISDIR" ? "a directory" : message;
    throw new SettingsError(`${file}: ${why}`);
  }
}

function parsed(file: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    throw new SettingsError(`${file}: not JSON: ${(error as Error).message.split("\n")[0]}`);
  }
  throw new SettingsError(`${file} is no run file; \`jailyard stress --json\` writes one`);
}
