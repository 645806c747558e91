/**
 * Model `jail-keyed`: FreeBSD 11 and later. Every object belongs to its creator's prison; keys are
 * searched in the caller's own prison only, ids from the caller's root downwards. [COM-6] to [COM-13]
 */
import type { Facility } from "@jailyard/abi/types";
import type { Model, Root } from "../model.ts";
import { isAncestor, type Prison } from "../prison.ts";

export const jailKeyed: Model = {
  name: "jail-keyed",
  jailsys: true,
  root: (_k, f, cred) => cred.cr_prison.pr_roots[f],
  keySpace: (_k, _f, cred) => cred.cr_prison.pr_serial,
  visible: (_k, _f, root: Root, { cred }) =>
    root === cred.cr_prison || isAncestor(root as Prison, cred.cr_prison),
  showsKey: (viewer, { cred }) => viewer.cr_prison === cred.cr_prison,
  diesWith: (f: Facility, prison) => prison.pr_roots[f] === prison,
  loaded(k, f) {
    for (const prison of k.prisons) {
      prison.pr_roots[f] = prison.pr_allow_sysvipc ? k.prison0 : null; // prison0 has the bit
    }
  },
};
