/** Arguments of calls: numbers as C would convert them, TypeErrors for what C could not pass. */
import { SIGNALS, type SignalName } from "@jailyard/abi/signal";

/** An int: any whole number, cut to 32 bits as C does. */
export function int(value: unknown, what: string): number {
  return whole(value, what) | 0;
}

/** A uid_t or gid_t: -1 is the largest. */
export function unsigned(value: unknown, what: string): number {
  return whole(value, what) >>> 0;
}

/** A whole number. @throws TypeError for anything else, NaN and strings included */
export function whole(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw new TypeError(`${what} must be a whole number, not ${shown(value)}`);
  }
  return value;
}

/** A size_t: negative numbers are huge. [SHM-16] [MSG-35] */
export function size(value: unknown, what: string): number {
  const bytes = whole(value, what);
  return bytes < 0 ? 2 ** 64 + bytes : bytes;
}

export function signalNumber(signal: unknown): number {
  if (typeof signal === "number") return whole(signal, "signal");
  const number = typeof signal === "string" ? SIGNALS[signal as SignalName] : undefined;
  if (number === undefined) throw new TypeError(`unknown signal ${shown(signal)}`);
  return number;
}

export function text(value: unknown, what: string): string {
  if (typeof value !== "string")
    throw new TypeError(`${what} must be a string, not ${shown(value)}`);
  return value;
}

export function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} must be an object, not ${shown(value)}`);
  }
  return value as Record<string, unknown>;
}

export function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} must be an array, not ${shown(value)}`);
  return value;
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return Array.isArray(value)
    ? "an array"
    : typeof value === "object"
      ? "an object"
      : String(value);
}
