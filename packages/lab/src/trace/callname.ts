/** System calls by number, as programs call them. */
import * as sys from "@jailyard/abi/syscall";

const NAMES = new Map(
  Object.entries(sys)
    .filter(([name]) => name.startsWith("SYS_"))
    .map(([name, number]) => [number, name.slice("SYS_".length)]),
);

/** 0: a thread that works in nobody's name. */
export const callName = (sysno: number): string => NAMES.get(sysno) ?? "none";
