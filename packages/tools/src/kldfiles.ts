/** Files and modules of the kernel as kldstat(8) and kldunload(8) name them. */
import type { KldStat } from "@jailyard/trap/records";

/** `sysvshm`, `sysvshm.ko` and a path to it are one. */
const plain = (name: string): string => name.slice(name.lastIndexOf("/") + 1).replace(/\.ko$/, "");

export const kldNamed = (files: readonly KldStat[], name: string): KldStat | undefined =>
  files.find((file) => plain(file.name) === plain(name));

/** The module that a file has; the kernel itself has none of ours. */
export const moduleOf = (file: KldStat): string => plain(file.name);

/** Ids of modules are numbered apart from those of files, after the kernel's own. */
const FIRST_MODULE = 408;
export const moduleId = (file: KldStat): number => FIRST_MODULE + file.id;

const KERNEL = { address: 0xffffffff80200000n, size: 0x1d345a0, path: "/boot/kernel/kernel" };
const FIRST_ADDRESS = 0xffffffff82c00000n;
/** Between two files. */
const STRIDE = 0x7000n;
const SIZES: Readonly<Record<string, number>> = {
  sysvmsg: 0x5a20,
  sysvsem: 0x6710,
  sysvshm: 0x5458,
};

/**
 * Where a file would lie: a yard has no kernel memory, so addresses and sizes are nominal. They are
 * like those of FreeBSD 14 on amd64, and the same for the same id.
 */
export function placeOf(file: KldStat): { address: bigint; size: number; path: string } {
  if (file.id === 1) return KERNEL;
  const address = FIRST_ADDRESS + BigInt(file.id) * STRIDE;
  return { address, size: SIZES[plain(file.name)] ?? 0, path: `/boot/kernel/${file.name}` };
}
