/**
 * Model `jail-keyed`: FreeBSD 11 and later. Every object belongs to its creator's prison; keys are
 * searched in the caller's own prison only, ids from the caller's root downwards. [COM-6] to [COM-13]
 */
import { JAIL_SYS_DISABLE, JAIL_SYS_INHERIT, JAIL_SYS_NEW } from "@jailyard/abi/jail";
import type { Facility } from "@jailyard/abi/types";
import { cleanup } from "../facility.ts";
import type { Kernel } from "../kernel.ts";
import { letIn } from "../lateload.ts";
import type { Jailsys, Model, Root } from "../model.ts";
import { descend, isAncestor, type Prison } from "../prison.ts";

/** The roots of a jail and of those below it that share them. [JAIL-2] [JAIL-11] to [JAIL-22] */
const jailsys: Jailsys = {
  value(f, prison) {
    const root = prison.pr_roots[f];
    if (root === null) return JAIL_SYS_DISABLE;
    return root === prison ? JAIL_SYS_NEW : JAIL_SYS_INHERIT;
  },
  permits: (f, parent, value) => value === JAIL_SYS_DISABLE || parent.pr_roots[f] !== null,
  set(k, f, prison, value) {
    if (value === JAIL_SYS_DISABLE) disable(k, f, prison);
    else move(k, f, prison, value === JAIL_SYS_NEW ? prison : prison.pr_parent!.pr_roots[f]);
  },
};

/** No name space for the jail and all below it. [JAIL-15] */
function disable(k: Kernel, f: Facility, prison: Prison): void {
  if (!dropRoot(k, f, prison)) return;
  descend(prison, (below) => dropRoot(k, f, below)); // who has none has nobody below that has
}

/** False if there was no root. What a jail owned in a space of its own goes with it. */
function dropRoot(k: Kernel, f: Facility, prison: Prison): boolean {
  const old = prison.pr_roots[f];
  prison.pr_roots[f] = null;
  if (old === prison) cleanup(k, f, prison);
  return old !== null;
}

/**
 * Another root. Those below that share the old one come along and keep what they own; `target` is
 * null where allow.sysvipc asks for what the parent does not have. [JAIL-16] [JAIL-17] [JAIL-24]
 */
function move(k: Kernel, f: Facility, prison: Prison, target: Prison | null): void {
  const old = prison.pr_roots[f];
  if (old === target) return;
  prison.pr_roots[f] = target;
  if (old === prison) cleanup(k, f, prison);
  if (old === null) return;
  descend(prison, (below) => {
    if (below.pr_roots[f] !== old) return false;
    below.pr_roots[f] = target;
    return true;
  });
}

export const jailKeyed: Model = {
  name: "jail-keyed",
  jailsys,
  spaces: null,
  hasSwitch: false,
  root: (_k, f, cred) => cred.cr_prison.pr_roots[f],
  keySpace: (_k, _f, cred) => cred.cr_prison.pr_serial,
  visible: (_k, _f, root: Root, { cred }) =>
    root === cred.cr_prison || isAncestor(root as Prison, cred.cr_prison),
  showsKey: (viewer, { cred }) => viewer.cr_prison === cred.cr_prison,
  spaceName: () => null,
  created() {},
  dying(k, f, prison) {
    if (prison.pr_roots[f] === prison) cleanup(k, f, prison);
  },
  loaded(k, f) {
    letIn(k, f, (prison, grant) => {
      prison.pr_roots[f] = grant === "shared" ? k.prison0 : prison;
    });
  },
  unloaded(k, f) {
    for (const prison of k.prisons) prison.pr_roots[f] = null;
  },
  about: {
    system: "FreeBSD 11 and later",
    lateLoad: "freebsd",
    limits: "host",
    differs: {},
    beside: [],
  },
};
