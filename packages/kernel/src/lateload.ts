/**
 * Policy of late load: what a jail gets that was there before the module. The question is the
 * mail's of 2006, and each of the answers is somebody's.
 *
 *   freebsd   who has allow.sysvipc shares with the host, nobody else gets anything [JAIL-64]
 *   deny      nothing: the jail stays flagged until somebody changes it
 *   create    what a jail gets that is made now
 *
 * A jail is flagged (pr_noipc) when it is made without the module, and again when the module goes:
 * what was set is forgotten with it [JAIL-66].
 */
import type { Facility } from "@jailyard/abi/types";
import type { Kernel } from "./kernel.ts";
import type { Prison } from "./prison.ts";

export const LATE_LOADS = ["freebsd", "deny", "create"] as const;
export type LateLoad = (typeof LATE_LOADS)[number];

export type Grant = "none" | "shared" | "own";

function grantOf(k: Kernel, prison: Prison): Grant {
  if (prison === k.prison0) return "own";
  if (k.lateLoad === "freebsd") return prison.pr_allow_sysvipc ? "shared" : "none";
  return k.lateLoad === "create" ? "own" : "none";
}

/** Ask the policy for every jail, parents first, and let in whom it lets in. */
export function letIn(
  k: Kernel,
  f: Facility,
  admit: (prison: Prison, grant: Exclude<Grant, "none">) => void,
): void {
  for (const prison of k.prisons) {
    const grant = grantOf(k, prison);
    prison.pr_noipc[f] = grant === "none";
    if (grant !== "none") admit(prison, grant);
  }
}

/** The module is gone: whoever is there now was there before the next one. */
export function flagAll(k: Kernel, f: Facility): void {
  for (const prison of k.prisons) prison.pr_noipc[f] = prison !== k.prison0;
}
