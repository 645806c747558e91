/** What every call of libc is made of, and the arguments and results that many have. */
import type { Errno } from "@jailyard/abi/errno";
import { putJson, RET0 } from "@jailyard/abi/wire";
import { int } from "./arguments.ts";
import type { Direct } from "./direct.ts";
import type { UserProcess } from "./userprocess.ts";

/** A call: `enter` writes the frame and may refuse with a TypeError; `leave` reads the result. */
export interface Def {
  readonly sysno: number;
  enter(u: UserProcess, args: readonly unknown[]): void;
  leave(u: UserProcess, args: readonly unknown[]): unknown;
  /** The same call on a mapped page, if it is one that a page can decide. */
  readonly direct?: OnPage;
}

interface OnPage {
  call(d: Direct, args: readonly unknown[]): Errno;
  leave(d: Direct, args: readonly unknown[]): unknown;
}

export const none = (): undefined => undefined;
export const ret0 = ({ frame }: UserProcess): number => frame.a[RET0];
export const posted = (u: UserProcess): unknown => u.gate.bulk(u.slot);

const encoder = new TextEncoder();

export function json(u: UserProcess, value: unknown, what: string): void {
  const bytes = putJson(u.frame.u8, value);
  if (bytes < 0) throw new TypeError(`${what} is longer than ${u.frame.u8.length} bytes`);
  u.frame.a[0] = bytes;
}

/** A call whose arguments are all ints. */
export function ints(sysno: number, names: readonly string[], leave: Def["leave"]): Def {
  return {
    sysno,
    enter({ frame }, args) {
      for (let i = 0; i < names.length; i++) frame.a[i] = int(args[i], names[i]);
    },
    leave,
  };
}

/** A call with one argument in JSON. */
export function withJson(
  sysno: number,
  arg: (args: readonly unknown[]) => unknown,
  leave: Def["leave"],
): Def {
  return {
    sysno,
    enter: (u, args) => json(u, arg(args), "the argument"),
    leave,
  };
}

/** A text as bytes. @throws TypeError */
export function bytesOf(text: unknown, what = "mtext"): Uint8Array {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`${what} must be a string or Uint8Array`);
}
