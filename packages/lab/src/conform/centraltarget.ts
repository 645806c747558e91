/** Placement `central`: being written. */
import type { ConformTarget } from "./target.ts";

export interface CentralOptions {
  /** Which libc the processes use; `mixed` takes one case with this and one with that. */
  readonly libc?: "awaited" | "blocking" | "mixed";
}

export declare function centralTarget(
  options?: CentralOptions,
): ConformTarget & { close(): Promise<void> };
