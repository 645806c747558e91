/** The kernel's invariants for tests: what is broken is thrown. */
import { brokenCounts, brokenInvariants } from "@jailyard/kernel/invariants";
import type { Kernel } from "@jailyard/kernel/kernel";

function none(broken: readonly string[]): void {
  if (broken.length > 0) throw new Error(broken.join("; "));
}

/** Cheap enough for every call. @throws Error that says what does not hold */
export const checkCounts = (k: Kernel): void => none(brokenCounts(k));
/** All of them. @throws Error that says what does not hold */
export const checkKernel = (k: Kernel): void => none(brokenInvariants(k));
